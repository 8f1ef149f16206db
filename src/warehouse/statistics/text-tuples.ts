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

const [tab, newline, backslash] = [0x09, 0x0a, 0x5c]

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
      for (let byte = bytes[end]; byte !== tab && byte !== newline; byte = bytes[(end += 1)]) if (byte === backslash) escaped = true
      writeValue(tuples, kinds[column] ?? 'counted', { bytes, start: at, end, escaped })
      at = end + 1
    }
  }
  return tuples.bytes.subarray(0, tuples.at)
}

interface TextValue {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly escaped: boolean
}

function writeValue(tuples: Sink, kind: ValueKind, value: TextValue): void {
  const { bytes, start, end, escaped } = value
  reserve(tuples, 12 + end - start)
  const length = escaped && end - start === 2 && bytes[start + 1] === 0x4e ? -1 : putValue(tuples.bytes, tuples.at + 4, kind, value)
  putInt32(tuples.bytes, tuples.at, length)
  tuples.at += 4 + Math.max(length, 0)
}

/** How many bytes a value of its kind has. */
function putValue(target: Buffer, at: number, kind: ValueKind, { bytes, start, end, escaped }: TextValue): number {
  switch (kind) {
    case 'counted':
      return 0
    case 'int2':
      return target.writeInt16BE(Number(bytes.toString('latin1', start, end)), at) - at
    case 'int4':
      return target.writeInt32BE(Number(bytes.toString('latin1', start, end)), at) - at
    case 'int8': {
      // So many digits are exact.
      const digits = bytes.toString('latin1', start, end)
      if (digits.length > 15) return target.writeBigInt64BE(BigInt(digits), at) - at
      putInt64(target, at, Number(digits))
      return 8
    }
    case 'float4':
      return target.writeFloatBE(Number(bytes.toString('latin1', start, end)), at) - at
    case 'float8':
      return target.writeDoubleBE(Number(bytes.toString('latin1', start, end)), at) - at
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
