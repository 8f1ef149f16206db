import { CronExpressionParser } from 'cron-parser'
import type { Cadence } from './cadence.ts'
import { formatMinute, parseMinute } from './minute-keys.ts'
import type { ZoneClock } from './zone-clock.ts'

/**
 * The times of a cron expression. They can only be counted one by one, so those from `start` on are kept.
 * @throws what cron-parser throws for an expression that it cannot read
 */
export function cronCadence(clock: ZoneClock, cron: string, timeZone: string, start: number): Cadence {
  const following = CronExpressionParser.parse(cron, { tz: timeZone, currentDate: new Date(start - 1) })
  const kept: number[] = [following.next().getTime()]
  const at = (index: number): number => kept[index] as number

  function growTo(utc: number): void {
    while (at(kept.length - 1) < utc) kept.push(following.next().getTime())
  }

  /** Where the first one that is not before a time is kept; 0 for all before `start`. */
  function indexAtOrAfter(utc: number): number {
    growTo(utc)
    let low = 0
    let high = kept.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (at(middle) < utc) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Before those that are kept, so many. */
  function earlier(utc: number, count: number): number {
    const expression = CronExpressionParser.parse(cron, { tz: timeZone, currentDate: new Date(utc) })
    let found = utc
    for (let n = 0; n < count; n += 1) found = expression.prev().getTime()
    return found
  }

  function atOrBefore(utc: number): number {
    const index = indexAtOrAfter(utc)
    if (at(index) === utc) return utc
    return index > 0 ? at(index - 1) : earlier(utc, 1)
  }

  return {
    atOrBefore,
    atOrAfter(utc) {
      if (utc >= at(0)) return at(indexAtOrAfter(utc))
      return CronExpressionParser.parse(cron, { tz: timeZone, currentDate: new Date(utc - 1) })
        .next()
        .getTime()
    },
    step(boundary, count) {
      const index = indexAtOrAfter(boundary) + count
      if (index < 0) return earlier(at(0), -index)
      while (kept.length <= index) kept.push(following.next().getTime())
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
