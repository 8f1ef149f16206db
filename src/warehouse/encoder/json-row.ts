import type { Cell } from './cell.ts'
import { jsonCell } from './json-cell.ts'
import { endOfValue, skipBlanks } from './json-scan.ts'
import type { Sink } from './sink.ts'
import type { StreamFormat } from './stream-format.ts'

/** A name that records have. */
interface Field {
  readonly name: string
  /** With its quotes and the colon. */
  readonly bytes: Buffer
  /** Of the table; -1 where it has none of it. */
  readonly column: number
  /** The last record that had it. */
  record: number
}

/** Writes rows from the bytes of JSON records, without making objects of them. */
export interface JsonRow {
  /**
   * Writes the cells of the record that begins at `at`: where it ends, or -1 where it must be parsed, for whatever reason. The sink may then hold a part of it.
   * Only names that were met before are known.
   */
  write(sink: Sink, bytes: Buffer, at: number): number
  /** Names of the record just written that the definition does not have. */
  readonly unknown: readonly string[]
  /** Meets the names of a record that had to be parsed. */
  meet(record: object): void
}

/** A source that makes up a name per record is not worth remembering. */
const mostFields = 1000

/** @param keepsUnknown whether records may have names that the definition does not have */
export function createJsonRow(cells: readonly Cell[], format: StreamFormat, keepsUnknown: boolean): JsonRow {
  const count = cells.length
  const reads = cells.map((cell) => jsonCell(cell, format))
  const { betweenCells } = format
  const columnOf = new Map(cells.map(({ column: { field } }, index) => [field, index]))
  // In the order of the records, which mostly is one for all of them.
  const fields: Field[] = []
  const known = new Map<string, Field>()
  const starts = new Int32Array(count)
  const ends = new Int32Array(count)
  // Whether a value of the last record stood before its turn: then there are starts to forget.
  let passedOver = true
  let unknown: string[] = []
  let record = 0

  /** The field whose name begins at `at`, looked for from where it is expected. */
  function fieldAt(bytes: Buffer, at: number, expected: number): number {
    for (let index = expected; index < fields.length; index++) if (isNamed(fields[index], bytes, at)) return index
    for (let index = 0; index < expected; index++) if (isNamed(fields[index], bytes, at)) return index
    return -1
  }

  /** Where the value of a column ends that is written now. */
  function writeAt(sink: Sink, bytes: Buffer, column: number, at: number): number {
    if (betweenCells !== undefined && column > 0) betweenCells(sink)
    return reads[column]?.(sink, bytes, at) ?? -1
  }

  /** Writes the value of a column that was passed over. */
  function writeLate(sink: Sink, bytes: Buffer, column: number): boolean {
    return writeAt(sink, bytes, column, starts[column] ?? 0) === ends[column]
  }

  function writeMissing(sink: Sink, column: number): boolean {
    if (betweenCells !== undefined && column > 0) betweenCells(sink)
    return cells[column]?.write(sink, undefined) === true
  }

  function write(sink: Sink, bytes: Buffer, from: number): number {
    if (bytes[from] !== 0x7b) return -1
    record++
    if (unknown.length > 0) unknown = []
    if (passedOver) starts.fill(-1)
    passedOver = false
    let written = 0
    let expected = 0
    let at = skipBlanks(bytes, from + 1)
    for (let first = true; bytes[at] !== 0x7d || !first; first = false) {
      const index = fieldAt(bytes, at, expected)
      const field = fields[index]
      // A name that comes twice is the parser's to judge.
      if (field === undefined || field.record === record) return -1
      field.record = record
      expected = index + 1
      at += field.bytes.length
      // A blank may stand before the colon.
      if (bytes[at - 1] !== 0x3a) {
        at = skipBlanks(bytes, at - 1)
        if (bytes[at] !== 0x3a) return -1
        at++
      }
      at = skipBlanks(bytes, at)
      const { column } = field
      if (column === written) {
        at = writeAt(sink, bytes, column, at)
        if (at < 0) return -1
        written++
        for (; written < count && (starts[written] ?? -1) >= 0; written++) if (!writeLate(sink, bytes, written)) return -1
      } else {
        const end = endOfValue(bytes, at)
        if (end < 0) return -1
        if (column >= 0) {
          passedOver = true
          starts[column] = at
          ends[column] = end
        } else if (!keepsUnknown || !isJson(bytes, at, end)) return -1
        else unknown.push(field.name)
        at = end
      }
      at = skipBlanks(bytes, at)
      if (bytes[at] === 0x7d) break
      if (bytes[at] !== 0x2c) return -1
      at = skipBlanks(bytes, at + 1)
    }
    for (; written < count; written++) {
      if (!((starts[written] ?? -1) >= 0 ? writeLate(sink, bytes, written) : writeMissing(sink, written))) return -1
    }
    return at + 1
  }

  return {
    write,
    get unknown() {
      return unknown
    },
    meet(given) {
      let place = 0
      for (const name of Object.keys(given)) {
        const field = known.get(name)
        if (field !== undefined) {
          place = fields.indexOf(field) + 1
        } else if (fields.length < mostFields) {
          const met: Field = { name, bytes: Buffer.from(`${JSON.stringify(name)}:`), column: columnOf.get(name) ?? -1, record: 0 }
          known.set(name, met)
          fields.splice(place, 0, met)
          place++
        }
      }
    },
  }
}

function isNamed(field: Field | undefined, bytes: Buffer, at: number): boolean {
  if (field === undefined) return false
  const name = field.bytes
  // But for the colon, before which a blank may stand.
  const last = name.length - 1
  for (let index = 0; index < last; index++) if (bytes[at + index] !== name[index]) return false
  return true
}

function isJson(bytes: Buffer, start: number, end: number): boolean {
  try {
    JSON.parse(bytes.toString('utf8', start, end))
    return true
  } catch {
    return false
  }
}
