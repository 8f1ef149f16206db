import { crc32 } from 'node:zlib'
import type { SpoolReference } from './spool.ts'
import { SpoolLostError } from './spool-lost-error.ts'

/** Gathers the pieces of a reference in the buffer that is lent, or a new one. */
export interface Gathering {
  add(piece: Uint8Array): void
  /** @throws SpoolLostError when they are not what was written */
  whole(): Buffer
}

export function gather(reference: SpoolReference, into: Buffer | undefined): Gathering {
  const { name, bytes } = reference
  const buffer = into !== undefined && into.length >= bytes ? into.subarray(0, bytes) : Buffer.allocUnsafeSlow(bytes)
  let seen = 0
  return {
    add(piece) {
      if (seen + piece.length <= bytes) buffer.set(piece, seen)
      seen += piece.length
    },
    whole() {
      expectLength(reference, seen)
      expectChecksum(name, buffer, reference.crc)
      return buffer
    },
  }
}

/** @throws SpoolLostError */
export function expectLength({ name, bytes }: SpoolReference, found: number): void {
  if (found !== bytes) throw new SpoolLostError(name, `has ${String(found)} bytes instead of ${String(bytes)}`)
}

/** @throws SpoolLostError */
export function expectChecksum(name: string, bytes: Buffer, crc: number): void {
  if (crc32(bytes) !== crc) throw new SpoolLostError(name, 'is damaged: its checksum is another')
}

/** Length and checksum of bytes that lie in several chunks. */
export function referenceOf(name: string, chunks: readonly Uint8Array[]): SpoolReference {
  let bytes = 0
  let crc = 0
  for (const chunk of chunks) {
    bytes += chunk.length
    crc = crc32(chunk, crc)
  }
  return { name, bytes, crc }
}
