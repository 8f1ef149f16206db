import type { FileMetaData, SchemaTree } from 'hyparquet'
import { parquetMetadata, parquetSchema } from 'hyparquet'
import type { JsonObject } from '../definitions/json.ts'
import type { ParquetChunk, ParquetFormat } from '../definitions/page.ts'
import { DataError, SourceError } from '../errors.ts'
import type { RandomAccess } from './random-access.ts'

/** The largest footer that is read: 64 MiB, which is that of some hundred thousand column chunks. */
const maxFooterBytes = 64 * 1024 * 1024

/** What the end of the file says of the rest. */
export interface ParquetFooter {
  readonly metadata: FileMetaData
  readonly root: SchemaTree
}

/** @throws SourceError `PARQUET_TRUNCATED`; DataError `PARQUET_DAMAGED`, `PARQUET_ENCRYPTED` */
export async function readFooter(file: RandomAccess, name: string): Promise<ParquetFooter> {
  const end = file.size < 12 ? Buffer.alloc(8) : Buffer.concat(await file.read(file.size - 8, file.size))
  const magic = end.toString('latin1', 4)
  const length = end.readUInt32LE(0)
  if (magic === 'PARE') throw encrypted(name)
  if (magic !== 'PAR1' || length + 12 > file.size) {
    throw new SourceError(`${name} does not end as Parquet does: it is cut off, or no Parquet`, {
      code: 'PARQUET_TRUNCATED',
      hint: 'See whether the file was written whole; its footer comes last.',
    })
  }
  if (length > maxFooterBytes) throw damaged(`${name} has a footer of ${String(length)} bytes, and at most ${String(maxFooterBytes)} are read`)
  try {
    const metadata = parquetMetadata(Buffer.concat(await file.read(file.size - 8 - length, file.size)), { geoparquet: false })
    return { metadata, root: parquetSchema(metadata) }
  } catch (cause) {
    if (cause instanceof SourceError) throw cause
    throw damaged(`${name} has a footer that cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
  }
}

/** The chunks of a row group that are asked for. */
export interface GroupPlan {
  readonly format: ParquetFormat
  /** Where each lies in the file, in the order of the format's chunks. */
  readonly ranges: readonly { readonly from: number; readonly to: number }[]
}

/**
 * What to fetch of a row group.
 * @param columns of the top of the schema
 * @throws DataError `PARQUET_DAMAGED`, `PARQUET_ENCRYPTED`
 */
export function planGroup({ metadata, root }: ParquetFooter, rowGroup: number, columns: readonly string[], size: number, name: string): GroupPlan {
  const wanted = new Set(columns)
  const group = metadata.row_groups[rowGroup]
  const chunks: ParquetChunk[] = []
  const ranges: { from: number; to: number }[] = []
  for (const column of group?.columns ?? []) {
    const where = `${name} has in row group ${String(rowGroup)} a column`
    if (column.crypto_metadata !== undefined && column.meta_data === undefined) throw encrypted(name)
    const meta = column.meta_data
    if (meta === undefined) throw damaged(`${where} without a description`)
    const [top = ''] = meta.path_in_schema
    if (!wanted.has(top)) continue
    const path = meta.path_in_schema
    if (column.file_path !== undefined && column.file_path !== '') throw damaged(`${where} ${path.join('.')} that lies in another file`)
    // Some writers leave the dictionary's offset out, or say 0.
    const dictionary = Number(meta.dictionary_page_offset ?? 0)
    const data = Number(meta.data_page_offset)
    const from = dictionary > 0 && dictionary < data ? dictionary : data
    const to = from + Number(meta.total_compressed_size)
    if (!(from >= 4 && to > from && to <= size)) throw damaged(`${where} ${path.join('.')} that lies beyond the file's end`)
    chunks.push({ path, codec: meta.codec, bytes: to - from })
    ranges.push({ from, to })
  }
  const rows = Number(group?.num_rows ?? 0)
  return { format: { kind: 'parquet', rowGroup, rows, schema: schemaOf(root, wanted), chunks }, ranges }
}

/** The elements of some columns, with a root that counts them. */
function schemaOf(root: SchemaTree, wanted: ReadonlySet<string>): JsonObject[] {
  const children = root.children.filter((child) => wanted.has(child.element.name))
  const elements = (tree: SchemaTree): unknown[] => [tree.element, ...tree.children.flatMap(elements)]
  const all = [{ ...root.element, num_children: children.length }, ...children.flatMap(elements)]
  // Without what is undefined, which JSON has no word for.
  return JSON.parse(JSON.stringify(all)) as JsonObject[]
}

function encrypted(name: string): DataError {
  return new DataError(`${name} is encrypted`, { code: 'PARQUET_ENCRYPTED', hint: 'Encrypted Parquet is not read; have it written without.' })
}

function damaged(what: string, cause?: unknown): DataError {
  return new DataError(what, { code: 'PARQUET_DAMAGED', hint: 'Look at the file with another reader, and fetch it again.', cause })
}
