import type { DecodedArray, SchemaTree } from 'hyparquet'
import { compressors as libraryCompressors } from 'hyparquet-compressors'
import { assembleNested } from 'hyparquet/src/assemble.js'
import { parquetHeader, readColumn, readPage } from 'hyparquet/src/column.js'
import { convert, DEFAULT_PARSERS } from 'hyparquet/src/convert.js'
import { getTreePath, isFlatColumn } from 'hyparquet/src/schema.js'
import type { ParquetChunk } from '../../definitions/page.ts'

/** The largest page of a column, decompressed, that is taken: 256 MiB; writers make pages of about one. */
const maxPageBytes = 256 * 1024 * 1024

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Times are handed on as they lie in the file; what is no UTF-8 is an error, not a replacement character. */
const parsers = {
  ...DEFAULT_PARSERS,
  timestampFromNanoseconds: (nanos: bigint) => nanos,
  stringFromBytes: (bytes: Uint8Array | undefined) => (bytes === undefined ? bytes : utf8.decode(bytes)),
}

type Decompress = (input: Uint8Array, length: number) => Uint8Array

/** A page of NULLs alone has no values; LZ4's decoder fails at what is packed of nothing. */
const compressors = Object.fromEntries(
  Object.entries(libraryCompressors).map(([codec, decompress]: [string, Decompress]): [string, Decompress] => [
    codec,
    (input, length) => (length === 0 ? new Uint8Array(0) : decompress(input, length)),
  ]),
)

/** The bytes of a column's chunk, with what the footer says of it. */
export interface ChunkBytes {
  readonly chunk: ParquetChunk
  readonly bytes: Uint8Array
}

function decoderOf(root: SchemaTree, { path, codec }: ParquetChunk) {
  const pathInSchema = [...path]
  const schemaPath = getTreePath(root, pathInSchema)
  const element = schemaPath.at(-1)?.element
  if (element?.type === undefined) throw new Error(`the schema has no type for ${path.join('.')}`)
  return { pathInSchema, schemaPath, element, type: element.type, codec: codec as 'SNAPPY', parsers, compressors, utf8: false }
}

function readerOf(bytes: Uint8Array): { view: DataView; offset: number } {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 }
}

/**
 * The values of a top-level column of one row group, in order. A flat one is decoded page by page; one with lists or structs in it as a whole,
 * since its rows may go over pages.
 */
export function* columnValues(root: SchemaTree, column: SchemaTree, chunks: readonly ChunkBytes[], rows: number): Generator<DecodedArray> {
  const [only] = chunks
  if (only !== undefined && chunks.length === 1 && isFlatColumn([root, column])) yield* flatPages(decoderOf(root, only.chunk), only.bytes, rows)
  else yield nestedValues(root, column, chunks, rows)
}

function* flatPages(decoder: ReturnType<typeof decoderOf>, bytes: Uint8Array, rows: number): Generator<DecodedArray> {
  const reader = readerOf(bytes)
  let dictionary: DecodedArray | undefined
  for (let read = 0; read < rows && reader.offset < bytes.length;) {
    const header = parquetHeader(reader)
    checkPage(header, bytes.length - reader.offset)
    const isData = header.type === 'DATA_PAGE' || header.type === 'DATA_PAGE_V2'
    // A page without values need not have so much as the first byte of its encoding; an index is of no use here.
    const isEmpty = (header.data_page_header ?? header.data_page_header_v2)?.num_values === 0
    if (isEmpty || !(isData || header.type === 'DICTIONARY_PAGE')) {
      reader.offset += header.compressed_page_size
      continue
    }
    const { data } = readPage(reader, header, decoder, dictionary, undefined, 0)
    if (data === undefined) continue
    if (isData) {
      read += data.length
      yield data
    } else {
      dictionary = convert(data, decoder)
    }
  }
}

/** A damaged header must not make us read beyond the chunk, or ask for memory that no page needs. */
function checkPage(
  { compressed_page_size: packed, uncompressed_page_size: plain }: { compressed_page_size: number; uncompressed_page_size: number },
  left: number,
): void {
  if (!(packed >= 0 && packed <= left)) throw new Error(`a page of ${String(packed)} bytes where ${String(left)} are left`)
  if (!(plain >= 0 && plain <= maxPageBytes)) throw new Error(`a page of ${String(plain)} bytes, and at most ${String(maxPageBytes)} are taken`)
}

function nestedValues(root: SchemaTree, column: SchemaTree, chunks: readonly ChunkBytes[], rows: number): DecodedArray {
  const values = new Map<string, unknown[]>()
  for (const { chunk, bytes } of chunks) {
    checkPages(bytes)
    const { data } = readColumn(readerOf(bytes), { groupStart: 0, selectStart: 0, selectEnd: rows, groupRows: rows }, decoderOf(root, chunk))
    values.set(
      chunk.path.join('.'),
      data.flatMap((part) => Array.from(part as ArrayLike<unknown>)),
    )
  }
  if (column.children.length > 0) assembleNested(values, column, parsers)
  return values.get(column.path.join('.')) ?? []
}

function checkPages(bytes: Uint8Array): void {
  const reader = readerOf(bytes)
  while (reader.offset < bytes.length - 1) {
    const header = parquetHeader(reader)
    checkPage(header, bytes.length - reader.offset)
    reader.offset += header.compressed_page_size
  }
}
