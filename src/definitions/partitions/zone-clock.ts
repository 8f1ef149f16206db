import { Temporal } from 'temporal-polyfill'

/** A stretch of time with one offset from UTC: from `from` (in) to `to` (out), in milliseconds. */
interface Stretch {
  readonly from: number
  readonly to: number
  readonly offset: number
}

/**
 * The clock on the wall of a time zone. All times are milliseconds: UTC since 1970, and local ones as if that clock showed UTC, so that days and hours are plain numbers.
 * The changes of the zone are asked of Temporal once; between two of them all is arithmetic, as an hourly asset has 8,760 partitions a year.
 */
export interface ZoneClock {
  readonly toLocal: (utc: number) => number
  /** Of a local time that comes twice the first, and of one that is left out the one as long after the change. */
  readonly toUtc: (local: number) => number
  /** Every stretch that lies in, or reaches into, the time from `from` to `to`. */
  readonly stretches: (from: number, to: number) => readonly Stretch[]
  readonly stretchOf: (utc: number) => Stretch
}

const clocks = new Map<string, ZoneClock>()

/** @throws RangeError for a zone that nobody knows */
export function zoneClock(timeZone: string): ZoneClock {
  const clock = clocks.get(timeZone) ?? createClock(timeZone)
  clocks.set(timeZone, clock)
  return clock
}

function createClock(timeZone: string): ZoneClock {
  // In order and without a gap, grown at both ends as it is asked for.
  const known: Stretch[] = [stretchAt(timeZone, Date.UTC(2020, 0, 1))]
  const last = (): Stretch => at(known.length - 1)
  const at = (index: number): Stretch => known[index] as Stretch

  function indexOf(utc: number): number {
    while (utc < at(0).from) known.unshift(stretchAt(timeZone, at(0).from - 1))
    while (utc >= last().to) known.push(stretchAt(timeZone, last().to))
    let low = 0
    let high = known.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (at(middle).from <= utc) low = middle
      else high = middle - 1
    }
    return low
  }

  const stretchOf = (utc: number): Stretch => at(indexOf(utc))
  return {
    stretchOf,
    toLocal: (utc) => utc + stretchOf(utc).offset,
    toUtc(local) {
      // No zone is further than a day from UTC, and none changes twice within two.
      const before = stretchOf(local - day)
      const after = stretchOf(local + day)
      const early = local - before.offset
      const late = local - after.offset
      return early < before.to || late < after.from ? early : late
    },
    stretches(from, to) {
      const first = indexOf(from)
      return known.slice(first, indexOf(to) + 1)
    },
  }
}

const day = 86_400_000

function stretchAt(timeZone: string, utc: number): Stretch {
  const time = Temporal.Instant.fromEpochMilliseconds(utc).toZonedDateTimeISO(timeZone)
  const to = time.getTimeZoneTransition('next')?.epochMilliseconds ?? Infinity
  // Asked for "before" the next millisecond, as a change at this very one is where the stretch begins.
  const from = time.add({ milliseconds: 1 }).getTimeZoneTransition('previous')?.epochMilliseconds ?? -Infinity
  return { from, to, offset: time.offsetNanoseconds / 1_000_000 }
}
