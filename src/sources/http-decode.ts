import { pipeline } from 'node:stream'
import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import type { Headers } from 'undici'
import { HttpRefusal } from './http-refusal.ts'

const decoders: Readonly<Record<string, () => ReturnType<typeof createGunzip>>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

export interface DecodedBody {
  readonly body: Readable
  /** Bytes of it that were taken off the wire; undefined where nothing is decompressed. */
  readonly compressedBytes: () => number | undefined
}

/**
 * A body without its content encodings (RFC 9110, 8.4); as it is where one of them is unknown.
 * @throws HttpRefusal where there are more than `most`
 */
export function decodedBody(body: Readable, headers: Headers, most: number): DecodedBody {
  const encodings = (headers.get('content-encoding') ?? '').split(',').map((name) => name.trim().toLowerCase())
  const applied = encodings.filter((name) => name !== '' && name !== 'identity')
  if (applied.length > most) {
    throw new HttpRefusal(`answered with a body that is compressed ${String(applied.length)} times over`, {
      code: 'SOURCE_ENCODINGS',
      hint: 'No honest server does that; if it has to be, raise maxContentEncodings.',
    })
  }
  const makers = applied.map((name) => decoders[name]).filter((make) => make !== undefined)
  if (makers.length === 0 || makers.length < applied.length) return { body, compressedBytes: () => undefined }
  // The last one applied is the first to be undone. A failure reaches the reader as the error of the stream it reads.
  const streams = makers.toReversed().map((make) => make())
  const decoded = streams.reduce<Readable>((from, to) => pipeline(from, to, () => undefined), body)
  return { body: decoded, compressedBytes: () => streams[0]?.bytesWritten }
}
