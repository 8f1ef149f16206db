import type { Cadence } from './cadence.ts'
import { calendarCadence } from './calendar-cadence.ts'
import { cronCadence } from './cron-cadence.ts'
import { hourlyCadence } from './hourly-cadence.ts'
import type { TimePartitionsSpec } from './partitions-spec.ts'
import { zoneClock } from './zone-clock.ts'
import type { ZoneClock } from './zone-clock.ts'

/** The stretch of time that a partition stands for: from `start` (in) to `end` (out). */
export interface TimeWindow {
  readonly start: Date
  readonly end: Date
}

/** Windows of time from the first on; those of them that there are at a time end before `endAt`. Times are milliseconds since 1970 UTC. */
export interface TimePartitions {
  readonly cadence: Cadence
  /** Where the first window begins. */
  readonly first: number
  /** Where the last window ends that there is at a time; `first` where there is none yet. */
  readonly endAt: (now: number) => number
}

/** @throws RangeError for a time zone that nobody knows, and what cron-parser throws for an expression that it cannot read */
export function timePartitions(spec: TimePartitionsSpec): TimePartitions {
  const clock = zoneClock(spec.timeZone)
  const start = utcOf(clock, spec.start)
  const cadence = cadenceOf(spec, clock, start)
  const first = cadence.atOrAfter(start)
  const last = spec.end === undefined ? Infinity : cadence.atOrBefore(utcOf(clock, spec.end))
  return {
    cadence,
    first,
    endAt(now) {
      const ended = cadence.atOrBefore(now)
      return Math.max(first, Math.min(last, spec.endOffset === 0 ? ended : cadence.step(ended, spec.endOffset)))
    },
  }
}

/** The window of a boundary. */
export const windowFrom = ({ cadence }: TimePartitions, boundary: number): TimeWindow => ({
  start: new Date(boundary),
  end: new Date(cadence.step(boundary, 1)),
})

const utcOf = (clock: ZoneClock, time: string): number => clock.toUtc(Date.parse(time.includes('T') ? `${time}Z` : `${time}T00:00Z`))

function cadenceOf(spec: TimePartitionsSpec, clock: ZoneClock, start: number): Cadence {
  if (spec.kind === 'hourly') return hourlyCadence(clock, spec.minuteOffset)
  if (spec.kind === 'daily') return calendarCadence(clock, { ...spec, every: 'day', dayOffset: 0 })
  if (spec.kind === 'weekly') return calendarCadence(clock, { ...spec, every: 'week' })
  if (spec.kind === 'monthly') return calendarCadence(clock, { ...spec, every: 'month' })
  return cronCadence(spec.cron, spec.timeZone, start)
}
