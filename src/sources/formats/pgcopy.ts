import type { CopyColumn } from '../../definitions/page.ts'
import { DataError, SourceError } from '../../errors.ts'
import { readerOf } from './pgcopy-values.ts'

/**
 * The records of a page of binary COPY tuples, by column. `bigint` is a bigint, `numeric` exact text, `bytea` bytes, times ISO 8601 text with microseconds;
 * types that have no reader are text.
 * @throws SourceError `PAGE_TRUNCATED`; DataError `COPY_COLUMN_COUNT`
 */
export function parseCopy(body: Uint8Array, columns: readonly CopyColumn[], page: string): Readonly<Record<string, unknown>>[] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const names = columns.map(({ name }) => name)
  const readers = columns.map(({ oid }) => readerOf(oid) ?? ((all: Buffer, at: number, length: number) => all.toString('utf8', at, at + length)))
  const records: Record<string, unknown>[] = []
  const end = bytes.length
  let at = 0
  while (at < end) {
    if (at + 2 > end) throw truncated(page, records.length)
    const count = bytes.readUInt16BE(at)
    if (count !== columns.length) throw wrongCount(page, records.length, count, columns.length)
    at += 2
    const record: Record<string, unknown> = {}
    for (let index = 0; index < count; index += 1) {
      if (at + 4 > end) throw truncated(page, records.length)
      const length = bytes.readInt32BE(at)
      at += 4
      if (length > end - at) throw truncated(page, records.length)
      const name = names[index] ?? ''
      record[name] = length < 0 ? null : readers[index]?.(bytes, at, length)
      if (length > 0) at += length
    }
    records.push(record)
  }
  return records
}

function truncated(page: string, record: number): SourceError {
  return new SourceError(`Record ${String(record)} of ${page} ends in the middle`, { code: 'PAGE_TRUNCATED', hint: 'The page is fetched again.' })
}

function wrongCount(page: string, record: number, found: number, expected: number): DataError {
  return new DataError(`Record ${String(record)} of ${page} has ${String(found)} fields; its page has ${String(expected)} columns`, {
    code: 'COPY_COLUMN_COUNT',
    hint: 'A page of binary COPY names the columns of its tuples, in their order.',
  })
}
