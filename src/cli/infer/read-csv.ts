import { setImmediate as nextTurn } from 'node:timers/promises'
import { parse } from 'csv-parse/sync'
import { DataError } from '../../errors.ts'
import type { OneFile } from './origin.ts'
import { csv } from '../../sources/csv.ts'
import { bytesOfPage } from '../../sources/page-body.ts'
import { parsePage } from '../../sources/parse-page.ts'
import { createObserver } from './columns.ts'
import type { Observer } from './columns.ts'
import { guessDialect } from './csv-dialect.ts'
import type { CsvDialect } from './csv-dialect.ts'
import type { Limits } from './read.ts'
import type { Sample } from './sample.ts'

export interface CsvSample {
  readonly observer: Observer
  readonly dialect: CsvDialect
  /** The names in the header, or `column1` and so on. */
  readonly columns: readonly string[]
  /** Why lines are no rows. */
  readonly faults: readonly string[]
  /** Whether all of the file was looked at. */
  readonly whole: boolean
}

const dialectBytes = 64 * 1024
const pageBytes = 256 * 1024

/**
 * Looks at CSV through the very source and parser that will load it. Lines that are no rows are counted.
 * @throws SourceError as `csv` does; DataError `INFER_NO_ROWS`, `INFER_COLUMN_TWICE`
 */
export async function readCsv(origin: OneFile, beginning: Sample, known: Partial<CsvDialect>, limits: Limits): Promise<CsvSample> {
  const head = beginning.bytes.subarray(0, dialectBytes)
  const dialect = guessDialect(head.toString('utf8'), beginning.whole && head.length === beginning.bytes.length, known)
  const columns = namesOf(head.toString('utf8'), dialect, limits.name)
  const observer = createObserver('text', columns)
  const faults: string[] = []
  let bytes = 0
  let whole = true
  const pages = csv({ ...origin, columns, delimiter: dialect.delimiter, pageBytes, ...(dialect.header ? {} : { header: false }) })
  for await (const page of pages) {
    const { body, format } = page
    const { records } = parsePage(
      { body: bytesOfPage(body), format, ...(page.firstLine === undefined ? {} : { firstLine: page.firstLine }) },
      { name: limits.name, keepFault: ({ error }) => void faults.push(error.message) },
    )
    for (const record of records) if (observer.rows() < limits.rows) observer.take(record as Readonly<Record<string, unknown>>)
    bytes += bytesOfPage(body).length
    limits.onProgress(bytes, observer.rows())
    if (observer.rows() >= limits.rows || bytes >= limits.bytes) {
      whole = false
      break
    }
    await nextTurn()
  }
  if (observer.rows() === 0) throw noRows(limits.name, faults)
  return { observer, dialect, columns, faults, whole }
}

function noRows(name: string, [first]: readonly string[]): DataError {
  if (first !== undefined) {
    return new DataError(`${name} has no row that can be read. The first: ${first}.`, {
      code: 'INFER_NO_ROWS',
      hint: 'Another --delimiter may be the right one.',
    })
  }
  return new DataError(`${name} has a header and no row.`, {
    code: 'INFER_NO_ROWS',
    hint: 'A schema is inferred from rows: give a file that has some, or say --no-header where its first line is one.',
  })
}

function namesOf(text: string, { delimiter, header }: CsvDialect, name: string): string[] {
  const options = { delimiter, relax_quotes: true, relax_column_count: true, skip_empty_lines: true, record_delimiter: ['\r\n', '\n'], to: 1 }
  const [first = []]: string[][] = parse(text.replace(/^\uFEFF/, ''), options)
  if (!header) return first.map((_, index) => `column${String(index + 1)}`)
  const names = first.map((one) => one.trim())
  const twice = names.find((one, index) => names.indexOf(one) !== index)
  if (twice === undefined) return names
  throw new DataError(`${name} has the column ${JSON.stringify(twice)} twice in its header.`, {
    code: 'INFER_COLUMN_TWICE',
    hint: 'Rename one of the two at the source, or say --no-header where that line is a row.',
  })
}
