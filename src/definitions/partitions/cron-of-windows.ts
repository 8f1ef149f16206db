import type { PartitionsSpec, TimePartitionsSpec } from './partitions-spec.ts'

/** The windows of time that partitions are, or that their one dimension of time is. */
export function windowsOf(spec: PartitionsSpec | undefined): TimePartitionsSpec | undefined {
  if (spec === undefined) return undefined
  const found = (spec.kind === 'multi' ? spec.dimensions.map(({ partitions }) => partitions) : [spec]).filter((one) => 'timeZone' in one)
  return found.length === 1 ? found[0] : undefined
}

/** The expression, on the clock of the windows' time zone, whose times are where windows of time begin and end. */
export function cronOfWindows(spec: TimePartitionsSpec): string {
  if (spec.kind === 'cron') return spec.cron
  const minute = String(spec.minuteOffset)
  if (spec.kind === 'hourly') return `${minute} * * * *`
  const time = `${minute} ${String(spec.hourOffset)}`
  if (spec.kind === 'daily') return `${time} * * *`
  return spec.kind === 'weekly' ? `${time} * * ${String(spec.dayOffset)}` : `${time} ${String(spec.dayOffset)} * *`
}
