import { note } from './distinct.ts'
import { hashBytes, hashSixteen, hashWord, hashWords } from './hash.ts'
import { commonStart, numericKey, orderNumeric, orderText, textKey } from './order.ts'
import type { ValueKind } from './value-kind.ts'

/** Some of a column's values, as `findValues` found them. */
export interface Values {
  readonly view: DataView
  readonly starts: Int32Array
  /** Where in `starts` they are. There is at least one. */
  readonly from: number
  readonly to: number
}

/** What is known of a column so far. */
export interface Known {
  /** Where in the piece the least and the greatest value begin; -1 while there is none. */
  least: number
  greatest: number
  /** Values that are no number, which are greater than all. */
  noNumbers: number
  /** HyperLogLog registers. */
  readonly sketch: Uint8Array
  /** Hashes of values that were looked at lately, each at the place that its last bits say. */
  readonly seen: Int32Array
}

/** A table in which no hash is found: the first place has one that belongs to the second. */
export function noneSeen(): Int32Array {
  const seen = new Int32Array(64)
  seen[0] = 1
  return seen
}

/**
 * Looks at values and notes what they are. Each kind has a loop of its own, without a call that the compiler cannot take into it: they run over
 * every value of every load, and have 20 ns for each (bench/statistics.ts).
 */
export type ScanColumn = (values: Values, known: Known) => void

const scanOpaque: ScanColumn = ({ view, starts, from, to }, { sketch }) => {
  for (let index = from; index < to; index += 1) {
    const at = starts[index] as number
    const length = view.getInt32(at - 4)
    // Most of them are uuids.
    note(sketch, length === 16 ? hashSixteen(view, at) : hashBytes(view, at, length))
  }
}

const scanInt8: ScanColumn = ({ view, starts, from, to }, known) => {
  const { sketch } = known
  let { least, greatest } = known
  if (least < 0) least = greatest = starts[from] as number
  let leastHigh = view.getInt32(least)
  let leastLow = view.getUint32(least + 4)
  let greatestHigh = view.getInt32(greatest)
  let greatestLow = view.getUint32(greatest + 4)
  for (let index = from; index < to; index += 1) {
    const at = starts[index] as number
    const high = view.getInt32(at)
    const low = view.getUint32(at + 4)
    note(sketch, hashWords(high, low))
    if (high < leastHigh || (high === leastHigh && low < leastLow)) {
      least = at
      leastHigh = high
      leastLow = low
    } else if (high > greatestHigh || (high === greatestHigh && low > greatestLow)) {
      greatest = at
      greatestHigh = high
      greatestLow = low
    }
  }
  known.least = least
  known.greatest = greatest
}

const scanText: ScanColumn = ({ view, starts, from, to }, known) => {
  const { sketch, seen } = known
  let { least, greatest } = known
  if (least < 0) least = greatest = starts[from] as number
  // What lies between them begins with what they have in common, and goes on between their keys.
  let common = commonStart(view, least, greatest)
  let leastKey = textKey(view, least + common, view.getInt32(least - 4) - common)
  let greatestKey = textKey(view, greatest + common, view.getInt32(greatest - 4) - common)
  for (let index = from; index < to; index += 1) {
    const at = starts[index] as number
    const length = view.getInt32(at - 4)
    const hash = hashBytes(view, at, length)
    // Most columns of text have few values, or each of them several times in a row: what was seen is neither new nor the least or the greatest.
    const place = hash & (seen.length - 1)
    if (seen[place] === hash) continue
    seen[place] = hash
    note(sketch, hash)
    if (length > common) {
      let alike = 0
      while (alike < common && view.getInt32(at + alike) === view.getInt32(least + alike)) alike += 4
      if (alike === common) {
        const key = textKey(view, at + common, length - common)
        if (key > leastKey && key < greatestKey) continue
      }
    }
    if (orderText(view, at, greatest) > 0) greatest = at
    else if (orderText(view, at, least) < 0) least = at
    else continue
    common = commonStart(view, least, greatest)
    leastKey = textKey(view, least + common, view.getInt32(least - 4) - common)
    greatestKey = textKey(view, greatest + common, view.getInt32(greatest - 4) - common)
  }
  known.least = least
  known.greatest = greatest
}

/** Of its weight, sign and digits, and not of how many zeros are shown behind its point. */
function hashNumeric(view: DataView, at: number): number {
  const digits = view.getUint16(at)
  let hash = view.getInt32(at + 2)
  let next = at + 8
  for (let digit = 0; digit < digits; digit += 1, next += 2) hash = Math.imul(hash, 0x9e3779b1) ^ view.getUint16(next)
  return hashWord(hash)
}

