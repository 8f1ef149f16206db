import { CsvError, parse } from 'csv-parse/sync'
import type { CsvDialect } from '../../definitions/page.ts'
import { DataError } from '../../errors.ts'
import { textOf } from './json.ts'
import { parseAround, rowStarts } from './csv-around.ts'
import { parserOptions } from './csv-options.ts'
import type { KeepFault } from './record-fault.ts'
import { oversizedFault, recordTooLarge } from './record-too-large.ts'

export interface CsvFormat extends CsvDialect {
  readonly columns: readonly string[]
}

/** A row by column: text, or null where its dialect has a text for it. A column that a short row lacks is not there. */
export type CsvRecord = Readonly<Record<string, string | null>>

export interface CsvRecords {
  readonly records: readonly CsvRecord[]
  /** Lines within the page, from 0: where the record begins. Reads the page once more, so ask it for messages only. */
  readonly lineOf: (index: number) => number
}

/**
 * The records of CSV rows (RFC 4180 but for what the dialect says, without the header line) as objects by column. Blank lines are passed over.
 * `keepFault` takes the rows that are no records; without it the first one is thrown.
 * @throws DataError `CSV_FIELD_COUNT`, `CSV_QUOTE` and `RECORD_TOO_LARGE`, naming the line.
 */
export function parseCsv(body: Uint8Array, format: CsvFormat, firstLine: number, page: string, maxRecordBytes: number, keepFault?: KeepFault): CsvRecords {
  const text = textOf(body, page)
  const options = { ...parserOptions(format, text), ...(body.length > maxRecordBytes ? { max_record_size: maxRecordBytes } : {}) }
  const parseRows = (rows: string) => parse<CsvRecord>(rows, options)
  try {
    const records = parseRows(text)
    let starts: readonly number[] | undefined
    return { records, lineOf: (index) => (starts ??= rowStarts(text, format, records.length, parseRows))[index] ?? 0 }
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause
    const explain = (fault: CsvError, line: number): DataError => faultOf(fault, format.columns, firstLine + line, page, maxRecordBytes)
    if (keepFault === undefined) throw explain(cause, 0)
    return parseAround(text, format, parseRows, (fault, row) => {
      if (!(fault instanceof CsvError)) throw fault
      const error = explain(fault, row.line)
      keepFault(
        error.code === 'RECORD_TOO_LARGE' ? oversizedFault({ ...row, error }, maxRecordBytes, `line ${String(firstLine + row.line)}`) : { ...row, error },
      )
    })
  }
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
