import { shown } from './cell-writer.ts'
import type { CellWriter, FromBytes } from './cell-writer.ts'
import { putInt32, reserve } from './sink.ts'
import type { Sink } from './sink.ts'

// Postgres says "out of range" where a double would become infinite or zero as a real.
function fitsReal(value: number): boolean {
  const single = Math.fround(value)
  return !Number.isFinite(value) || (Number.isFinite(single) && (single !== 0 || value === 0))
}

// Powers of ten that a double holds exactly, as it does whole numbers of 15 digits: their quotient is rounded once, as reading the text would.
const powersOfTen = Array.from({ length: 16 }, (_, power) => 10 ** power)

/** The number that bytes are, of up to 15 digits and without an exponent, or NaN: as JSON writes them. */
function readDecimal(bytes: Buffer, start: number, end: number): number {
  let at = start
  const negative = bytes[at] === 45
  if (negative) at++
  const first = at
  let value = 0
  let point = -1
  for (; at < end; at++) {
    const byte = bytes[at] ?? 0
    if (byte === 46 && point < 0 && at > first) {
      point = at
      continue
    }
    const digit = byte - 48
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  const whole = (point < 0 ? end : point) - first
  const fraction = point < 0 ? 0 : end - point - 1
  if (whole === 0 || whole + fraction > 15 || (point >= 0 && fraction === 0) || (whole > 1 && bytes[first] === 48)) return Number.NaN
  const number = value / (powersOfTen[fraction] ?? 1)
  return negative ? -number : number
}

const doubleBytes: FromBytes = {
  token: 'number',
  write(sink, bytes, start, end) {
    const value = readDecimal(bytes, start, end)
    if (Number.isNaN(value)) return false
    reserve(sink, 12)
    putInt32(sink.bytes, sink.at, 8)
    sink.bytes.writeDoubleBE(value, sink.at + 4)
    sink.at += 12
    return true
  },
}

/**
 * `double precision` and `real`.
 * @param finite refuses NaN and the infinities, as `z.number()` does
 */
export function float(size: 4 | 8, finite: boolean): CellWriter {
  return {
    ...(size === 8 ? { fromBytes: doubleBytes } : {}),
    write(sink, value) {
      if (typeof value !== 'number' || (finite && !Number.isFinite(value))) return false
      if (size === 4 && !fitsReal(value)) return false
      reserve(sink, 4 + size)
      putInt32(sink.bytes, sink.at, size)
      if (size === 8) sink.bytes.writeDoubleBE(value, sink.at + 4)
      else sink.bytes.writeFloatBE(value, sink.at + 4)
      sink.at += 4 + size
      return true
    },
    refusal: (value) =>
      typeof value === 'number' && Number.isFinite(value) ? `is out of range for real: ${shown(value)}` : `is not a finite number: ${shown(value)}`,
    text: (value) => (Object.is(value, -0) ? '-0' : String(value)),
  }
}

/** `true` or `false`. */
function copyBoolean(sink: Sink, bytes: Buffer, start: number, end: number): boolean {
  const length = end - start
  const isTrue = length === 4 && bytes[start] === 0x74 && bytes[start + 1] === 0x72 && bytes[start + 2] === 0x75 && bytes[start + 3] === 0x65
  const isFalse =
    length === 5 && bytes[start] === 0x66 && bytes[start + 1] === 0x61 && bytes[start + 2] === 0x6c && bytes[start + 3] === 0x73 && bytes[start + 4] === 0x65
  if (!isTrue && !isFalse) return false
  reserve(sink, 5)
  putInt32(sink.bytes, sink.at, 1)
  sink.bytes[sink.at + 4] = isTrue ? 1 : 0
  sink.at += 5
  return true
}

export const boolean: CellWriter = {
  write(sink, value) {
    if (value !== true && value !== false) return false
    reserve(sink, 5)
    putInt32(sink.bytes, sink.at, 1)
    sink.bytes[sink.at + 4] = value ? 1 : 0
    sink.at += 5
    return true
  },
  refusal: (value) => `is not true or false: ${shown(value)}`,
  fromBytes: { token: 'boolean', write: copyBoolean },
  text: String,
}
