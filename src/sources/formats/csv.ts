import { CsvError, parse } from 'csv-parse/sync'
import { DataError } from '../../errors.ts'
import { textOf } from './json.ts'
import { parseAround } from './csv-around.ts'
import type { KeepFault } from './record-fault.ts'
import { recordTooLarge } from './record-too-large.ts'

export interface CsvFormat {
  readonly columns: readonly string[]
  readonly delimiter?: string
}

export interface CsvRecords {
  readonly records: readonly Readonly<Record<string, string>>[]
  /** Lines within the page, from 0: where the record begins. The first answer reads the page once more, so ask it for messages only. */
  readonly lineOf: (index: number) => number
}

/**
 * The records of CSV rows (RFC 4180, LF or CRLF, no header line) as objects by column; every value is text. Blank lines are passed over.
 * `keepFault` takes the rows that are no records; without it the first one is thrown.
 * @throws DataError `CSV_FIELD_COUNT`, `CSV_QUOTE` and `RECORD_TOO_LARGE`, naming the line.
 */
export function parseCsv(body: Uint8Array, format: CsvFormat, firstLine: number, page: string, maxRecordBytes: number, keepFault?: KeepFault): CsvRecords {
  const text = textOf(body, page)
  const options = {
    columns: [...format.columns],
    delimiter: format.delimiter ?? ',',
    record_delimiter: ['\r\n', '\n'],
    skip_empty_lines: true,
    ...(body.length > maxRecordBytes ? { max_record_size: maxRecordBytes } : {}),
  }
  try {
    let lines: readonly number[] | undefined
    return { records: parse<Record<string, string>>(text, options), lineOf: (index) => (lines ??= startLines(text, options))[index] ?? 0 }
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause
    const explain = (fault: CsvError, line: number): DataError => faultOf(fault, format.columns, firstLine + line, page, maxRecordBytes)
    if (keepFault === undefined) throw explain(cause, 0)
    const parseRows = (rows: string) => parse<Record<string, string>>(rows, options)
    return parseAround(text, parseRows, (fault, row) => {
      if (!(fault instanceof CsvError)) throw fault
      const error = explain(fault, row.line)
      if (error.code === 'RECORD_TOO_LARGE') throw error
      keepFault({ ...row, error })
    })
  }
}

interface CsvOptions {
  readonly columns: string[]
  readonly delimiter: string
  readonly record_delimiter: string[]
  readonly skip_empty_lines: boolean
}

function faultOf(cause: CsvError, columns: readonly string[], firstLine: number, page: string, maxRecordBytes: number): DataError {
  const number = (name: string): number => (typeof cause[name] === 'number' ? cause[name] : 0)
  const line = String(firstLine + Math.max(0, number('lines') - 1))
  if (cause.code === 'CSV_MAX_RECORD_SIZE') return recordTooLarge(`record ${String(number('records'))} of ${page} (line ${line})`, undefined, maxRecordBytes)
  if (cause.code === 'CSV_RECORD_INCONSISTENT_COLUMNS' || cause.code === 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH') {
    const found = Array.isArray(cause['record']) ? cause['record'].length : number('index')
    return new DataError(`Line ${line} of ${page} has ${String(found)} fields; its header has ${String(columns.length)}`, {
      code: 'CSV_FIELD_COUNT',
      hint:
        found > columns.length ? 'Look for a delimiter in a value that is not quoted.' : 'Look for a missing value or delimiter, or a line that was cut off.',
      cause,
    })
  }
  const column = columns[number('index')]
  return new DataError(`Line ${line} of ${page} has a quote in the wrong place${column === undefined ? '' : `, in the column ${JSON.stringify(column)}`}`, {
    code: 'CSV_QUOTE',
    hint: 'A value with a quote in it is quoted itself, and its quotes doubled: "5"" pipe".',
    cause: withoutValue(cause),
  })
}

/** csv-parse quotes the value at fault; it may be anything, so only its kind is kept. */
function withoutValue(cause: CsvError): Error {
  return new Error(cause.code, { cause: undefined })
}

function startLines(text: string, options: CsvOptions): number[] {
  const rows: readonly unknown[] = parse(text, { ...options, info: true, raw: true })
  return rows.map((row) => {
    if (typeof row !== 'object' || row === null || !('info' in row) || !('raw' in row)) return 0
    const { info, raw } = row
    const last = typeof info === 'object' && info !== null && 'lines' in info && typeof info.lines === 'number' ? info.lines : 1
    const within = typeof raw === 'string' ? raw.trim().split('\n').length - 1 : 0
    return last - within - 1
  })
}
