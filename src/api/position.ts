import * as z from 'zod'
import { HttpError } from './problem.ts'

const Position = z.tuple([z.string(), z.uuid()])

/** Where a page of a list ended: the last one's time, to the microsecond, and its id. */
export interface ListPosition {
  readonly createdText: string
  readonly id: string
}

/** @throws HttpError `CURSOR_INVALID` */
export function positionOf(cursor: string): ListPosition {
  try {
    const [createdText, id] = Position.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')))
    if (Number.isNaN(Date.parse(createdText))) throw new RangeError(createdText)
    return { createdText, id }
  } catch (error) {
    throw new HttpError(400, 'CURSOR_INVALID', 'The cursor is not one that this API gave out.', { hint: 'Start again without a cursor.', cause: error })
  }
}

/** One page of rows of which one more than its limit was read, and where the next one begins. */
export function pageOf<Row extends ListPosition>(rows: readonly Row[], limit: number): { readonly page: Row[]; readonly nextCursor: string | null } {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const nextCursor = rows.length > limit && last !== undefined ? Buffer.from(JSON.stringify([last.createdText, last.id])).toString('base64url') : null
  return { page, nextCursor }
}
