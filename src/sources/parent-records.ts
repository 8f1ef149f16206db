import type { JsonObject } from '../definitions/json.ts'
import { SourceError } from '../errors.ts'
import { bytesAt } from './formats/json-array.ts'
import { parseJson } from './formats/json.ts'
import { defaultMaxRecordBytes } from './formats/record-too-large.ts'
import { textOf } from './formats/utf8.ts'
import type { FetchedPage } from './paging.ts'
import { redactUrl } from './redact.ts'

/**
 * The records of a page of parents. Whole numbers that would lose digits, as long ids do, come as text.
 * @throws SourceError and DataError as `parseJson` does; SourceError `SOURCE_PARENT` where one is no object
 */
export function parentRecords(page: FetchedPage, path: readonly string[]): readonly JsonObject[] {
  const name = `The page ${redactUrl(page.url)}`
  const parsed = parseJson(page.body, { path, page: name, maxRecordBytes: defaultMaxRecordBytes }).records
  const text = textOf(bytesAt(page.body, path) ?? Buffer.alloc(0), name)
  const records: readonly unknown[] = /\d{16}/.test(text) ? (JSON.parse(text, exactly) as readonly unknown[]) : parsed
  return records.map((record, index) => {
    if (typeof record === 'object' && record !== null && !Array.isArray(record)) return record as JsonObject
    throw new SourceError(`${name} has as record ${String(index)} no object, so it can be nobody’s parent`, {
      code: 'SOURCE_PARENT',
      retryable: false,
      hint: 'See what the list of parents has at its path.',
    })
  })
}

function exactly(this: unknown, _: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) ? (context?.source ?? value) : value
}
