import type { CsvDialect } from './csv-dialect.ts'
import type { Format } from './format.ts'
import { enclose, list, literal } from './literal.ts'

/** What the definitions say of where the rows come from. */
export interface SourceCode {
  /** Names to import, by module. */
  readonly imports: Readonly<Record<string, readonly string[]>>
  /** The body of `extract`, after `=>`, with what its context must hand over. */
  readonly extract: string
  readonly needs: readonly string[]
  readonly resumable: boolean
}

export interface SourceFacts {
  readonly format: Format
  /** Whether it is at an address, or in a file. */
  readonly remote: boolean
  readonly columns: readonly string[]
  readonly dialect: CsvDialect | undefined
  /** Of JSON: where the array is. */
  readonly path: readonly string[]
}

/** The ready-made source that reads what was looked at, as code. */
export function sourceCodeOf(facts: SourceFacts): SourceCode {
  const { format, remote } = facts
  const origin = remote ? 'url: config.url' : 'path: config.path'
  return {
    imports: { 'millrace/sources': [format] },
    extract: `${format}(${enclose('{', [origin, ...optionsOf(facts), 'position', 'signal'], '}', '    ')})`,
    needs: ['config', 'position', 'signal'],
    resumable: true,
  }
}

function optionsOf({ format, columns, dialect, path }: SourceFacts): string[] {
  if (format === 'jsonl') return []
  if (format === 'json') return path.length === 0 ? [] : [`at: ${list(path)}`]
  if (format === 'parquet') return [`columns: ${list(columns)}`]
  const delimiter = dialect === undefined || dialect.delimiter === ',' ? [] : [`delimiter: ${literal(dialect.delimiter)}`]
  return [`columns: ${list(columns)}`, ...(dialect?.header === false ? ['header: false'] : []), ...delimiter]
}
