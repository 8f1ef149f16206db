import type { CsvDialect, RawPage } from '../definitions/page.ts'
import { SourceError } from '../errors.ts'
import { columnsOfHeader } from './csv-header.ts'
import { filePages } from './file-pages.ts'
import type { CutterStart, FileCutter, FileOptions } from './file-pages.ts'
import { dialectOf } from './formats/csv-options.ts'
import { recordTooLarge } from './formats/record-too-large.ts'
import { lineBreakFinder } from './line-break.ts'
import { recordCutter } from './record-cutter.ts'
import type { RecordCutter } from './record-cutter.ts'

export type CsvOptions = FileOptions &
  CsvDialect & {
    /** Columns that the header must have; those it has besides are handed on as well. Without a header: the names of the columns, in their order. */
    readonly columns: readonly string[]
    /** Whether the first line names the columns. Default true. */
    readonly header?: boolean
    /** Lines at the beginning of a file that are passed over, before the header. Default 0. */
    readonly skipLines?: number
  }

/**
 * Reads CSV files as raw pages cut between records: RFC 4180 with a header line, LF, CRLF or CR, and what the dialect says; gzip, zstd and any
 * encoding. Memory stays flat, whatever a file's size.
 * @throws SourceError as opening the file does; `CSV_EMPTY`, `CSV_HEADER`, `CSV_COLUMN_MISSING`, `CSV_COLUMN_TWICE`, `CSV_TRUNCATED`;
 * ConfigError `CSV_DELIMITER`, `CSV_DIALECT`
 */
export async function* csv(options: CsvOptions): AsyncGenerator<RawPage, void, undefined> {
  const dialect = dialectOf(options, 'a CSV file')
  yield* filePages(options, (start) => csvCutter(options, dialect, start))
}

function csvCutter(options: CsvOptions, asked: CsvDialect, { name, state, ...limits }: CutterStart): FileCutter {
  let dialect = asked
  let columns = options.header === false ? options.columns : columnsOf(state?.['columns'])
  const finder = options.lineBreak === undefined && state === undefined ? lineBreakFinder(asked) : undefined
  if (state?.['lineBreak'] === 'cr') dialect = { ...dialect, lineBreak: 'cr' }
  const waiting: Uint8Array[] = []
  let cutter: RecordCutter | undefined

  const isHeader = (line: Buffer): boolean => {
    if (line.length > limits.maxRecordBytes) throw recordTooLarge(`the header of ${name}`, line.length, limits.maxRecordBytes)
    columns = columnsOfHeader(line, dialect, options.columns, name)
    return columns !== undefined
  }
  const begin = (lineBreak: 'lf' | 'cr' | undefined): RecordCutter => {
    if (lineBreak === 'cr') dialect = { ...dialect, lineBreak }
    cutter = recordCutter({
      ...limits,
      name,
      dialect,
      line: typeof state?.['line'] === 'number' ? state['line'] : 1,
      skipLines: state === undefined ? (options.skipLines ?? 0) : 0,
      ...(columns === undefined ? { isHeader } : {}),
    })
    for (const chunk of waiting) cutter.push(chunk)
    return cutter
  }

  return {
    push: (chunk) => {
      if (cutter !== undefined) return cutter.push(chunk)
      waiting.push(chunk)
      const lineBreak = finder?.push(chunk)
      if (finder === undefined || lineBreak !== undefined) begin(lineBreak)
      return undefined
    },
    shift: () => {
      const page = cutter?.shift()
      if (page !== undefined && columns === undefined) throw recordTooLarge(`the header of ${name}`, page.oversized?.bytes, limits.maxRecordBytes)
      return page
    },
    end: () => {
      const { openQuoteLine } = (cutter ?? begin(finder?.end())).end()
      if (openQuoteLine !== undefined) {
        throw new SourceError(`${name} ends within a quoted value that begins in line ${String(openQuoteLine)}`, {
          code: 'CSV_TRUNCATED',
          hint: 'The file was cut off, or a quote in that line is never closed.',
        })
      }
      if (columns === undefined)
        throw new SourceError(`${name} is empty: it has no header line`, { code: 'CSV_EMPTY', hint: 'See whether the file was written whole.' })
    },
    format: () => ({ kind: 'csv', columns: columns ?? [], ...dialect }),
    state: (page) => ({
      line: page.endLine,
      ...(options.header === false ? {} : { columns: columns ?? [] }),
      ...(dialect.lineBreak === undefined ? {} : { lineBreak: dialect.lineBreak }),
    }),
  }
}

function columnsOf(state: unknown): readonly string[] | undefined {
  return Array.isArray(state) ? state.map(String) : undefined
}
