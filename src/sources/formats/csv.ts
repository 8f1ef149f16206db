import { CsvError, parse } from 'csv-parse/sync'
import type { CsvDialect } from '../../definitions/page.ts'
import { DataError } from '../../errors.ts'
import { NotUtf8Error, parseAround, rowStarts } from './csv-around.ts'
import type { FileRow } from './csv-around.ts'
import { parserOptions } from './csv-options.ts'
import type { KeepFault, RecordFault } from './record-fault.ts'
import { oversizedFault, recordTooLarge } from './record-too-large.ts'
import { binaryOf, bytesOfBinary, notUtf8, textOf, textOfBinary, utf8Of } from './utf8.ts'

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
 * @throws DataError `CSV_FIELD_COUNT`, `CSV_QUOTE` and `RECORD_TOO_LARGE`; SourceError `PAGE_NOT_UTF8`. Each names the line.
 */
export function parseCsv(body: Uint8Array, format: CsvFormat, firstLine: number, page: string, maxRecordBytes: number, keepFault?: KeepFault): CsvRecords {
  const text = keepFault === undefined ? textOf(body, page, firstLine) : utf8Of(body)
  const options = {
    ...parserOptions(format, text ?? Buffer.from(body).toString()),
    ...(body.length > maxRecordBytes ? { max_record_size: maxRecordBytes } : {}),
  }
  const parseRows = (rows: string) => parse<CsvRecord>(rows, options)
  const place: Place = { columns: format.columns, firstLine, page, maxRecordBytes }
  const around = (rows: string, decode: (row: string) => string): CsvRecords =>
    parseAround(rows, { format, parseRows, decode, keep: (error, row) => keepFault?.(rowFault(error, row, decode, place)) })
  // Of a page that is no UTF-8 each row is decoded by itself.
  if (text === undefined) return around(binaryOf(body), decodeRow)
  try {
    const records = parseRows(text)
    let starts: readonly number[] | undefined
    return { records, lineOf: (index) => (starts ??= rowStarts(text, format, records.length, parseRows))[index] ?? 0 }
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause
    if (keepFault === undefined) throw faultOf(cause, 0, place)
    return around(text, (row) => row)
  }
}

/** What messages about a page say. */
interface Place {
  readonly columns: readonly string[]
  readonly firstLine: number
  readonly page: string
  readonly maxRecordBytes: number
}

/** Why a row is no record, and the row. Throws what is no fault of a row. */
function rowFault(error: unknown, row: FileRow, decode: (row: string) => string, place: Place): RecordFault {
  const line = `line ${String(place.firstLine + row.line)}`
  let fault: RecordFault
  if (error instanceof NotUtf8Error) {
    const bytes = bytesOfBinary(row.text)
    const tooLarge = bytes.length > place.maxRecordBytes
    const said = tooLarge
      ? recordTooLarge(`the record of ${line} of ${place.page}`, bytes.length, place.maxRecordBytes)
      : notUtf8(`L${line.slice(1)} of ${place.page}`, bytes)
    fault = { line: row.line, text: bytes.toString(), bytes, error: said }
  } else if (error instanceof CsvError) {
    fault = { line: row.line, text: decode(row.text), error: faultOf(error, row.line, place) }
  } else {
    throw error
  }
  return fault.error.code === 'RECORD_TOO_LARGE' ? oversizedFault(fault, place.maxRecordBytes, line) : fault
}

function decodeRow(row: string): string {
  const text = textOfBinary(row)
  if (text === undefined) throw new NotUtf8Error()
  return text
}

/** @param row the line that the parsed rows begin on, from 0 */
function faultOf(cause: CsvError, row: number, { columns, firstLine, page, maxRecordBytes }: Place): DataError {
  const number = (name: string): number => (typeof cause[name] === 'number' ? cause[name] : 0)
  const line = String(firstLine + row + Math.max(0, number('lines') - 1))
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
