import { readDecimal } from '../../definitions/decimal-text.ts'
import type { Decimal } from '../../definitions/decimal-text.ts'
import { modifiersOf } from '../../definitions/postgres-type.ts'
import { shown } from './cell-writer.ts'
import type { CellWriter } from './cell-writer.ts'
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

/** `numeric(p, s)` or `numeric`, exact. */
export function numeric(type: string): CellWriter {
  const [precision, scale] = modifiersOf(type)
  const read = (value: unknown): Decimal | string =>
    typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
      ? readDecimal(value, precision, scale ?? 0)
      : `is not a decimal number but ${typeof value}`
  return {
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
