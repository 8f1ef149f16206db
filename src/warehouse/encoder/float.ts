import { shown } from './cell-writer.ts'
import type { CellWriter } from './cell-writer.ts'
import { putInt32, reserve } from './sink.ts'

// Postgres says "out of range" where a double would become infinite or zero as a real.
function fitsReal(value: number): boolean {
  const single = Math.fround(value)
  return !Number.isFinite(value) || (Number.isFinite(single) && (single !== 0 || value === 0))
}

/**
 * `double precision` and `real`.
 * @param finite refuses NaN and the infinities, as `z.number()` does
 */
export function float(size: 4 | 8, finite: boolean): CellWriter {
  return {
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
  text: (value) => (value === true ? 't' : 'f'),
}
