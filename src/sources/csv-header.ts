import { parse } from 'csv-parse/sync'
import type { CsvDialect } from '../definitions/page.ts'
import { SourceError } from '../errors.ts'
import { parserOptions } from './formats/csv-options.ts'
import { textOf } from './formats/utf8.ts'

/**
 * The columns that a header line names; undefined where the line is blank or a comment.
 * @param wanted columns that it must have
 * @throws SourceError `CSV_HEADER`, `CSV_COLUMN_MISSING`, `CSV_COLUMN_TWICE`
 */
export function columnsOfHeader(line: Buffer, dialect: CsvDialect, wanted: readonly string[], name: string): readonly string[] | undefined {
  const text = textOf(line, `The header of ${name}`)
  let rows: string[][]
  try {
    rows = parse(text, { ...parserOptions({ ...dialect, columns: [] }, ''), columns: false, relax_quotes: true })
  } catch (cause) {
    throw new SourceError(`The header of ${name} cannot be read`, {
      code: 'CSV_HEADER',
      retryable: false,
      hint: 'Its first line must be the names of the columns.',
      cause,
    })
  }
  const columns = rows[0]?.map((column) => column.trim())
  if (columns === undefined || columns.every((column) => column === '')) return undefined
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
