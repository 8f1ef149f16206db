import { guessKey } from './guess-key.ts'
import type { InferredColumn } from './columns.ts'
import { enclose, list, literal, property } from './literal.ts'
import type { ValueKind } from './profile.ts'
import type { SourceCode } from './source-code.ts'

export interface InferredTable {
  /** The asset's key. */
  readonly key: string
  /** Of the code location. */
  readonly location: string
  readonly columns: readonly InferredColumn[]
  readonly rows: number
  readonly values: ValueKind
  readonly source: SourceCode
  /** The address or path, as the configuration's default. */
  readonly origin: { readonly url: string } | { readonly path: string }
  /** What stands above: how it was found out. */
  readonly remarks: readonly string[]
}

/** Names that stand for something else where the code is pasted. */
const taken = new Set([
  'z',
  'table',
  'csv',
  'parquet',
  'json',
  'jsonl',
  'jsonPages',
  'httpClient',
  'decimal',
  'bytes',
  'inet',
  'fromText',
  'fromNames',
  'defineLocation',
  'readFile',
])
const words = new Set(
  'await break case catch class const continue debugger default delete do else enum export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof var void while with yield'.split(
    ' ',
  ),
)

/** TypeScript that declares the table; with `whole`, a definitions file that runs as it is. */
export function definitionsOf(table: InferredTable, whole: boolean): string {
  const { columns, source, origin } = table
  const tableName = table.key.split('/').at(-1) ?? table.key
  const constant = constantOf(tableName)
  const schema = constant.charAt(0).toUpperCase() + constant.slice(1)
  const key = guessKey(columns, table.rows, tableName)
  const renamed = columns.filter((one) => one.field !== one.name)
  const transform = transformOf(table, schema, renamed)
  const used = columns.map((one) => one.code).join(' ')
  const millrace = [
    ...(used.includes('bytes()') ? ['bytes'] : []),
    ...(used.includes('decimal(') ? ['decimal'] : []),
    ...(whole ? ['defineLocation'] : []),
    ...(transform === undefined ? [] : [transform.slice(0, transform.indexOf('('))]),
    ...(used.includes('inet()') ? ['inet'] : []),
    'table',
  ]
  const config = 'url' in origin ? `url: z.url().default(${literal(origin.url)})` : `path: z.string().default(${literal(origin.path)})`
  const arrow = `({ ${source.needs.join(', ')} }) =>${source.extract.includes('\n') ? '\n    ' : ' '}`
  const context = source.needs.length === 0 ? source.extract : arrow + source.extract
  const lines = [
    ...[...table.remarks, ...keyRemarks(key)].map((remark) => `// ${oneLine(remark)}`),
    ...importsOf({ ...source.imports, millrace }),
    '',
    `const ${schema} = z.object({`,
    ...columns.map(
      (one) =>
        `  ${property(one.field)}: ${one === key ? one.code.replace(/\.nullable\(\)$/, '') : one.code},${one.remarks.length === 0 ? '' : ` // ${oneLine(one.remarks.join('; '))}`}`,
    ),
    '})',
    '',
    `const ${constant} = table({`,
    `  key: ${literal(table.key)},`,
    `  columns: ${schema},`,
    `  write: { disposition: 'replace' },`,
    ...(key === undefined ? [] : [`  primaryKey: [${literal(key.field)}],`]),
    `  config: z.object({ ${config} }),`,
    '  quarantine: true,',
    ...(source.resumable ? ['  resumable: true,'] : []),
    `  extract: ${context},`,
    ...(transform === undefined ? [] : [`  transform: ${transform},`]),
    '})',
    ...(whole ? ['', `export default defineLocation({ name: ${literal(table.location)}, assets: [${constant}] })`] : []),
  ]
  return `${lines.join('\n')}\n`
}

function importsOf(imports: Readonly<Record<string, readonly string[]>>): string[] {
  const named = Object.entries(imports).map(([module, names]) => `import { ${names.join(', ')} } from ${literal(module)}`)
  const nodeFirst = named.toSorted(
    (a, b) => Number(b.includes("'node:")) - Number(a.includes("'node:")) || Number(a.includes('/sources')) - Number(b.includes('/sources')),
  )
  return [...nodeFirst, "import * as z from 'zod'"]
}

function transformOf({ columns, values }: InferredTable, schema: string, renamed: readonly InferredColumn[]): string | undefined {
  const names = renamed.map((one) => `${property(one.field)}: ${literal(one.name)}`)
  if (values === 'values') return names.length === 0 ? undefined : `fromNames(${schema}, ${enclose('{', names, '}', '  ')})`
  const nulls = [...new Set(columns.flatMap((one) => one.nulls))]
  const options = [...(names.length === 0 ? [] : [`names: ${enclose('{', names, '}', '    ')}`]), ...(nulls.length === 0 ? [] : [`nulls: ${list(nulls)}`])]
  return `fromText(${schema}${options.length === 0 ? '' : `, ${enclose('{', options, '}', '  ')}`})`
}

function constantOf(name: string): string {
  const constant = name.replaceAll(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()).replaceAll(/[^A-Za-z0-9]/g, '')
  const plain = /^[A-Za-z]/.test(constant) ? constant.charAt(0).toLowerCase() + constant.slice(1) : `table${constant}`
  return taken.has(plain) || words.has(plain) ? `${plain}Table` : plain
}

function keyRemarks(key: InferredColumn | undefined): string[] {
  return key === undefined
    ? ['No primary key: no column that looks like one has another value in each row.']
    : [`The primary key is a guess: ${JSON.stringify(key.name)} has another value in each row.`]
}

function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
}
