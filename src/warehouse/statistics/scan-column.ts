import { note } from './distinct.ts'
import { finish, hashBytes, mix } from './hash.ts'
import { numericKey, orderNumeric, orderText, textKey } from './order.ts'
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
  /** Empty where nobody asks how many are distinct. */
  readonly sketch: Uint8Array
}

/**
 * Looks at values and notes what they are. Each kind has a loop of its own, without a call that the compiler cannot take into it: they run over
 * every value of every load, and have 20 ns for each (bench/statistics.ts).
 */
export type ScanColumn = (values: Values, known: Known) => void

const scanOpaque: ScanColumn = ({ view, starts, from, to }, { sketch }) => {
  for (let index = from; index < to; index += 1) {
    const at = starts[index] as number
    note(sketch, hashBytes(view, at, view.getInt32(at - 4)))
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
    note(sketch, finish(mix(high, low)))
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
  const { sketch } = known
  let { least, greatest } = known
  if (least < 0) least = greatest = starts[from] as number
  let leastKey = textKey(view, least, view.getInt32(least - 4))
  let greatestKey = textKey(view, greatest, view.getInt32(greatest - 4))
  let leastHash = hashBytes(view, least, view.getInt32(least - 4))
  let greatestHash = hashBytes(view, greatest, view.getInt32(greatest - 4))
  for (let index = from; index < to; index += 1) {
    const at = starts[index] as number
    const length = view.getInt32(at - 4)
    const hash = hashBytes(view, at, length)
    note(sketch, hash)
    const key = textKey(view, at, length)
    // One that begins as the least and has its hash is the least once more, as in a column of few values; else they are compared to the end.
    if (key <= leastKey && (key < leastKey || (hash !== leastHash && orderText(view, at, least) < 0))) {
      least = at
      leastKey = key
      leastHash = hash
    } else if (key >= greatestKey && (key > greatestKey || (hash !== greatestHash && orderText(view, at, greatest) > 0))) {
      greatest = at
      greatestKey = key
      greatestHash = hash
    }
  }
  known.least = least
  known.greatest = greatest
}

const scanNumeric: ScanColumn = ({ view, starts, from, to }, known) => {
  const { sketch } = known
  let { least, greatest } = known
  if (least < 0) least = greatest = starts[from] as number
  let leastKey = numericKey(view, least)
  let greatestKey = numericKey(view, greatest)
  for (let index = from; index < to; index += 1) {
    const at = starts[index] as number
    // Its weight, sign and digits, and not how many zeros are shown behind its point.
    note(sketch, finish(mix(view.getInt32(at + 2), hashBytes(view, at + 8, view.getInt32(at - 4) - 8))))
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

/** Of values that are a JavaScript number, which `read` reads. */
function scanNumbers(read: (view: DataView, at: number) => number, hash: (view: DataView, at: number) => number): ScanColumn {
  return ({ view, starts, from, to }, known) => {
    const { sketch } = known
    let { least, greatest } = known
    let leastKey = least < 0 ? Number.NaN : read(view, least)
    let greatestKey = greatest < 0 ? Number.NaN : read(view, greatest)
    for (let index = from; index < to; index += 1) {
      const at = starts[index] as number
      const key = read(view, at)
      note(sketch, key === 0 ? finish(0) : hash(view, at))
      if (Number.isNaN(key)) {
        known.noNumbers += 1
        continue
      }
      // What is compared with no number is neither before nor after it.
      if (!(key >= leastKey)) {
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
}

const scanners: Readonly<Record<ValueKind, ScanColumn | undefined>> = {
  counted: undefined,
  opaque: scanOpaque,
  int8: scanInt8,
  text: scanText,
  numeric: scanNumeric,
  int2: scanNumbers(
    (view, at) => view.getInt16(at),
    (view, at) => finish(view.getInt16(at)),
  ),
  int4: scanNumbers(
    (view, at) => view.getInt32(at),
    (view, at) => finish(view.getInt32(at)),
  ),
  boolean: scanNumbers(
    (view, at) => view.getUint8(at),
    (view, at) => finish(view.getUint8(at)),
  ),
  float4: scanNumbers(
    (view, at) => view.getFloat32(at),
    (view, at) => finish(view.getInt32(at)),
  ),
  float8: scanNumbers(
    (view, at) => view.getFloat64(at),
    (view, at) => finish(mix(view.getInt32(at), view.getInt32(at + 4))),
  ),
}

/** The loop over a column's values; undefined where they are only counted. */
export function scannerOf(kind: ValueKind): ScanColumn | undefined {
  return scanners[kind]
}
