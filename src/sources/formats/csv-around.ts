import type { CsvRecords } from './csv.ts'

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
  parseRows: (rows: string) => Readonly<Record<string, string>>[],
  keep: (error: unknown, row: FileRow) => void,
): CsvRecords {
  const records: Readonly<Record<string, string>>[] = []
  const starts: number[] = []
  const read = (rows: readonly FileRow[]): void => {
    const [first] = rows
    if (first === undefined) return
    let parsed: Readonly<Record<string, string>>[]
    try {
      parsed = parseRows(rows.map((row) => `${row.text}\n`).join(''))
    } catch (error) {
      if (rows.length > 1) {
        const middle = rows.length >> 1
        read(rows.slice(0, middle))
        read(rows.slice(middle))
        return
      }
      const [line = '', ...rest] = first.text.split('\n')
      keep(error, { line: first.line, text: line.replace(/\r$/, '') })
      read(rowsOf(rest, first.line + 1))
      return
    }
    for (const record of parsed) records.push(record)
    for (const row of rows) starts.push(row.line)
  }
  read(rowsOf(text.split('\n'), 0))
  return { records, lineOf: (index) => starts[index] ?? 0 }
}

/** Rows by their line breaks: a row goes on while a quote is open. One that never closes ends with its line. */
function rowsOf(lines: readonly string[], firstLine: number): FileRow[] {
  const rows: FileRow[] = []
  for (let from = 0; from < lines.length;) {
    const to = endOfRow(lines, from)
    const text = lines.slice(from, to).join('\n')
    if (text !== '' && text !== '\r') rows.push({ line: firstLine + from, text })
    from = to
  }
  return rows
}

/** The index after the last line of the row that begins at `from`. */
function endOfRow(lines: readonly string[], from: number): number {
  let open = false
  for (let at = from; at < lines.length; at += 1) {
    if (quotesIn(lines[at] ?? '') % 2 === 1) open = !open
    if (!open) return at + 1
  }
  return from + 1
}

function quotesIn(line: string): number {
  let count = 0
  for (let at = line.indexOf('"'); at >= 0; at = line.indexOf('"', at + 1)) count += 1
  return count
}
