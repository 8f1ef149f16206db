import { csvScanner, endsRecord, isWithinQuotes, scanStart, stateOf } from './csv-scanner.ts'
import type { CsvScanner } from './csv-scanner.ts'
import type { CsvFormat, CsvRecord, CsvRecords } from './csv.ts'

/** A row of a file and the line it begins on, from 0. */
interface FileRow {
  readonly line: number
  readonly text: string
}

/**
 * Reads a page of CSV of which some rows are wrong: halves it until what is wrong stands alone. A wrong quote would make any parser take
 * the rows after it for a part of its own; so rows are told apart by their line breaks first, and a wrong one ends at its first.
 * @param parseRows strict
 * @param keep takes a row that cannot be parsed, and why; may throw
 */
export function parseAround(
  text: string,
  format: CsvFormat,
  parseRows: (rows: string) => CsvRecord[],
  keep: (error: unknown, row: FileRow) => void,
): CsvRecords {
  const scanner = csvScanner(format)
  const lineBreak = String.fromCharCode(scanner.lineEnd)
  const records: CsvRecord[] = []
  const starts: number[] = []
  const read = (rows: readonly FileRow[]): void => {
    const [first] = rows
    if (first === undefined) return
    let parsed: CsvRecord[]
    try {
      parsed = parseRows(rows.map((row) => row.text + lineBreak).join(''))
    } catch (error) {
      if (rows.length > 1) {
        const middle = rows.length >> 1
        read(rows.slice(0, middle))
        read(rows.slice(middle))
        return
      }
      const [line = '', ...rest] = first.text.split(lineBreak)
      keep(error, { line: first.line, text: line.replace(/\r$/, '') })
      read(rowsOf(rest, first.line + 1, scanner))
      return
    }
    for (const record of parsed) records.push(record)
    for (const start of startsOf(rows, parsed.length, lineBreak, parseRows)) starts.push(start)
  }
  read(rowsOf(text.split(lineBreak), 0, scanner))
  return { records, lineOf: (index) => starts[index] ?? 0 }
}

/** The line, from 0, on which each record of a page without a fault begins. */
export function rowStarts(text: string, format: CsvFormat, records: number, parseRows: (rows: string) => CsvRecord[]): readonly number[] {
  const scanner = csvScanner(format)
  const lineBreak = String.fromCharCode(scanner.lineEnd)
  return startsOf(rowsOf(text.split(lineBreak), 0, scanner), records, lineBreak, parseRows)
}

function startsOf(rows: readonly FileRow[], records: number, lineBreak: string, parseRows: (rows: string) => CsvRecord[]): number[] {
  // Comments and lines of white space are no records: where there are any, each row is asked.
  const real = rows.length === records ? rows : rows.filter((row) => parseRows(row.text + lineBreak).length > 0)
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
