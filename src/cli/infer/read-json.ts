import { DataError } from '../../errors.ts'
import { parseDocument } from '../../sources/formats/json.ts'
import { parsePage } from '../../sources/parse-page.ts'
import { createObserver } from './columns.ts'
import type { Observer } from './columns.ts'
import { cutArray, findArrays } from './json-elements.ts'
import type { RecordArray } from './json-elements.ts'
import type { Limits } from './read.ts'
import type { Sample } from './sample.ts'

export interface JsonSample {
  readonly observer: Observer
  /** Where the array of records is. */
  readonly path: readonly string[]
  /** Paths of other arrays of objects. */
  readonly others: readonly string[]
  readonly faults: readonly string[]
  readonly whole: boolean
}

/**
 * Looks at a document that is an array of objects, or has one inside.
 * @throws SourceError `PAGE_NOT_JSON`, `PAGE_TRUNCATED`; DataError `INFER_NO_ARRAY`, `INFER_NO_ROWS`
 */
export function readJson(sample: Sample, wanted: readonly string[] | undefined, limits: Limits): JsonSample {
  const { found, others } = sample.whole ? arrayOf(sample.bytes, wanted, limits) : { found: cutArray(sample.bytes, wanted), others: [] }
  if (found === undefined) {
    throw new DataError(`${limits.name} has no array of objects${wanted === undefined ? '' : ` at ${wanted.join('.')}`}.`, {
      code: 'INFER_NO_ARRAY',
      hint: sample.whole ? 'A table is made of an array of objects; --path says where it is.' : 'It may lie behind what was read: raise --bytes.',
    })
  }
  const { observer, faults } = observeAll(found.records, limits)
  return { observer, path: found.path, others, faults, whole: sample.whole && found.records.length <= limits.rows }
}

function arrayOf(bytes: Buffer, wanted: readonly string[] | undefined, limits: Limits): { found: RecordArray | undefined; others: string[] } {
  const arrays = findArrays(parseDocument(bytes, limits.name))
  const path = wanted?.join('.')
  const found = path === undefined ? arrays[0] : arrays.find((one) => one.path.join('.') === path)
  return { found, others: arrays.filter((one) => one !== found).map((one) => one.path.join('.')) }
}

/** Looks at JSON lines. @throws DataError `INFER_NO_ROWS` */
export function readJsonl(sample: Sample, limits: Limits): JsonSample {
  const end = sample.whole ? sample.bytes.length : sample.bytes.lastIndexOf(0x0a) + 1
  const broken: string[] = []
  const page = { body: sample.bytes.subarray(0, end), format: { kind: 'jsonl' } } as const
  const { records } = parsePage(page, { name: limits.name, keepFault: ({ error }) => void broken.push(error.message) })
  const { observer, faults } = observeAll(records, limits)
  return { observer, path: [], others: [], faults: [...broken, ...faults], whole: sample.whole && records.length <= limits.rows }
}

function observeAll(records: readonly unknown[], limits: Limits): { observer: Observer; faults: string[] } {
  const observer = createObserver('values')
  const faults: string[] = []
  for (const [index, record] of records.entries()) {
    if (observer.rows() >= limits.rows) break
    if (typeof record === 'object' && record !== null && !Array.isArray(record)) observer.take(record as Readonly<Record<string, unknown>>)
    else faults.push(`record ${String(index)} is no object`)
    if (index % 10_000 === 0) limits.onProgress(0, observer.rows())
  }
  if (observer.rows() === 0) {
    throw new DataError(`${limits.name} has no record that is an object.`, {
      code: 'INFER_NO_ROWS',
      hint: 'A schema is inferred from objects: give data that has some.',
    })
  }
  return { observer, faults }
}
