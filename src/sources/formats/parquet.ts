import type { SchemaElement, SchemaTree } from 'hyparquet'
import { parquetSchema } from 'hyparquet'
import type { ParquetFormat } from '../../definitions/page.ts'
import { DataError } from '../../errors.ts'
import type { ParsedPage } from '../parse-page.ts'
import { columnValues } from './parquet-column.ts'
import type { ChunkBytes } from './parquet-column.ts'
import { leafReading, valueReader } from './parquet-values.ts'
import type { ReadValue } from './parquet-values.ts'

/** Records that are made at once; more would only wait in memory. */
const blockRows = 1000

/**
 * The records of a row group, a block at a time: of each column no more than one page is decoded, so memory does not grow with the row group.
 * int64 becomes a bigint; decimals, dates and times exact text (times with an instant end in Z); bytes a Uint8Array; lists arrays; structs and maps objects.
 * @param page how messages name it
 * @throws DataError `PARQUET_DAMAGED`, naming the row group and the column
 */
export function* parseParquet(body: Uint8Array, format: ParquetFormat, page: string): Generator<ParsedPage> {
  const where = `Row group ${String(format.rowGroup)} (${page})`
  const { root, leaves } = treeOf(format, where)
  const columns = root.children.map((tree) => columnReader(root, tree, leaves, chunksOf(body, format, tree), format.rows, where))
  for (let from = 0; from < format.rows; from += blockRows) {
    const count = Math.min(blockRows, format.rows - from)
    const records: Record<string, unknown>[] = Array.from({ length: count }, () => ({}))
    for (const fill of columns) fill(records)
    yield { records, locate: (index) => `row ${String(from + index)} of row group ${String(format.rowGroup)}` }
  }
}

interface Tree {
  readonly root: SchemaTree
  readonly leaves: ReadonlyMap<string, ReadValue | undefined>
}

function treeOf({ schema }: ParquetFormat, where: string): Tree {
  const leaves = new Map<string, ReadValue | undefined>()
  try {
    const elements = (schema as unknown as SchemaElement[]).map((element) => (element.type === undefined ? groupOf(element) : leafReading(element).element))
    // The paths are the same in both trees.
    const given = parquetSchema({ schema: schema as unknown as SchemaElement[] })
    const visit = (tree: SchemaTree): void => {
      if (tree.children.length === 0) leaves.set(tree.path.join('\0'), leafReading(tree.element).read)
      for (const child of tree.children) visit(child)
    }
    visit(given)
    return { root: parquetSchema({ schema: elements }), leaves }
  } catch (cause) {
    throw damaged(`${where} has a schema that cannot be read`, cause)
  }
}

/** Newer writers say only by the logical type what lists and maps are. */
function groupOf(element: SchemaElement): SchemaElement {
  const kind = element.logical_type?.type
  if (kind === 'LIST') return { ...element, converted_type: 'LIST' }
  return kind === 'MAP' || element.converted_type === 'MAP_KEY_VALUE' ? { ...element, converted_type: 'MAP' } : element
}

function chunksOf(body: Uint8Array, { chunks }: ParquetFormat, tree: SchemaTree): ChunkBytes[] {
  let at = 0
  const placed = chunks.map((chunk) => {
    const bytes = body.subarray(at, at + chunk.bytes)
    at += chunk.bytes
    return { chunk, bytes }
  })
  return placed.filter(({ chunk }) => chunk.path[0] === tree.element.name)
}

/** Fills the next values of a column into records. */
function columnReader(
  root: SchemaTree,
  tree: SchemaTree,
  leaves: Tree['leaves'],
  chunks: readonly ChunkBytes[],
  rows: number,
  where: string,
): (records: Record<string, unknown>[]) => void {
  const { name } = tree.element
  const read = valueReader(tree, leaves)
  const pages = columnValues(root, tree, chunks, rows)
  let values: ArrayLike<unknown> = []
  let at = 0
  const set = name === '__proto__' ? define : assign
  return (records) => {
    try {
      for (const record of records) {
        while (at >= values.length) {
          const next = pages.next()
          if (next.done === true) throw new Error('it has fewer values than the row group has rows')
          values = next.value
          at = 0
        }
        const value = values[at]
        at += 1
        set(record, name, value === null || value === undefined ? null : read(value))
      }
    } catch (cause) {
      throw damaged(`${where} cannot be read in the column ${JSON.stringify(name)}`, cause)
    }
  }
}

function assign(record: Record<string, unknown>, name: string, value: unknown): void {
  record[name] = value
}

function define(record: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(record, name, { value, enumerable: true })
}

function damaged(what: string, cause: unknown): DataError {
  return new DataError(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, {
    code: 'PARQUET_DAMAGED',
    hint: 'Look at the file with another reader; if that reads it, its encoding may be one that is not known here.',
    cause,
  })
}
