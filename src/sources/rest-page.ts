import type { RawPage } from '../definitions/page.ts'
import { bytesAt } from './formats/json-array.ts'
import type { FetchedPage } from './paging.ts'

const opening = Buffer.from('[')
const closing = Buffer.from(']')

/** The records of a page as they came; of a `single` one an array is made around it. */
export function pageOfRecords(
  page: FetchedPage,
  { path = [], single = false }: { readonly path?: readonly string[]; readonly single?: boolean },
): Pick<RawPage, 'body' | 'format'> {
  const record = single ? bytesAt(page.body, path) : undefined
  // Where there is none, whoever parses the page says so.
  if (record === undefined) return { body: page.parts, format: { kind: 'json', path } }
  return { body: [opening, record, closing], format: { kind: 'json' } }
}
