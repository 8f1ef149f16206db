import type { Cadence } from './cadence.ts'
import { formatMinute, parseMinute } from './minute-keys.ts'
import type { ZoneClock } from './zone-clock.ts'

const minute = 60_000
const hour = 60 * minute

/**
 * Every time at which the clock of a zone shows a minute of the hour. Where it is put back an hour comes twice, and where it is put forward one is left out; where it
 * is changed by half an hour, one window is that much longer or shorter.
 */
export function hourlyCadence(clock: ZoneClock, minuteOffset: number): Cadence {
  /** How far behind an hour of UTC they lie while the zone has this offset. */
  const phaseOf = (offset: number): number => (((minuteOffset * minute - offset) % hour) + hour) % hour
  const floor = (utc: number, offset: number): number => Math.floor((utc - phaseOf(offset)) / hour) * hour + phaseOf(offset)
  const ceiling = (utc: number, offset: number): number => Math.ceil((utc - phaseOf(offset)) / hour) * hour + phaseOf(offset)

  function atOrBefore(utc: number): number {
    const stretch = clock.stretchOf(utc)
    const found = floor(utc, stretch.offset)
    return found >= stretch.from ? found : atOrBefore(stretch.from - 1)
  }

  function atOrAfter(utc: number): number {
    const stretch = clock.stretchOf(utc)
    const found = ceiling(utc, stretch.offset)
    return found < stretch.to ? found : atOrAfter(stretch.to)
  }

  function forward(boundary: number, count: number): number {
    const { to } = clock.stretchOf(boundary)
    const found = boundary + count * hour
    if (found < to) return found
    // So many of this stretch, the rest from the first behind it.
    return forward(atOrAfter(to), count - Math.ceil((to - boundary) / hour))
  }

  function backward(boundary: number, count: number): number {
    const { from } = clock.stretchOf(boundary)
    const found = boundary - count * hour
    if (found >= from) return found
    return backward(atOrBefore(from - 1), count - Math.floor((boundary - from) / hour) - 1)
  }

  function between(from: number, to: number): number {
    if (to < from) return -between(to, from)
    return clock.stretches(from, to).reduce((sum, stretch) => {
      const first = ceiling(Math.max(from, stretch.from), stretch.offset)
      return sum + Math.max(0, Math.ceil((Math.min(to, stretch.to) - first) / hour))
    }, 0)
  }

  return {
    atOrBefore,
    atOrAfter,
    step: (boundary, count) => (count < 0 ? backward(boundary, -count) : forward(boundary, count)),
    between,
    format: (boundary) => formatMinute(clock, boundary),
    parse(key) {
      const utc = parseMinute(clock, key)
      return utc !== undefined && atOrBefore(utc) === utc ? utc : undefined
    },
  }
}
