import { csvScanner, endsRecord, isWithinQuotes, scanStart, stateOf } from './csv-scanner.ts'
import type { CsvScanner } from './csv-scanner.ts'
import type { CsvFormat, CsvRecord, CsvRecords } from './csv.ts'

/** A row of a file and the line it begins on, from 0. */
export interface FileRow {
  readonly line: number
  readonly text: string
}

/** A row whose bytes are no UTF-8. */
export class NotUtf8Error extends Error {
  override readonly name = 'NotUtf8Error'
}

export interface CsvAround {
  readonly format: CsvFormat
  /** Strict. */
  readonly parseRows: (rows: string) => CsvRecord[]
  /** Turns a row that was cut from the text into its own text. @throws NotUtf8Error */
  readonly decode: (row: string) => string
  /** Takes a row that cannot be parsed, and why; may throw. */
  readonly keep: (error: unknown, row: FileRow) => void
}

/**
 * Reads a page of CSV of which some rows are wrong: halves it until what is wrong stands alone. A wrong quote would make any parser take
 * the rows after it for a part of its own; so rows are told apart by their line breaks first, and a wrong one ends at its first.
 */
export function parseAround(text: string, { format, parseRows, decode, keep }: CsvAround): CsvRecords {
  const scanner = csvScanner(format)
  const lineBreak = String.fromCharCode(scanner.lineEnd)
  const records: CsvRecord[] = []
  const starts: number[] = []
  const parse = (row: string): CsvRecord[] => parseRows(decode(row) + lineBreak)
  const isRow = (row: string): boolean => {
    try {
      return parseRows(row + lineBreak).length > 0
    } catch {
      return false
    }
  }
  const read = (rows: readonly FileRow[]): void => {
    const [first] = rows
    if (first === undefined) return
    let parsed: CsvRecord[]
    try {
      parsed = parseRows(rows.map((row) => decode(row.text) + lineBreak).join(''))
    } catch (error) {
      if (rows.length > 1) {
        const middle = rows.length >> 1
        read(rows.slice(0, middle))
        read(rows.slice(middle))
      } else if (error instanceof NotUtf8Error && isRow(first.text)) {
        // Its quotes are right, so that all of its lines are its own.
        keep(error, { line: first.line, text: first.text.replace(/\r$/, '') })
      } else {
        const [line = '', ...rest] = first.text.split(lineBreak)
        keep(error instanceof NotUtf8Error ? (faultOf(() => parse(line)) ?? error) : error, { line: first.line, text: line.replace(/\r$/, '') })
        read(rowsOf(rest, first.line + 1, scanner))
      }
      return
    }
    for (const record of parsed) records.push(record)
    for (const start of startsOf(rows, parsed.length, parse)) starts.push(start)
  }
  read(rowsOf(text.split(lineBreak), 0, scanner))
  return { records, lineOf: (index) => starts[index] ?? 0 }
}

function faultOf(work: () => unknown): unknown {
  try {
    work()
    return undefined
  } catch (error) {
    return error
  }
}

/** The line, from 0, on which each record of a page without a fault begins. */
export function rowStarts(text: string, format: CsvFormat, records: number, parseRows: (rows: string) => CsvRecord[]): readonly number[] {
  const scanner = csvScanner(format)
  const lineBreak = String.fromCharCode(scanner.lineEnd)
  return startsOf(rowsOf(text.split(lineBreak), 0, scanner), records, (row) => parseRows(row + lineBreak))
}

function startsOf(rows: readonly FileRow[], records: number, parse: (row: string) => CsvRecord[]): number[] {
  // Comments and lines of white space are no records: where there are any, each row is asked.
  const real = rows.length === records ? rows : rows.filter((row) => parse(row.text).length > 0)
  return real.map((row) => row.line)
}

/** Rows by their line breaks: a row goes on while a quote is open. One that never closes ends with its line. */
function rowsOf(lines: readonly string[], firstLine: number, scanner: CsvScanner): FileRow[] {
  const lineBreak = String.fromCharCode(scanner.lineEnd)
  const rows: FileRow[] = []
  for (let from = 0; from < lines.length;) {
    const to = endOfRow(lines, from, scanner)
    const text = lines.slice(from, to).join(lineBreak)
    if (text !== '' && text !== '\r') rows.push({ line: firstLine + from, text })
    from = to
  }
  return rows
}

/** The index after the last line of the row that begins at `from`. */
function endOfRow(lines: readonly string[], from: number, scanner: CsvScanner): number {
  const { table, classOf, lineEnd } = scanner
  if (scanner.quote === undefined) return from + 1
  let state = scanStart
  for (let at = from; at < lines.length; at += 1) {
    const line = lines[at] ?? ''
    for (let index = 0; index < line.length; index += 1) state = stateOf(table[(state << 3) | (classOf[line.charCodeAt(index)] ?? 0)] ?? 0)
    const step = table[(state << 3) | (classOf[lineEnd] ?? 0)] ?? 0
    if (endsRecord(step) || !isWithinQuotes(state)) return at + 1
    state = stateOf(step)
  }
  return from + 1
}
