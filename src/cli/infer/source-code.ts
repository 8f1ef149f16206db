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
export function sourceCodeOf({ format, remote, columns, dialect, path }: SourceFacts): SourceCode {
  const origin = remote ? 'url: config.url' : 'path: config.path'
  if (format === 'csv') {
    const delimiter = dialect === undefined || dialect.delimiter === ',' ? [] : [`delimiter: ${literal(dialect.delimiter)}`]
    return source('csv', call('csv', [origin, `columns: ${list(columns)}`, ...(dialect?.header === false ? ['header: false'] : []), ...delimiter, 'signal']), [
      'config',
      'signal',
    ])
  }
  if (format === 'parquet') {
    return {
      ...source('parquet', call('parquet', [origin, `columns: ${list(columns)}`, 'position', 'signal']), ['config', 'position', 'signal']),
      resumable: true,
    }
  }
  const pages = `{ kind: ${literal(format)}${path.length === 0 ? '' : `, path: ${list(path)}`} }`
  if (!remote) {
    return {
      imports: { 'node:fs/promises': ['readFile'] },
      extract: `async function* ({ config, signal }) {\n    yield { body: await readFile(config.path, { signal }), format: ${pages} }\n  }`,
      needs: [],
      resumable: false,
    }
  }
  if (format === 'json') {
    return source('jsonPages', `jsonPages({ ${origin}${path.length === 0 ? '' : `, path: ${list(path)}`}, position, signal })`, [
      'config',
      'position',
      'signal',
    ])
  }
  return {
    imports: { 'millrace/sources': ['httpClient'] },
    extract: `async function* ({ config, signal }) {\n    const answer = await httpClient().fetchBytes({ url: config.url, signal })\n    yield { body: answer.parts, format: ${pages} }\n  }`,
    needs: [],
    resumable: false,
  }
}

function call(name: string, options: readonly string[]): string {
  return `${name}(${enclose('{', options, '}', '    ')})`
}

function source(name: string, extract: string, needs: readonly string[]): SourceCode {
  return { imports: { 'millrace/sources': [name] }, extract, needs, resumable: false }
}
