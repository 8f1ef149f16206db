import { cronTimes } from '../cron-times.ts'
import type { Cadence } from './cadence.ts'
import { formatMinute, parseMinute } from './minute-keys.ts'
import { zoneClock } from './zone-clock.ts'

/**
 * The times of a cron expression, which are those of a schedule. They can only be counted one by one, so those from `start` on are kept.
 * @throws what `cronTimes` throws
 */
export function cronCadence(cron: string, timeZone: string, start: number): Cadence {
  const clock = zoneClock(timeZone)
  const times = cronTimes([cron], timeZone)
  const kept: number[] = [times.after(start - 1)]
  const at = (index: number): number => kept[index] as number
  const keepNext = (): void => {
    kept.push(times.after(at(kept.length - 1)))
  }

  /** Where the first one that is not before a time is kept, or would be if those before `start` were: below 0. */
  function indexAtOrAfter(utc: number): number {
    if (utc < at(0)) {
      let count = 0
      for (let found = times.after(utc - 1); found < at(0); found = times.after(found)) count += 1
      return -count
    }
    while (at(kept.length - 1) < utc) keepNext()
    let low = 0
    let high = kept.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (at(middle) < utc) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The one so many before a time. */
  function earlier(utc: number, count: number): number {
    let found = utc
    for (let n = 0; n < count; n += 1) {
      const before = times.before(found)
      if (before === undefined) throw new RangeError(`${JSON.stringify(cron)} has no time in the nine years before ${new Date(found).toISOString()}.`)
      found = before
    }
    return found
  }

  function later(utc: number, count: number): number {
    let found = utc
    for (let n = 0; n < count; n += 1) found = times.after(found)
    return found
  }

  function atOrBefore(utc: number): number {
    if (utc < at(0)) return earlier(utc + 1, 1)
    const index = indexAtOrAfter(utc)
    return at(index) === utc ? utc : at(index - 1)
  }

  return {
    atOrBefore,
    atOrAfter: (utc) => (utc < at(0) ? later(utc - 1, 1) : at(indexAtOrAfter(utc))),
    step(boundary, count) {
      // Those before `start` are not kept, however many windows lie between.
      if (boundary < at(0)) return count < 0 ? earlier(boundary, -count) : later(boundary, count)
      const index = indexAtOrAfter(boundary) + count
      if (index < 0) return earlier(at(0), -index)
      while (kept.length <= index) keepNext()
      return at(index)
    },
    between: (from, to) => indexAtOrAfter(to) - indexAtOrAfter(from),
    format: (boundary) => formatMinute(clock, boundary),
    parse(key) {
      const utc = parseMinute(clock, key)
      return utc !== undefined && atOrBefore(utc) === utc ? utc : undefined
    },
  }
}
