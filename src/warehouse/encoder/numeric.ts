import { readDecimal } from '../../definitions/decimal-text.ts'
import type { Decimal } from '../../definitions/decimal-text.ts'
import { modifiersOf } from '../../definitions/postgres-type.ts'
import { shown } from './cell-writer.ts'
import type { CellWriter, FromBytes } from './cell-writer.ts'
import { putInt16, putInt32, reserve } from './sink.ts'
import type { Sink } from './sink.ts'

const negative = 0x4000

function writeDecimal(sink: Sink, value: Decimal, scale: number): void {
  // Groups of four digits, to both sides of the point.
  const whole = value.whole.padStart(Math.ceil(value.whole.length / 4) * 4, '0')
  const digits = whole + value.fraction.padEnd(Math.ceil(value.fraction.length / 4) * 4, '0')
  const count = digits.length / 4
  let first = 0
  let last = count
  const group = (index: number): number => Number(digits.slice(index * 4, index * 4 + 4))
  while (first < last && group(first) === 0) first++
  while (last > first && group(last - 1) === 0) last--
  const size = 8 + (last - first) * 2
  reserve(sink, 4 + size)
  const { bytes } = sink
  const { at } = sink
  putInt32(bytes, at, size)
  putInt16(bytes, at + 4, last - first)
  putInt16(bytes, at + 6, first === last ? 0 : whole.length / 4 - 1 - first)
  putInt16(bytes, at + 8, value.negative && first < last ? negative : 0)
  putInt16(bytes, at + 10, scale)
  for (let index = first; index < last; index++) putInt16(bytes, at + 12 + (index - first) * 2, group(index))
  sink.at = at + 4 + size
}

// Of a number read from its bytes: four groups of four digits before the point, three after it. Both are whole numbers that a double holds exactly.
const groups = new Int32Array(7)
const wholeGroups = 4
const mostWhole = 15
const mostFraction = 12
const powersOfTen = Array.from({ length: mostFraction + 1 }, (_, power) => 10 ** power)

/** Splits a number into the groups from `first` to `last`, of four digits each. */
function split(value: number, first: number, last: number): void {
  let rest = value
  for (let index = last; index >= first; index--) {
    const higher = rest < 10_000 ? 0 : Math.floor(rest / 10_000)
    groups[index] = rest - higher * 10_000
    rest = higher
  }
}

/** Writes what `groups` hold, without the zeros at both ends. */
function writeGroups(sink: Sink, isNegative: boolean, scale: number): void {
  let first = 0
  let last = groups.length
  while (first < last && groups[first] === 0) first++
  while (last > first && groups[last - 1] === 0) last--
  const count = last - first
  reserve(sink, 12 + groups.length * 2)
  const { bytes, at } = sink
  putInt32(bytes, at, 8 + count * 2)
  putInt16(bytes, at + 4, count)
  putInt16(bytes, at + 6, count === 0 ? 0 : wholeGroups - 1 - first)
  putInt16(bytes, at + 8, isNegative && count > 0 ? negative : 0)
  putInt16(bytes, at + 10, scale)
  for (let index = first; index < last; index++) putInt16(bytes, at + 12 + (index - first) * 2, groups[index] ?? 0)
  sink.at = at + 12 + count * 2
}

/** Numbers of digits and at most one point with digits to both sides of it, as far as they fit; all others are read from their text. */
function fromDigits(precision: number | undefined, scale: number): FromBytes {
  const digitsBefore = Math.min(mostWhole, precision === undefined ? mostWhole : precision - scale)
  const digitsAfter = Math.min(mostFraction, precision === undefined ? mostFraction : scale)
  return {
    token: 'string',
    write(sink, bytes, start, end) {
      const isNegative = bytes[start] === 45
      const first = isNegative ? start + 1 : start
      let whole = 0
      let at = first
      for (; at < end; at++) {
        const digit = (bytes[at] ?? 0) - 48
        if (digit < 0 || digit > 9) break
        whole = whole * 10 + digit
      }
      if (at === first || at - first > digitsBefore) return false
      let fraction = 0
      let after = 0
      if (at < end) {
        after = end - at - 1
        if (bytes[at] !== 46 || after === 0 || after > digitsAfter) return false
        for (at++; at < end; at++) {
          const digit = (bytes[at] ?? 0) - 48
          if (digit < 0 || digit > 9) return false
          fraction = fraction * 10 + digit
        }
      }
      split(whole, 0, wholeGroups - 1)
      split(fraction * (powersOfTen[mostFraction - after] ?? 0), wholeGroups, groups.length - 1)
      writeGroups(sink, isNegative, precision === undefined ? after : scale)
      return true
    },
  }
}

/** `numeric(p, s)` or `numeric`, exact. */
export function numeric(type: string): CellWriter {
  const [precision, scale] = modifiersOf(type)
  const read = (value: unknown): Decimal | string =>
    typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
      ? readDecimal(value, precision, scale ?? 0)
      : `is not a decimal number but ${typeof value}`
  return {
    fromBytes: fromDigits(precision, scale ?? 0),
    write(sink, value) {
      const decimal = read(value)
      if (typeof decimal === 'string') return false
      writeDecimal(sink, decimal, precision === undefined ? decimal.scale : (scale ?? 0))
      return true
    },
    refusal(value) {
      const decimal = read(value)
      return `${typeof decimal === 'string' ? decimal : `is not a ${type}`}: ${shown(value)}`
    },
    text: String,
  }
}
