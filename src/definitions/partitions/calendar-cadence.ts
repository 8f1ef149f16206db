import { dateOf } from './cadence.ts'
import type { Cadence } from './cadence.ts'
import type { ZoneClock } from './zone-clock.ts'

const minute = 60_000
const day = 86_400_000

/** Days, weeks or months as numbers that follow each other. */
interface Calendar {
  /** The number of the one that holds a local day's beginning. */
  readonly indexOf: (local: number) => number
  /** Where it begins, as a local time. */
  readonly localOf: (index: number) => number
}

const days: Calendar = { indexOf: (local) => Math.floor(local / day), localOf: (index) => index * day }

/** @param weekday 0 is Sunday */
function weeks(weekday: number): Calendar {
  // 1970-01-01 was a Thursday, the fourth day after a Sunday.
  const first = weekday - 4
  return { indexOf: (local) => Math.floor((Math.floor(local / day) - first) / 7), localOf: (index) => (index * 7 + first) * day }
}

/** @param dayOfMonth 1 to 28 */
function months(dayOfMonth: number): Calendar {
  return {
    indexOf(local) {
      const date = new Date(local)
      const index = date.getUTCFullYear() * 12 + date.getUTCMonth()
      return date.getUTCDate() < dayOfMonth ? index - 1 : index
    },
    localOf: (index) => Date.UTC(Math.floor(index / 12), ((index % 12) + 12) % 12, dayOfMonth),
  }
}

export interface CalendarOptions {
  readonly every: 'day' | 'week' | 'month'
  /** Of the week, from Sunday, 0; of the month, from 1 to 28. */
  readonly dayOffset: number
  /** When in its day a window begins. */
  readonly hourOffset: number
  readonly minuteOffset: number
}

/**
 * Days, weeks and months as the clock of a time zone shows them: a day is 23 or 25 hours long where that clock is changed.
 * Keys are the date of the beginning: `2026-11-22`.
 */
export function calendarCadence(clock: ZoneClock, { every, dayOffset, hourOffset, minuteOffset }: CalendarOptions): Cadence {
  const calendar = every === 'day' ? days : every === 'week' ? weeks(dayOffset) : months(dayOffset)
  const offset = (hourOffset * 60 + minuteOffset) * minute
  const at = (index: number): number => clock.toUtc(calendar.localOf(index) + offset)

  function indexAtOrBefore(utc: number): number {
    let index = calendar.indexOf(clock.toLocal(utc) - offset)
    // Beside a change of the clock the local time is an hour off.
    while (at(index) > utc) index -= 1
    while (at(index + 1) <= utc) index += 1
    return index
  }
  const format = (boundary: number): string => dateOf(calendar.localOf(indexAtOrBefore(boundary)))
  return {
    atOrBefore: (utc) => at(indexAtOrBefore(utc)),
    atOrAfter(utc) {
      const index = indexAtOrBefore(utc)
      return at(index) === utc ? utc : at(index + 1)
    },
    step: (boundary, count) => at(indexAtOrBefore(boundary) + count),
    between: (from, to) => indexAtOrBefore(to) - indexAtOrBefore(from),
    format,
    parse(key) {
      if (!/^\d{4}-\d\d-\d\d$/.test(key)) return undefined
      const local = Date.parse(`${key}T00:00Z`)
      if (Number.isNaN(local)) return undefined
      const boundary = at(calendar.indexOf(local))
      return format(boundary) === key ? boundary : undefined
    },
  }
}
