import type { CopyColumn } from '../../definitions/page.ts'
import type { Session } from './session.ts'
import { createTupleCutter } from './tuple-cutter.ts'
import type { TuplePage } from './tuple-cutter.ts'

export interface TuplePagesOptions {
  readonly pageBytes: number
  readonly maxRecordBytes: number
}

/** A page of tuples and what they are. */
export interface PagedTuples extends TuplePage {
  readonly columns: readonly CopyColumn[]
}

/** Copies a SELECT out of Postgres, in binary, as pages of whole tuples. */
export async function* tuplePages(
  session: Session,
  select: string,
  columns: readonly CopyColumn[],
  options: TuplePagesOptions,
): AsyncGenerator<PagedTuples, void, undefined> {
  const cutter = createTupleCutter({ ...options, name: session.place.name })
  for await (const chunk of session.copy(`COPY (${select}) TO STDOUT (FORMAT binary)`)) {
    const page = cutter.push(chunk)
    if (page !== undefined) yield { ...page, columns }
  }
  const rest = cutter.end()
  if (rest !== undefined) yield { ...rest, columns }
}
