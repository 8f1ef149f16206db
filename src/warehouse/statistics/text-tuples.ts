import type { ColumnSpec } from '../../definitions/column-spec.ts'
import { baseTypeOf } from '../../definitions/postgres-type.ts'
import { putInt16, putInt32, putInt64, reserve } from '../encoder/sink.ts'
import type { Sink } from '../encoder/sink.ts'
import { kindOf } from './value-kind.ts'
import type { ValueKind } from './value-kind.ts'

const read: readonly string[] = ['smallint', 'integer', 'bigint', 'real', 'double precision', 'boolean', 'text', 'character varying', 'citext']

/** How a column's values are looked at where they come as text: numbers, booleans and text are read, others only told apart. */
export function textKindOf(column: Pick<ColumnSpec, 'type' | 'array'>): ValueKind {
  const kind = kindOf(column)
  return kind === 'counted' || read.includes(baseTypeOf(column.type)) ? kind : 'opaque'
}

const [newline, backslash] = [0x0a, 0x5c]

/**
 * Lines of text COPY as tuples of the binary one, so that one way of looking at values does for both. Of a value that is only counted nothing is kept.
 * @param lines whole ones, as our encoder writes them
 */
export function tuplesOfText(lines: Uint8Array, kinds: readonly ValueKind[]): Buffer {
  const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength)
  const columns = kinds.length
  const tuples: Sink = { bytes: Buffer.allocUnsafe(bytes.length + 1024), at: 0 }
  for (let at = 0; at < bytes.length;) {
    reserve(tuples, 2)
    putInt16(tuples.bytes, tuples.at, columns)
    tuples.at += 2
    for (let column = 0; column < columns; column += 1) {
      let escaped = false
      let end = at
      for (; ; end += 1) {
        const byte = bytes[end] as number
        // What else is below the newline's number is written as an escape.
        if (byte > newline && byte !== backslash) continue
        if (byte !== backslash) break
        escaped = true
      }
      // A value's length, and a number, which may be longer than its text.
      reserve(tuples, 12 + end - at)
      const target = tuples.bytes
      const isNull = escaped && end - at === 2 && bytes[at + 1] === 0x4e
      const length = isNull ? -1 : putValue(target, tuples.at + 4, kinds[column] ?? 'counted', bytes, at, end, escaped)
      putInt32(target, tuples.at, length)
      tuples.at += 4 + Math.max(length, 0)
      at = end + 1
    }
  }
  return tuples.bytes.subarray(0, tuples.at)
}

/** How many bytes a value of its kind has. */
function putValue(target: Buffer, at: number, kind: ValueKind, bytes: Buffer, start: number, end: number, escaped: boolean): number {
  switch (kind) {
    case 'counted':
      return 0
    case 'int2':
      putInt16(target, at, numberOf(bytes, start, end))
      return 2
    case 'int4':
      putInt32(target, at, numberOf(bytes, start, end))
      return 4
    case 'int8':
      if (end - start > mostDigits) return target.writeBigInt64BE(BigInt(bytes.toString('latin1', start, end)), at) - at
      putInt64(target, at, numberOf(bytes, start, end))
      return 8
    case 'float4':
      return target.writeFloatBE(numberOf(bytes, start, end), at) - at
    case 'float8':
      return target.writeDoubleBE(numberOf(bytes, start, end), at) - at
    case 'boolean':
      target[at] = bytes[start] === 0x74 ? 1 : 0
      return 1
    case 'text':
    case 'opaque':
    case 'numeric':
      break
  }
  return escaped ? putUnescaped(target, at, bytes, start, end) : putBytes(target, at, bytes, start, end)
}

/** So many digits are an exact integer; and 10 to so many is one, so that a division by it gives the nearest double there is. */
const mostDigits = 15
const powersOfTen = Array.from({ length: mostDigits + 1 }, (_, power) => 10 ** power)

/** The number that a text says. Few digits, with or without a point, are read here: a string of them is far dearer than they are. */
function numberOf(bytes: Buffer, start: number, end: number): number {
  const negative = bytes[start] === 0x2d
  const first = negative ? start + 1 : start
  if (end - first <= mostDigits) {
    let digits = 0
    let behind = -1
    let at = first
    for (; at < end; at += 1) {
      const digit = (bytes[at] as number) - 0x30
      if (digit >= 0 && digit <= 9) digits = digits * 10 + digit
      else if (digit === -2 && behind < 0) behind = at + 1
      else break
    }
    if (at === end) {
      const value = behind < 0 ? digits : digits / (powersOfTen[end - behind] as number)
      return negative ? -value : value
    }
  }
  return Number(bytes.toString('latin1', start, end))
}

function putBytes(target: Buffer, at: number, bytes: Buffer, start: number, end: number): number {
  // A call into the engine is worth it from here on.
  if (end - start > 96) return bytes.copy(target, at, start, end)
  for (let index = start; index < end; index += 1) target[at + index - start] = bytes[index] ?? 0
  return end - start
}

const escapes = new Uint8Array(128).map((_, code) => code)
for (const [letter, character] of Object.entries({ t: '\t', n: '\n', r: '\r', b: '\b', f: '\f', v: '\v' })) {
  escapes[letter.charCodeAt(0)] = character.charCodeAt(0)
}

function putUnescaped(target: Buffer, at: number, bytes: Buffer, start: number, end: number): number {
  let length = 0
  for (let index = start; index < end; index += 1) {
    const byte = bytes[index] ?? 0
    target[at + length] = byte === backslash ? (escapes[bytes[(index += 1)] ?? 0] ?? 0) : byte
    length += 1
  }
  return length
}