const scanNumeric: ScanColumn = ({ view, starts, from, to }, known) => {
  const { sketch } = known
  let { least, greatest } = known
  if (least < 0) least = greatest = starts[from] as number
  let leastKey = numericKey(view, least)
  let greatestKey = numericKey(view, greatest)
  for (let index = from; index < to; index += 1) {
    const at = starts[index] as number
    note(sketch, hashNumeric(view, at))
    const key = numericKey(view, at)
    if (key < leastKey || (key === leastKey && orderNumeric(view, at, least) < 0)) {
      least = at
      leastKey = key
    }
    if (key > greatestKey || (key === greatestKey && orderNumeric(view, at, greatest) > 0)) {
      greatest = at
      greatestKey = key
    }
  }
  known.least = least
  known.greatest = greatest
}

const scanInt2: ScanColumn = ({ view, starts, from, to }, known) => {
  const { sketch } = known
  let { least, greatest } = known
  if (least < 0) least = greatest = starts[from] as number
  let leastKey = view.getInt16(least)
  let greatestKey = view.getInt16(greatest)
  for (let index = from; index < to; index += 1) {
    const at = starts[index] as number
    const key = view.getInt16(at)
    note(sketch, hashWord(key))
    if (key < leastKey) {
      least = at
      leastKey = key
    } else if (key > greatestKey) {
      greatest = at
      greatestKey = key
    }
  }
  known.least = least
  known.greatest = greatest
}

const scanInt4: ScanColumn = ({ view, starts, from, to }, known) => {
  const { sketch } = known
  let { least, greatest } = known
  if (least < 0) least = greatest = starts[from] as number
  let leastKey = view.getInt32(least)
  let greatestKey = view.getInt32(greatest)
  for (let index = from; index < to; index += 1) {
    const at = starts[index] as number
    const key = view.getInt32(at)
    note(sketch, hashWord(key))
    if (key < leastKey) {
      least = at
      leastKey = key
    } else if (key > greatestKey) {
      greatest = at
      greatestKey = key
    }
  }
  known.least = least
  known.greatest = greatest
}

const scanFloat4: ScanColumn = ({ view, starts, from, to }, known) => {
  const { sketch } = known
  let { least, greatest } = known
  let leastKey = least < 0 ? Number.NaN : view.getFloat32(least)
  let greatestKey = greatest < 0 ? Number.NaN : view.getFloat32(greatest)
  for (let index = from; index < to; index += 1) {
    const at = starts[index] as number
    const key = view.getFloat32(at)
    note(sketch, key === 0 ? hashWord(0) : hashWord(view.getInt32(at)))
    // What is compared with no number is neither before nor after it.
    if (!(key >= leastKey)) {
      if (Number.isNaN(key)) {
        known.noNumbers += 1
        continue
      }
      least = at
      leastKey = key
    }
    if (!(key <= greatestKey)) {
      greatest = at
      greatestKey = key
    }
  }
  known.least = least
  known.greatest = greatest
}

const scanFloat8: ScanColumn = ({ view, starts, from, to }, known) => {
  const { sketch } = known
  let { least, greatest } = known
  let leastKey = least < 0 ? Number.NaN : view.getFloat64(least)
  let greatestKey = greatest < 0 ? Number.NaN : view.getFloat64(greatest)
  for (let index = from; index < to; index += 1) {
    const at = starts[index] as number
    const key = view.getFloat64(at)
    note(sketch, key === 0 ? hashWord(0) : hashWords(view.getInt32(at), view.getInt32(at + 4)))
    // What is compared with no number is neither before nor after it.
    if (!(key >= leastKey)) {
      if (Number.isNaN(key)) {
        known.noNumbers += 1
        continue
      }
      least = at
      leastKey = key
    }
    if (!(key <= greatestKey)) {
      greatest = at
      greatestKey = key
    }
  }
  known.least = least
  known.greatest = greatest
}

/** Once both values are known, there is nothing more to find. */
const scanBoolean: ScanColumn = ({ view, starts, from, to }, known) => {
  const { sketch } = known
  if (known.least !== known.greatest) return
  for (let index = from; index < to; index += 1) {
    const at = starts[index] as number
    const key = view.getUint8(at)
    if (known.least < 0) {
      known.least = known.greatest = at
      note(sketch, hashWord(key))
    }
    if (key < view.getUint8(known.least)) known.least = at
    else if (key > view.getUint8(known.greatest)) known.greatest = at
    else continue
    note(sketch, hashWord(key))
    return
  }
}

const scanners: Readonly<Record<ValueKind, ScanColumn | undefined>> = {
  counted: undefined,
  opaque: scanOpaque,
  int8: scanInt8,
  text: scanText,
  numeric: scanNumeric,
  int2: scanInt2,
  int4: scanInt4,
  float4: scanFloat4,
  float8: scanFloat8,
  boolean: scanBoolean,
}

/** The loop over a column's values; undefined where they are only counted. */
export function scannerOf(kind: ValueKind): ScanColumn | undefined {
  return scanners[kind]
}
