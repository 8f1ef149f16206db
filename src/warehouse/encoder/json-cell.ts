import { isNull } from './array-from-json.ts'
import type { Cell } from './cell.ts'
import type { FromBytes, JsonCell } from './cell-writer.ts'
import { endOfPlain, endOfScalar, endOfValue } from './json-scan.ts'
import type { StreamFormat } from './stream-format.ts'

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

/** How a column's values are written from JSON: from their bytes where they are plain, else parsed. */
export function jsonCell(cell: Cell, format: Pick<StreamFormat, 'fromBytes' | 'arrayFromJson'>): JsonCell {
  const whole = parsed(cell)
  const { fromBytes, elements } = cell
  const elementBytes = elements?.writer.fromBytes
  const plain =
    fromBytes !== undefined
      ? plainValue(fromBytes)
      : elements !== undefined && elementBytes !== undefined
        ? format.arrayFromJson(plainValue(format.fromBytes(elementBytes)), elements)
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
