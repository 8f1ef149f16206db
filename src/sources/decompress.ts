import { createGunzip, createZstdDecompress } from 'node:zlib'
import { SourceError } from '../errors.ts'

/** How a file is compressed. `auto`: told by its first bytes, whatever its name. */
export type Compression = 'auto' | 'none' | 'gzip' | 'zstd'

/** What a compressed file may become. */
export interface DecompressionLimits {
  /** Bytes, decompressed. */
  readonly maxBytes: number
  /** Bytes, decompressed, for each compressed one. */
  readonly maxRatio: number
}

/** 1 TiB, and two hundred bytes from one: text shrinks to a tenth, seldom to a fiftieth; a bomb is a thousand times as large as it seems. */
export const defaultDecompressionLimits: DecompressionLimits = { maxBytes: 2 ** 40, maxRatio: 200 }

/** A short file may shrink to almost nothing, and harms nobody: the ratio is looked at from 64 MiB on. */
const harmlessBytes = 64 * 1024 * 1024

/** The compression that the first four bytes tell. */
export function compressionOf(head: Uint8Array): 'gzip' | 'zstd' | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip'
  const skippable = ((head[0] ?? 0) & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18
  const frame = head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd
  return skippable || frame ? 'zstd' : undefined
}

/**
 * A compressed stream's bytes; of several members or frames one after the other, those of all.
 * @throws SourceError `SOURCE_TRUNCATED`, `SOURCE_NOT_COMPRESSED`, `SOURCE_EXPANDS`
 */
export async function* decompressed(
  chunks: AsyncIterator<Uint8Array, void>,
  compression: 'gzip' | 'zstd',
  limits: DecompressionLimits,
  name: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const feed = { rest: undefined as Uint8Array | undefined, bytes: 0, failed: false }
  const nextChunk = async (): Promise<Uint8Array | undefined> => {
    const { rest } = feed
    feed.rest = undefined
    if (rest !== undefined) return rest
    const next = await chunks.next().catch((error: unknown) => {
      feed.failed = true
      throw error
    })
    if (next.done === true) return undefined
    feed.bytes += next.value.length
    return next.value
  }
  let bytes = 0
  try {
    do {
      for await (const chunk of engineOf(compression, nextChunk, feed)) {
        bytes += chunk.length
        refuseBomb(bytes, feed.bytes, limits, name)
        yield chunk
      }
    } while (feed.rest !== undefined)
  } catch (error) {
    throw feed.failed || error instanceof SourceError ? error : broken(error, compression, feed.bytes, name)
  } finally {
    await chunks.return?.()
  }
}

/** One member or frame. Node's zstd ends with a frame and drops what follows: that is put back, for the next one. */
async function* engineOf(
  compression: 'gzip' | 'zstd',
  nextChunk: () => Promise<Uint8Array | undefined>,
  feed: { rest: Uint8Array | undefined },
): AsyncGenerator<Uint8Array, void, undefined> {
  const engine = compression === 'gzip' ? createGunzip() : createZstdDecompress()
  const pump = async (): Promise<void> => {
    for (let chunk = await nextChunk(); chunk !== undefined; chunk = await nextChunk()) {
      const before = engine.bytesWritten
      await new Promise<void>((resolve, reject) => engine.write(chunk, (error) => (error ? reject(error) : resolve())))
      const taken = engine.bytesWritten - before
      if (taken < chunk.length) {
        feed.rest = chunk.subarray(taken)
        return
      }
    }
    engine.end()
  }
  const pumping = pump().catch((error: unknown) => {
    engine.destroy(error instanceof Error ? error : new Error(String(error)))
  })
  try {
    for await (const chunk of engine) yield chunk as Uint8Array
    await pumping
  } finally {
    engine.destroy()
  }
}

function refuseBomb(bytes: number, compressed: number, { maxBytes, maxRatio }: DecompressionLimits, name: string): void {
  const tooMany = bytes > maxBytes
  if (!tooMany && (bytes < harmlessBytes || bytes <= compressed * maxRatio)) return
  const limit = tooMany ? `maxBytes (${String(maxBytes)})` : `maxRatio (${String(maxRatio)})`
  throw new SourceError(`${name} grows beyond ${limit}: ${String(compressed)} compressed bytes are ${String(bytes)} and more`, {
    code: 'SOURCE_EXPANDS',
    retryable: false,
    hint: `See what it is: a small file that becomes a huge one may be meant to do harm. If it is good, raise ${tooMany ? 'maxBytes' : 'maxRatio'}.`,
  })
}

function broken(error: unknown, compression: string, bytes: number, name: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'Z_BUF_ERROR') {
    return new SourceError(`${name} is cut off: its ${compression} ends in the middle, at byte ${String(bytes)}`, {
      code: 'SOURCE_TRUNCATED',
      hint: 'The source sent less than a whole file; fetching it again may help. If not, look at the source.',
      cause: error,
    })
  }
  if (!/^(Z_|ZSTD_|ERR_ZSTD)/.test(code)) return error
  return new SourceError(`${name} is not ${compression}, or is damaged, before byte ${String(bytes)}: ${error instanceof Error ? error.message : code}`, {
    code: 'SOURCE_NOT_COMPRESSED',
    retryable: false,
    hint: 'Check the file with the tool that made it, and the `compression` that was given.',
    cause: error,
  })
}
