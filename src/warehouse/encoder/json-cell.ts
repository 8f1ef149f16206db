import type { Cell } from './cell.ts'
import type { ArrayElements, FromBytes } from './cell-writer.ts'
import { endOfPlain, endOfScalar, endOfValue, skipBlanks } from './json-scan.ts'
import { putInt32, reserve, writeNull } from './sink.ts'
import type { Sink } from './sink.ts'

/** Writes the cell of the JSON value that begins at `at`: where it ends, or -1 where the cell does not take it or it is no JSON. */
export type JsonCell = (sink: Sink, bytes: Buffer, at: number) => number

const quote = 0x22

/** The value that begins at `at`, parsed. */
function parsed({ write }: Pick<Cell, 'write'>): JsonCell {
  return (sink, bytes, at) => {
    const end = endOfValue(bytes, at)
    if (end < 0) return -1
    let value: unknown
    // A string without escapes needs no parser.
    if (bytes[at] === quote && endOfPlain(bytes, at + 1) === end - 1) value = bytes.toString('utf8', at + 1, end - 1)
    else {
      try {
        value = JSON.parse(bytes.toString('utf8', at, end))
      } catch {
        return -1
      }
    }
    return write(sink, value) ? end : -1
  }
}

/** A value whose bytes can be written as they are, else -1: the sink is then as it was. */
function plainValue({ token, write, writePlain, sizes = [] }: FromBytes): JsonCell {
  if (writePlain !== undefined) {
    return (sink, bytes, at) => {
      if (bytes[at] !== quote) return -1
      const start = sink.at
      const end = writePlain(sink, bytes, at + 1)
      if (bytes[end] === quote) return end + 1
      sink.at = start
      return -1
    }
  }
  if (token === 'string') {
    return (sink, bytes, at) => {
      if (bytes[at] !== quote) return -1
      for (const size of sizes) if (bytes[at + 1 + size] === quote && write(sink, bytes, at + 1, at + 1 + size)) return at + size + 2
      const end = endOfPlain(bytes, at + 1)
      return bytes[end] === quote && write(sink, bytes, at + 1, end) ? end + 1 : -1
    }
  }
  return (sink, bytes, at) => {
    const end = endOfScalar(bytes, at)
    return end > at && write(sink, bytes, at, end) ? end : -1
  }
}

function isNull(bytes: Buffer, at: number): boolean {
  return bytes[at] === 0x6e && bytes[at + 1] === 0x75 && bytes[at + 2] === 0x6c && bytes[at + 3] === 0x6c
}

/** An array of such values. */
function plainArray(element: JsonCell, { oid, nulls }: ArrayElements): JsonCell {
  return (sink, bytes, from) => {
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
}

/** How a column's values are written from JSON: from their bytes where they are plain, else parsed. */
export function jsonCell(cell: Cell): JsonCell {
  const whole = parsed(cell)
  const { fromBytes, elements } = cell
  const elementBytes = elements?.writer.fromBytes
  const plain =
    fromBytes !== undefined
      ? plainValue(fromBytes)
      : elements !== undefined && elementBytes !== undefined
        ? plainArray(plainValue(elementBytes), elements)
        : undefined
  if (plain === undefined) return whole
  const { write } = cell
  return (sink, bytes, at) => {
    const end = plain(sink, bytes, at)
    if (end >= 0) return end
    if (isNull(bytes, at)) return write(sink, null) ? at + 4 : -1
    return whole(sink, bytes, at)
  }
}
