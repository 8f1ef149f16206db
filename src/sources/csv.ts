import type { Json } from '../definitions/json.ts'
import type { CsvDialect, RawPage } from '../definitions/page.ts'
import { SourceError } from '../errors.ts'
import { byteStream, nameOfOrigin } from './byte-stream.ts'
import type { ByteOrigin } from './byte-stream.ts'
import { columnsOfHeader } from './csv-header.ts'
import { dialectOf } from './formats/csv-options.ts'
import { defaultMaxRecordBytes, recordTooLarge } from './formats/record-too-large.ts'
import type { HttpClient } from './http.ts'
import { withLineBreak } from './line-break.ts'
import { recordCutter } from './record-cutter.ts'
import type { CutPage } from './record-holder.ts'

/** About 1 MiB: enough to keep a transform worker busy, little enough to keep many in flight. */
const defaultPageBytes = 1024 * 1024

export type CsvOptions = ByteOrigin &
  CsvDialect & {
    /** Columns that the header must have; those it has besides are handed on as well. Without a header: the names of the columns, in their order. */
    readonly columns: readonly string[]
    /** Whether the first line names the columns. Default true. */
    readonly header?: boolean
    /** Lines at the file's beginning that are passed over, before the header. Default 0. */
    readonly skipLines?: number
    readonly signal?: AbortSignal
    /** The HTTP client to fetch it with, if it needs headers or other limits. */
    readonly client?: HttpClient
    /** Handed to `transform` with every page. */
    readonly extra?: Json
    /** Bytes of a page, about. Default 1 MiB. */
    readonly pageBytes?: number
    /** Default 16 MiB. Of a larger one only the beginning is handed on, for quarantine. */
    readonly maxRecordBytes?: number
  }

/**
 * Reads a CSV file (RFC 4180 with a header line, LF, CRLF or CR, with or without a byte order mark, and what the dialect says) over HTTP or from
 * disk, as raw pages cut between records. Memory stays flat, whatever the file's size.
 * @throws SourceError as the HTTP client does; `CSV_EMPTY`, `CSV_COLUMN_MISSING`, `CSV_COLUMN_TWICE`, `CSV_TRUNCATED`; ConfigError `CSV_DELIMITER`, `CSV_DIALECT`.
 */
export async function* csv(options: CsvOptions): AsyncGenerator<RawPage, void, undefined> {
  const name = nameOfOrigin(options)
  const maxRecordBytes = options.maxRecordBytes ?? defaultMaxRecordBytes
  let dialect = dialectOf(options, name)
  let columns = options.header === false ? options.columns : undefined
  const pageOf = (page: CutPage): RawPage => {
    if (columns === undefined) throw recordTooLarge(`the header of ${name}`, page.oversized?.bytes, maxRecordBytes)
    return {
      body: page.body,
      firstLine: page.firstLine,
      format: page.oversized ?? { kind: 'csv', columns, ...dialect },
      ...(options.extra === undefined ? {} : { extra: options.extra }),
    }
  }
  const isHeader = (line: Buffer): boolean => {
    if (line.length > maxRecordBytes) throw recordTooLarge(`the header of ${name}`, line.length, maxRecordBytes)
    columns = columnsOfHeader(line, dialect, options.columns, name)
    return columns !== undefined
  }
  const newCutter = () =>
    recordCutter({
      pageBytes: options.pageBytes ?? defaultPageBytes,
      maxRecordBytes,
      dialect,
      name,
      ...(options.skipLines === undefined ? {} : { skipLines: options.skipLines }),
      ...(columns === undefined ? { isHeader } : {}),
    })
  let cutter: ReturnType<typeof newCutter> | undefined

  let chunks = byteStream(options, options.signal, options.client)
  if (options.lineBreak === undefined) chunks = withLineBreak(chunks, dialect, (lineBreak) => (dialect = dialectOf({ ...dialect, lineBreak }, name)))
  for await (const chunk of chunks) {
    cutter ??= newCutter()
    cutter.push(chunk)
    for (let page = cutter.shift(); page !== undefined; page = cutter.shift()) yield pageOf(page)
  }
  cutter ??= newCutter()
  const { openQuoteLine } = cutter.end()
  if (openQuoteLine !== undefined) {
    throw new SourceError(`${name} ends within a quoted value that begins in line ${String(openQuoteLine)}`, {
      code: 'CSV_TRUNCATED',
      hint: 'The file was cut off, or a quote in that line is never closed.',
    })
  }
  if (columns === undefined)
    throw new SourceError(`${name} is empty: it has no header line`, { code: 'CSV_EMPTY', hint: 'See whether the file was written whole.' })
  for (let page = cutter.shift(); page !== undefined; page = cutter.shift()) yield pageOf(page)
}
