import { parse } from 'csv-parse/sync'

/** How a file of CSV is written. */
export interface CsvDialect {
  readonly delimiter: string
  /** Whether its first row names the columns. */
  readonly header: boolean
}

const delimiters = [',', ';', '\t', '|'] as const
/** Rows that are looked at. */
const sampleRows = 100

/**
 * Guesses how the beginning of a file is written. The delimiter is the one that gives most rows one and the same number of fields, of those the one that gives more fields;
 * the first row is a header unless it has numbers or dates, or empty names.
 */
export function guessDialect(beginning: string, whole: boolean, known: Partial<CsvDialect>): CsvDialect {
  const text = whole ? beginning : beginning.slice(0, beginning.lastIndexOf('\n') + 1)
  const delimiter = known.delimiter ?? guessDelimiter(text)
  const [first = [], ...rest] = rowsOf(text, delimiter)
  return { delimiter, header: known.header ?? isHeader(first, rest) }
}

function guessDelimiter(text: string): string {
  const ranked = delimiters.map((delimiter) => {
    const rows = rowsOf(text, delimiter)
    const counts = new Map<number, number>()
    for (const row of rows) counts.set(row.length, (counts.get(row.length) ?? 0) + 1)
    const [fields = 1, agreeing = 0] = [...counts].toSorted(([, a], [, b]) => b - a)[0] ?? []
    return { delimiter, fields, share: rows.length === 0 ? 0 : agreeing / rows.length }
  })
  const [best] = ranked.filter((one) => one.fields > 1).toSorted((a, b) => (Math.abs(b.share - a.share) > 0.1 ? b.share - a.share : b.fields - a.fields))
  return best?.delimiter ?? ','
}

function rowsOf(text: string, delimiter: string): string[][] {
  return parse(text.replace(/^\uFEFF/, ''), {
    delimiter,
    to: sampleRows,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    record_delimiter: ['\r\n', '\n'],
    skip_records_with_error: true,
  })
}

/** What no column is called. */
const valueForm = /^(?:[+-]?[\d.,]+%?|\d{4}-\d{2}-\d{2}.*|true|false|[0-9a-f]{8}-[0-9a-f]{4}-.*|.*@.*\..*)$/i

function isHeader(first: readonly string[], rest: readonly (readonly string[])[]): boolean {
  const names = first.map((name) => name.trim())
  if (names.some((name) => valueForm.test(name))) return false
  if (names.filter((name) => name === '').length > 1) return false
  // All text: the first row is data only where its values come again below.
  const again = names.filter((name, index) => name !== '' && rest.some((row) => row[index]?.trim() === name)).length
  return rest.length === 0 || again * 2 < names.length
}
