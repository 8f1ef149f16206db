import type { PageFormat } from '../definitions/page.ts'
import { parseCsv } from './formats/csv.ts'
import { parseJson } from './formats/json.ts'
import { parseJsonl } from './formats/jsonl.ts'
import { parseCopy } from './formats/pgcopy.ts'
import type { KeepFault } from './formats/record-fault.ts'
import { defaultMaxRecordBytes, faultOfOversized } from './formats/record-too-large.ts'

/** A page's bytes, as the spool kept them. */
export interface EncodedPage {
  readonly body: Uint8Array
  readonly format: PageFormat
  /** From 1. */
  readonly firstLine?: number
}

export interface ParsePageOptions {
  /** How messages name the page. Default `the page`. */
  readonly name?: string
  /** Default 16 MiB. */
  readonly maxRecordBytes?: number
  /** Takes the lines, rows and elements that are no records. Without it the first one is thrown. */
  readonly keepFault?: KeepFault
}

export interface ParsedPage {
  readonly records: readonly unknown[]
  /** Where a record is, for messages: `record 17`, or `record 17 (line 18)`. Indexes count from 0, lines from 1. */
  readonly locate: (index: number) => string
}

/**
 * Parses a page into its records; of Parquet only `parseBlocks` can.
 * @throws SourceError `PAGE_TRUNCATED`, `PAGE_NOT_JSON` and `PAGE_NOT_UTF8`: the page came broken, and only fetching it again can help.
 * @throws DataError `PAGE_PATH_NOT_FOUND`, `PAGE_NOT_AN_ARRAY`, `RECORD_NOT_JSON`, `RECORD_NOT_UTF8`, `RECORD_TOO_LARGE`, `CSV_FIELD_COUNT`, `CSV_QUOTE`, `COPY_COLUMN_COUNT`.
 */
export function parsePage(page: EncodedPage, options: ParsePageOptions = {}): ParsedPage {
  const name = options.name ?? 'the page'
  const maxRecordBytes = options.maxRecordBytes ?? defaultMaxRecordBytes
  const firstLine = page.firstLine ?? 1
  const { format, body } = page
  const { keepFault } = options
  if (format.kind === 'json') {
    const { records, numberOf } = parseJson(body, { path: format.path ?? [], page: name, maxRecordBytes, firstLine: page.firstLine, keepFault })
    return { records, locate: (index) => `record ${String(numberOf(index))}` }
  }
  if (format.kind === 'oversized') {
    const fault = faultOfOversized(body, format)
    if (keepFault === undefined) throw fault.error
    keepFault({ ...fault, place: format.at })
    return { records: [], locate: () => format.at }
  }
  if (format.kind === 'parquet') throw new TypeError('a row group is more than one page: parseBlocks reads it')
  if (format.kind === 'pgcopy') return { records: parseCopy(body, format.columns, name), locate: (index) => `record ${String(index)}` }
  const { records, lineOf } =
    format.kind === 'jsonl' ? parseJsonl(body, firstLine, name, maxRecordBytes, keepFault) : parseCsv(body, format, firstLine, name, maxRecordBytes, keepFault)
  return { records, locate: (index) => `record ${String(index)} (line ${String(firstLine + lineOf(index))})` }
}
