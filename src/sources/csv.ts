import { parse } from 'csv-parse/sync'
import type { Json } from '../definitions/json.ts'
import type { RawPage } from '../definitions/page.ts'
import { ConfigError, SourceError } from '../errors.ts'
import { byteStream, nameOfOrigin } from './byte-stream.ts'
import type { ByteOrigin } from './byte-stream.ts'
import { textOf } from './formats/json.ts'
import { defaultMaxRecordBytes } from './formats/record-too-large.ts'
import type { HttpClient } from './http.ts'
import { recordCutter } from './record-cutter.ts'
import type { CutPage } from './record-cutter.ts'

/** About 1 MiB: enough to keep a transform worker busy, little enough to keep many in flight. */
const defaultPageBytes = 1024 * 1024

export type CsvOptions = ByteOrigin & {
  /** Columns that the header must have; those it has besides are handed on as well. */
  readonly columns: readonly string[]
  /** One ASCII character. Default `,`. */
  readonly delimiter?: string
  readonly signal?: AbortSignal
  /** The HTTP client to fetch it with, if it needs headers or other limits. */
  readonly client?: HttpClient
  /** Handed to `transform` with every page. */
  readonly extra?: Json
  /** Bytes of a page, about. Default 1 MiB. */
  readonly pageBytes?: number
  /** Default 16 MiB. */
  readonly maxRecordBytes?: number
}

/**
 * Reads a CSV file (RFC 4180 with a header line, UTF-8, LF or CRLF, with or without a byte order mark) over HTTP or from disk, as raw pages cut between records.
 * Memory stays flat, whatever the file's size.
 * @throws SourceError as the HTTP client does; `CSV_EMPTY`, `CSV_COLUMN_MISSING`, `CSV_COLUMN_TWICE`, `CSV_TRUNCATED`; DataError `RECORD_TOO_LARGE`; ConfigError `CSV_DELIMITER`.
 */
export async function* csv(options: CsvOptions): AsyncGenerator<RawPage, void, undefined> {
  const name = nameOfOrigin(options)
  const delimiter = options.delimiter ?? ','
  if (!/^[\t\x20-\x7e]$/.test(delimiter) || delimiter === '"') {
    throw new ConfigError(`The delimiter ${JSON.stringify(delimiter)} of ${name} is not one ASCII character other than a quote`, {
      code: 'CSV_DELIMITER',
      hint: 'Use one like , or ; or \\t.',
    })
  }
  const cutter = recordCutter({
    pageBytes: options.pageBytes ?? defaultPageBytes,
    maxRecordBytes: options.maxRecordBytes ?? defaultMaxRecordBytes,
    delimiter,
    name,
  })
  let columns: readonly string[] | undefined
  const pageOf = (page: CutPage, header: readonly string[]): RawPage => ({
    body: page.body,
    firstLine: page.firstLine,
    format: { kind: 'csv', columns: header, ...(delimiter === ',' ? {} : { delimiter }) },
    ...(options.extra === undefined ? {} : { extra: options.extra }),
  })

  for await (const chunk of byteStream(options, options.signal, options.client)) {
    cutter.push(chunk)
    if (columns === undefined) {
      const header = cutter.shiftRecord()
      if (header === undefined) continue
      columns = headerOf(header.body, delimiter, options.columns, name)
    }
    const full = cutter.shiftPage()
    if (full !== undefined) yield pageOf(full, columns)
  }
  const { page, openQuoteLine } = cutter.end()
  if (openQuoteLine !== undefined) {
    throw new SourceError(`${name} ends within a quoted value that begins in line ${String(openQuoteLine)}`, {
      code: 'CSV_TRUNCATED',
      hint: 'The file was cut off, or a quote in that line is never closed.',
    })
  }
  if (columns === undefined) {
    // A file of its header line alone has no line end, but it has a header.
    headerOf(page?.body ?? Buffer.alloc(0), delimiter, options.columns, name)
  } else if (page !== undefined) {
    yield pageOf(page, columns)
  }
}

function headerOf(line: Buffer, delimiter: string, wanted: readonly string[], name: string): string[] {
  const text = textOf(line, `The header of ${name}`).replace(/^\uFEFF/, '')
  let rows: string[][]
  try {
    rows = parse(text, { delimiter, relax_quotes: true })
  } catch (cause) {
    throw new SourceError(`The header of ${name} cannot be read`, {
      code: 'CSV_HEADER',
      retryable: false,
      hint: 'Its first line must be the names of the columns.',
      cause,
    })
  }
  const columns = (rows[0] ?? []).map((column) => column.trim())
  if (columns.every((column) => column === '')) {
    throw new SourceError(`${name} is empty: it has no header line`, { code: 'CSV_EMPTY', hint: 'See whether the file was written whole.' })
  }
  const missing = wanted.filter((column) => !columns.includes(column))
  if (missing.length > 0) {
    throw new SourceError(`${name} lacks the column${missing.length > 1 ? 's' : ''} ${quoted(missing)}; its header has ${quoted(columns.slice(0, 30))}`, {
      code: 'CSV_COLUMN_MISSING',
      retryable: false,
      hint: 'Compare the file with the columns asked for: their spelling, their capitals, and the delimiter.',
    })
  }
  const seen = new Set<string>()
  const twice = columns.find((column) => seen.size === seen.add(column).size)
  if (twice !== undefined) {
    throw new SourceError(`${name} has the column ${JSON.stringify(twice)} twice in its header`, {
      code: 'CSV_COLUMN_TWICE',
      retryable: false,
      hint: 'Rename one of the two at the source.',
    })
  }
  return columns
}

function quoted(names: readonly string[]): string {
  return names.map((one) => JSON.stringify(one)).join(', ')
}
