import { Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { SourceError } from '../../errors.ts'
import { filesOf } from '../../sources/byte-origin.ts'
import { openFile } from '../../sources/open-file.ts'
import { nameOfFile } from './origin.ts'
import type { OneFile } from './origin.ts'

/** The beginning of what an address or file holds, decompressed. */
export interface Sample {
  readonly bytes: Buffer
  /** Whether that is all of it. */
  readonly whole: boolean
  readonly compression: 'gzip' | 'zstd' | undefined
}

export interface SampleOptions {
  /** The most bytes that are read, decompressed. */
  readonly maxBytes: number
  /** Told how many bytes there are so far. */
  readonly onBytes?: (bytes: number) => void
}

/** What Parquet files begin with. */
export const parquetMagic = Buffer.from('PAR1')

/**
 * Reads the beginning of a file. Of Parquet, which is read from its end, only the first chunk.
 * @throws SourceError as the HTTP client does; `SOURCE_FILE_UNREADABLE`, `INFER_COMPRESSED`
 */
export async function readSample(origin: OneFile, { maxBytes, onBytes }: SampleOptions): Promise<Sample> {
  const parts: Uint8Array[] = []
  let length = 0
  const { chunks, compression } = await decompressed(bytesOf(origin))
  try {
    for await (const chunk of chunks) {
      parts.push(chunk)
      length += chunk.length
      onBytes?.(length)
      const parquet = parts.length === 1 && parquetMagic.equals(chunk.subarray(0, 4))
      if (length > maxBytes || parquet) return { bytes: Buffer.concat(parts).subarray(0, maxBytes), whole: false, compression }
    }
  } catch (cause) {
    if (compression === undefined || cause instanceof SourceError) throw cause
    throw new SourceError(`${nameOfFile(origin)} begins as ${compression} does, and cannot be decompressed after ${String(length)} bytes`, {
      code: 'INFER_COMPRESSED',
      hint: 'The file is damaged or was cut off: fetch it again.',
      cause,
    })
  }
  return { bytes: Buffer.concat(parts), whole: true, compression }
}

/** The bytes as they lie there, in order. */
async function* bytesOf(origin: OneFile): AsyncGenerator<Uint8Array, void, undefined> {
  for (const file of await filesOf(origin)) yield* (await openFile(file, { from: 0 })).chunks
}

const magics = [
  { compression: 'gzip', magic: Buffer.from([0x1f, 0x8b]), make: createGunzip },
  { compression: 'zstd', magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), make: createZstdDecompress },
] as const

/** Looks at the first bytes: a file's name may lie, and an address often has none. */
async function decompressed(
  bytes: AsyncGenerator<Uint8Array, void, undefined>,
): Promise<{ chunks: AsyncIterable<Uint8Array>; compression: Sample['compression'] }> {
  const first = await bytes.next()
  if (first.done === true) return { chunks: bytes, compression: undefined }
  const beginning = first.value
  async function* all(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield beginning
      yield* bytes
    } finally {
      await bytes.return()
    }
  }
  const found = magics.find(({ magic }) => magic.equals(beginning.subarray(0, magic.length)))
  if (found === undefined) return { chunks: all(), compression: undefined }
  const source = Readable.from(all())
  const decoder = found.make()
  source.on('error', (error) => decoder.destroy(error))
  decoder.on('close', () => source.destroy())
  return { chunks: source.pipe(decoder), compression: found.compression }
}
