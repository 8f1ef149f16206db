import type { FileOrigin } from './byte-origin.ts'
import { decoded, encodingOf, encodingOfMark } from './decode.ts'
import { compressionOf, decompressed, defaultDecompressionLimits } from './decompress.ts'
import type { Compression, DecompressionLimits } from './decompress.ts'
import { openFile } from './open-file.ts'
import { changedFile, closeUnread } from './opened-file.ts'
import type { Connections } from './opened-file.ts'

export interface TextOptions extends Partial<DecompressionLimits>, Connections {
  /** Default `auto`: gzip and zstd are told by their first bytes. */
  readonly compression?: Compression
  /** A label of the Encoding Standard: `utf-16le`, `latin1`, `windows-1250`. Default UTF-8, or what a byte order mark says. */
  readonly encoding?: string
}

/** A place in a file's text, in bytes of UTF-8. */
export interface TextPlace {
  readonly version: string
  readonly offset: number
  /** Whether the text is the file's bytes, so that they can be asked for from there. Else all is read again up to there. */
  readonly plain: boolean
}

export interface TextStream {
  /** Undefined where its keeper does not say; then there is no going on. */
  readonly version: string | undefined
  readonly plain: boolean
  /** Where the first chunk begins. */
  readonly offset: number
  readonly chunks: AsyncGenerator<Uint8Array, void, undefined>
}

type Chunks = AsyncGenerator<Uint8Array, void, undefined>

/**
 * A file's text as UTF-8 without a byte order mark: decompressed and decoded as it comes.
 * @throws SourceError `SOURCE_CHANGED` where the file is not the one of the place, and as opening it does; while it is read also `SOURCE_TRUNCATED`,
 * `SOURCE_NOT_COMPRESSED`, `SOURCE_EXPANDS`, `SOURCE_ENCODING`
 */
export async function openText(file: FileOrigin, options: TextOptions, place: TextPlace | undefined): Promise<TextStream> {
  const encoding = options.encoding === undefined ? undefined : encodingOf(options.encoding)
  const { signal, client, s3, sftp } = options
  const opened = await openFile(file, { from: place?.plain === true ? place.offset : 0, signal, client, s3, sftp })
  if (place !== undefined && opened.version !== place.version) {
    await closeUnread(opened)
    throw changedFile(file.name)
  }
  const { version } = opened
  if (place?.plain === true) return { version, plain: true, offset: place.offset, chunks: without(opened.chunks, place.offset - opened.from) }
  const text = await textOf(opened.chunks, encoding, options, file.name)
  const plain = text.plain && opened.seekable
  if (place === undefined) return { ...text, version, plain }
  return { version, plain, offset: place.offset, chunks: without(text.chunks, place.offset - text.offset) }
}

async function textOf(bytes: Chunks, encoding: string | undefined, options: TextOptions, name: string): Promise<Omit<TextStream, 'version'>> {
  const { compression = 'auto', maxBytes, maxRatio } = options
  const limits = { maxBytes: maxBytes ?? defaultDecompressionLimits.maxBytes, maxRatio: maxRatio ?? defaultDecompressionLimits.maxRatio }
  const first = await peek(bytes)
  const packed = compression === 'auto' ? compressionOf(first.head) : compression === 'none' ? undefined : compression
  const { head, chunks } = packed === undefined ? first : await peek(decompressed(first.chunks, packed, limits, name))
  const written = encoding ?? encodingOfMark(head) ?? 'utf-8'
  if (written !== 'utf-8') return { plain: false, offset: 0, chunks: decoded(chunks, written, name) }
  const mark = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0
  return { plain: packed === undefined, offset: mark, chunks: mark === 0 ? chunks : without(chunks, mark) }
}

/** The first four bytes, or as many as there are, and all chunks. */
async function peek(chunks: Chunks): Promise<{ readonly head: Uint8Array; readonly chunks: Chunks }> {
  const seen: Uint8Array[] = []
  let bytes = 0
  while (bytes < 4) {
    const next = await chunks.next()
    if (next.done === true) break
    seen.push(next.value)
    bytes += next.value.length
  }
  return { head: Buffer.concat(seen).subarray(0, 4), chunks: behind(seen, chunks) }
}

async function* behind(seen: readonly Uint8Array[], chunks: Chunks): Chunks {
  try {
    yield* seen
    yield* chunks
  } finally {
    await chunks.return()
  }
}

/** All but the first bytes. */
async function* without(chunks: Chunks, bytes: number): Chunks {
  let left = bytes
  for await (const chunk of chunks) {
    if (left >= chunk.length) {
      left -= chunk.length
      continue
    }
    yield left === 0 ? chunk : chunk.subarray(left)
    left = 0
  }
}
