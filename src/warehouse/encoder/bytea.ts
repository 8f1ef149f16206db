import { isBase64 } from '../../definitions/base64.ts'
import { shown } from './cell-writer.ts'
import type { CellWriter } from './cell-writer.ts'
import { putInt32, reserve } from './sink.ts'

function bytesOf(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  return typeof value === 'string' && isBase64(value) ? Buffer.from(value, 'base64') : undefined
}

/** `bytea`, from a `Uint8Array` or base64 text. */
export const bytea: CellWriter = {
  write(sink, value) {
    const bytes = bytesOf(value)
    if (bytes === undefined) return false
    reserve(sink, 4 + bytes.length)
    putInt32(sink.bytes, sink.at, bytes.length)
    sink.bytes.set(bytes, sink.at + 4)
    sink.at += 4 + bytes.length
    return true
  },
  refusal: (value) => `is neither bytes nor base64 text: ${shown(value)}`,
  text: (value) => `\\x${Buffer.from(bytesOf(value) ?? []).toString('hex')}`,
}
