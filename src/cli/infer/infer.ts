import { basename } from 'node:path'
import { checkAssetKey, tableNameOf } from '../../definitions/asset-key.ts'
import { ConfigError } from '../../errors.ts'
import { nameOfFile } from './origin.ts'
import type { OneFile } from './origin.ts'
import { redactUrl } from '../../sources/redact.ts'
import type { CsvDialect } from './csv-dialect.ts'
import type { InferredTable } from './definitions.ts'
import { formatOf, refuseOtherEncodings } from './format.ts'
import type { Format } from './format.ts'
import { plainName } from './names.ts'
import { readCsv } from './read-csv.ts'
import { readJson, readJsonl } from './read-json.ts'
import type { Limits } from './read.ts'
import { readSample } from './sample.ts'
import type { Sample } from './sample.ts'
import { sourceCodeOf } from './source-code.ts'

export interface InferOptions {
  /** An address (http, https, file) or a path. */
  readonly from: string
  readonly format: Format | undefined
  /** The asset's key. */
  readonly key: string | undefined
  readonly dialect: Partial<CsvDialect>
  /** Of JSON: where the array of records is. */
  readonly path: readonly string[] | undefined
  /** How much is looked at, of what is decompressed. */
  readonly maxBytes: number
  readonly maxRows: number
  readonly onProgress: (bytes: number, rows: number) => void
}

/**
 * Looks at what an address or file holds, and says what table it would be.
 * @throws SourceError where it cannot be read; DataError where it is no table; ConfigError where an option is wrong
 */
export async function inferTable(options: InferOptions): Promise<InferredTable> {
  const origin: OneFile = /^(?:https?|file):\/\//i.test(options.from) ? { url: options.from } : { path: options.from }
  const name = nameOfFile(origin)
  const names = namesOf(origin, options.key)
  const limits: Limits = { name, rows: options.maxRows, bytes: options.maxBytes, onProgress: options.onProgress }
  const beginning = await readSample(origin, { maxBytes: Math.min(beginningBytes, options.maxBytes) })
  const format = options.format ?? formatOf(beginning.bytes, name)
  const common = { ...names, origin: originOf(origin) }
  const secret =
    origin.url !== undefined && redactUrl(origin.url) !== String(origin.url) ? ['The address had credentials, which are not written down here.'] : []
  if (format === 'parquet') {
    // Loaded when first used: the library is large.
    const { readParquet } = await import('./read-parquet.ts')
    const { columns, names: top, rows, whole } = await readParquet(origin, limits)
    const source = sourceCodeOf({ format, remote: origin.url !== undefined, columns: top, dialect: undefined, path: [] })
    return {
      ...common,
      columns,
      rows,
      values: 'values',
      source,
      remarks: [...remarksOf(name, rows, whole, 'Parquet; the types are those of its schema'), ...secret],
    }
  }
  refuseOtherEncodings(wholeCharacters(beginning), name)
  if (format === 'csv') {
    const { observer, dialect, columns, faults, whole } = await readCsv(origin, beginning, options.dialect, limits)
    const how = `CSV, delimited by ${dialect.delimiter === '\t' ? 'tabs' : JSON.stringify(dialect.delimiter)}, ${dialect.header ? 'with' : 'without'} a header${packed(beginning)}`
    return {
      ...common,
      columns: observer.columns(),
      rows: observer.rows(),
      values: 'text',
      source: sourceCodeOf({ format, remote: origin.url !== undefined, columns, dialect, path: [] }),
      remarks: [...remarksOf(name, observer.rows(), whole, how), ...faultRemarks(faults), ...secret],
    }
  }
  const sample = beginning.whole ? beginning : await readSample(origin, { maxBytes: options.maxBytes, onBytes: (bytes) => options.onProgress(bytes, 0) })
  const read = format === 'json' ? readJson(sample, options.path, limits) : readJsonl(sample, limits)
  const { observer, path, others, faults, whole } = read
  const columns = observer.columns()
  const where = path.length === 0 ? '' : `, the records at ${path.join('.')}`
  const more = others.length === 0 ? [] : [`There are other arrays of objects, at ${others.slice(0, 5).join(', ')}: --path takes one of them.`]
  return {
    ...common,
    columns,
    rows: observer.rows(),
    values: 'values',
    source: sourceCodeOf({ format, remote: origin.url !== undefined, columns: columns.map((one) => one.name), dialect: undefined, path }),
    remarks: [
      ...remarksOf(name, observer.rows(), whole, `${format === 'json' ? 'JSON' : 'JSON lines'}${where}${packed(sample)}`),
      ...more,
      ...faultRemarks(faults),
      ...secret,
    ],
  }
}

/** The cut may lie within a character. */
function wholeCharacters({ bytes, whole }: Sample): Buffer {
  return whole ? bytes : bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1)
}

function packed({ compression }: Sample): string {
  return compression === undefined ? '' : `, packed with ${compression}`
}

function originOf(origin: OneFile): InferredTable['origin'] {
  return origin.url === undefined ? { path: origin.path } : { url: redactUrl(origin.url) }
}

function remarksOf(name: string, rows: number, whole: boolean, how: string): string[] {
  return [
    `Inferred by \`millrace infer\` from ${name}: ${String(rows)} row${rows === 1 ? '' : 's'}, ${whole ? 'which are all of it' : 'its beginning; it was not read whole'}.`,
    `${how}.`,
  ]
}

function faultRemarks(faults: readonly string[]): string[] {
  const [first] = faults
  return first === undefined ? [] : [`${String(faults.length)} of its records cannot be read and will go to quarantine. The first: ${first}.`]
}

/** What tells formats and dialects apart. */
const beginningBytes = 256 * 1024
const schema = 'files'

function namesOf(origin: OneFile, given: string | undefined): { key: string; location: string } {
  const path = origin.url === undefined ? origin.path : (URL.parse(String(origin.url))?.pathname ?? '')
  const stem = basename(path).replace(/(\.(csv|tsv|txt|json|jsonl|ndjson|parquet|pq|gz|gzip|zst|zstd))+$/i, '')
  const key = given ?? `${schema}/${plainName(stem, 'rows')}`
  try {
    checkAssetKey(key)
    tableNameOf(key)
  } catch (cause) {
    throw new ConfigError(`${JSON.stringify(key)} can be no table.`, {
      code: 'NAME_INVALID',
      hint: 'Give --name schema/table, of letters, digits and _.',
      cause,
    })
  }
  return { key, location: plainName(key.split('/').at(-1) ?? key, 'files') }
}
