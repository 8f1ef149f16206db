import { shown } from './cell-writer.ts'
import type { CellWriter, FromBytes } from './cell-writer.ts'
import { putInt16, putInt32, putInt64, reserve } from './sink.ts'

const least64 = -(2n ** 63n)
const most64 = 2n ** 63n - 1n

interface Range {
  readonly least: bigint
  readonly most: bigint
}

const ranges = {
  smallint: { least: -32_768n, most: 32_767n },
  integer: { least: -2_147_483_648n, most: 2_147_483_647n },
  bigint: { least: least64, most: most64 },
} satisfies Record<string, Range>

function asBigInt(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  // 20 characters: the longest 64-bit integer with its sign.
  if (typeof value === 'string' && value.length <= 20 && /^[+-]?\d+$/.test(value)) return BigInt(value.replace(/^\+/, ''))
  return undefined
}

function refusalIn(type: keyof typeof ranges): (value: unknown) => string {
  return (value) => {
    if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
      return `is beyond the integers that a JavaScript number holds exactly: ${shown(value)}`
    }
    const whole = asBigInt(value)
    const { least, most } = ranges[type]
    return whole === undefined || (whole >= least && whole <= most) ? `is not an integer: ${shown(value)}` : `is out of range for ${type}: ${shown(value)}`
  }
}

/** What a JavaScript value must be: zod's bigint takes no numbers and its int no bigints. */
export type IntegerKind = 'number' | 'bigint' | 'any'

function accepts(kind: IntegerKind, value: unknown): boolean {
  return kind === 'any' || typeof value === kind
}

/** The integer that bytes are, of up to 15 digits, or NaN: as JSON writes them, with no leading zeros. Not -0. */
function readInteger(bytes: Buffer, start: number, end: number): number {
  let at = start
  const negative = bytes[at] === 45
  if (negative) at++
  const digits = end - at
  if (digits === 0 || digits > 15 || (digits > 1 && bytes[at] === 48)) return Number.NaN
  let value = 0
  for (; at < end; at++) {
    const digit = (bytes[at] ?? 0) - 48
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  if (!negative) return value
  return value === 0 ? Number.NaN : -value
}

const integerBytes: FromBytes = {
  token: 'number',
  write(sink, bytes, start, end) {
    const value = readInteger(bytes, start, end)
    if ((value | 0) !== value) return false
    reserve(sink, 8)
    putInt32(sink.bytes, sink.at, 4)
    putInt32(sink.bytes, sink.at + 4, value)
    sink.at += 8
    return true
  },
}

const bigintBytes: FromBytes = {
  token: 'number',
  write(sink, bytes, start, end) {
    const value = readInteger(bytes, start, end)
    if (Number.isNaN(value)) return false
    reserve(sink, 12)
    putInt32(sink.bytes, sink.at, 8)
    putInt64(sink.bytes, sink.at + 4, value)
    sink.at += 12
    return true
  },
}

export function smallint(kind: IntegerKind): CellWriter {
  return {
    write(sink, value) {
      const whole = accepts(kind, value) ? asBigInt(value) : undefined
      if (whole === undefined || whole < ranges.smallint.least || whole > ranges.smallint.most) return false
      reserve(sink, 6)
      putInt32(sink.bytes, sink.at, 2)
      putInt16(sink.bytes, sink.at + 4, Number(whole))
      sink.at += 6
      return true
    },
    refusal: refusalIn('smallint'),
    text: String,
  }
}

export function integer(kind: IntegerKind): CellWriter {
  return {
    write(sink, value) {
      let number = value
      if (typeof value !== 'number') {
        const whole = accepts(kind, value) ? asBigInt(value) : undefined
        if (whole === undefined) return false
        number = Number(whole)
      } else if (kind === 'bigint') return false
      // `-0 | 0` is 0 and equal to -0, which is what Postgres stores.
      if (typeof number !== 'number' || (number | 0) !== number) return false
      reserve(sink, 8)
      putInt32(sink.bytes, sink.at, 4)
      putInt32(sink.bytes, sink.at + 4, number)
      sink.at += 8
      return true
    },
    refusal: refusalIn('integer'),
    text: String,
    ...(kind === 'bigint' ? {} : { fromBytes: integerBytes }),
  }
}

export function bigint(kind: IntegerKind): CellWriter {
  return {
    write(sink, value) {
      if (typeof value === 'number') {
        if (kind === 'bigint' || !Number.isSafeInteger(value)) return false
        reserve(sink, 12)
        putInt32(sink.bytes, sink.at, 8)
        putInt64(sink.bytes, sink.at + 4, value)
        sink.at += 12
        return true
      }
      const whole = accepts(kind, value) ? asBigInt(value) : undefined
      if (whole === undefined || whole < least64 || whole > most64) return false
      reserve(sink, 12)
      putInt32(sink.bytes, sink.at, 8)
      sink.bytes.writeBigInt64BE(whole, sink.at + 4)
      sink.at += 12
      return true
    },
    refusal: refusalIn('bigint'),
    text: String,
    ...(kind === 'bigint' ? {} : { fromBytes: bigintBytes }),
  }
}
