import type { ArrayElements, JsonCell } from './cell-writer.ts'
import { skipBlanks } from './json-scan.ts'
import { putInt32, reserve, writeByte, writeNull } from './sink.ts'
import type { Sink } from './sink.ts'

/** Writes the cells of JSON arrays. The element's cell leaves the sink as it was where it answers -1. */
export type ArrayFromJson = (element: JsonCell, elements: ArrayElements) => JsonCell

/** Whether a JSON null begins at `at`. */
export function isNull(bytes: Buffer, at: number): boolean {
  return bytes[at] === 0x6e && bytes[at + 1] === 0x75 && bytes[at + 2] === 0x6c && bytes[at + 3] === 0x6c
}

/** Of binary COPY. */
export const binaryArray: ArrayFromJson =
  (element, { oid, nulls }) =>
  (sink, bytes, from) => {
    if (bytes[from] !== 0x5b) return -1
    const start = sink.at
    reserve(sink, 24)
    sink.at = start + 24
    let count = 0
    let holdsNull = 0
    let at = skipBlanks(bytes, from + 1)
    while (bytes[at] !== 0x5d || count > 0) {
      if (nulls && isNull(bytes, at)) {
        writeNull(sink)
        holdsNull = 1
        at += 4
      } else at = element(sink, bytes, at)
      if (at >= 0) at = skipBlanks(bytes, at)
      const byte = bytes[at]
      if (at < 0 || (byte !== 0x2c && byte !== 0x5d)) {
        sink.at = start
        return -1
      }
      count++
      if (byte === 0x5d) break
      at = skipBlanks(bytes, at + 1)
    }
    if (count === 0) sink.at = start + 16
    const target = sink.bytes
    putInt32(target, start, sink.at - start - 4)
    putInt32(target, start + 4, count === 0 ? 0 : 1)
    putInt32(target, start + 8, holdsNull)
    putInt32(target, start + 12, oid)
    if (count > 0) {
      putInt32(target, start + 16, count)
      putInt32(target, start + 20, 1)
    }
    return at + 1
  }

function writeNullElement(sink: Sink): void {
  reserve(sink, 4)
  sink.at += sink.bytes.write('NULL', sink.at, 'latin1')
}

const [quote, comma] = [0x22, 0x2c]

/** Of text COPY: each element in quotes. What JSON writes without an escape has neither a quote nor a backslash. */
export const textArray: ArrayFromJson =
  (element, { nulls }) =>
  (sink, bytes, from) => {
    if (bytes[from] !== 0x5b) return -1
    const start = sink.at
    writeByte(sink, 0x7b)
    let at = skipBlanks(bytes, from + 1)
    for (let first = true; bytes[at] !== 0x5d || !first; first = false) {
      if (!first) writeByte(sink, comma)
      if (nulls && isNull(bytes, at)) {
        writeNullElement(sink)
        at += 4
      } else {
        writeByte(sink, quote)
        at = element(sink, bytes, at)
        writeByte(sink, quote)
      }
      if (at >= 0) at = skipBlanks(bytes, at)
      const byte = bytes[at]
      if (at < 0 || (byte !== 0x2c && byte !== 0x5d)) {
        sink.at = start
        return -1
      }
      if (byte === 0x5d) break
      at = skipBlanks(bytes, at + 1)
    }
    writeByte(sink, 0x7d)
    return at + 1
  }
