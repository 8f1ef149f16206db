import { minuteOf } from './cadence.ts'
import type { ZoneClock } from './zone-clock.ts'

const minute = 60_000

/**
 * The key of a window that begins at a minute: `2026-11-22-05:30`. Of a local time that comes twice, when the clock is put back, the second has its offset behind it:
 * `2026-10-25-02:00+0100`.
 */
export function formatMinute(clock: ZoneClock, utc: number): string {
  const { offset } = clock.stretchOf(utc)
  const local = utc + offset
  return clock.toUtc(local) === utc ? minuteOf(local) : minuteOf(local) + offsetText(offset)
}

/** The time that a key of `formatMinute` names; undefined where it is none. */
export function parseMinute(clock: ZoneClock, key: string): number | undefined {
  const found = /^(\d{4}-\d\d-\d\d)-(\d\d:\d\d)(?:([+-])(\d\d)(\d\d))?$/.exec(key)
  const local = Date.parse(`${found?.[1] ?? ''}T${found?.[2] ?? ''}Z`)
  if (found === null || Number.isNaN(local)) return undefined
  const [, , , sign, hours, minutes] = found
  const utc = sign === undefined ? clock.toUtc(local) : local - (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * minute
  return formatMinute(clock, utc) === key ? utc : undefined
}

function offsetText(offset: number): string {
  const minutes = Math.abs(offset) / minute
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0')
  return `${offset < 0 ? '-' : '+'}${two(minutes / 60)}${two(minutes % 60)}`
}
