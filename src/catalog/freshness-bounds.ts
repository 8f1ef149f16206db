import { cronTimes } from '../definitions/cron-times.ts'
import { isByWindow } from '../definitions/freshness.ts'
import type { FreshnessSpec } from '../definitions/freshness.ts'
import { isTime } from '../definitions/partitions/partition-mapping.ts'
import { dimensionSeparator, partitionSet } from '../definitions/partitions/partition-set.ts'
import type { PartitionMoment, PartitionSet } from '../definitions/partitions/partition-set.ts'
import type { PartitionsSpec, TimePartitionsSpec } from '../definitions/partitions/partitions-spec.ts'

/** What a policy asks at one time, so that one statement can answer it for all assets. Times are milliseconds since 1970 UTC. */
export type FreshnessBounds =
  | {
      readonly kind: 'whole'
      /** Made before then: overdue, warning. */
      readonly overdueBefore: number
      readonly warnBefore: number | undefined
      /** When what was made at a time, and nothing after, changes; those times that are past among them. */
      readonly changesOf: (madeAt: number) => readonly number[]
    }
  | {
      readonly kind: 'parts'
      /** The keys of each window from the last one that is due to the last one that has ended: none of them whole is overdue. */
      readonly windows: readonly (readonly string[])[]
      /** When the first of them was due; undefined where none is. */
      readonly dueAt: number | undefined
      /** None of those from this one on whole is a warning; undefined where nothing is to be warned of. */
      readonly warnFrom: number | undefined
      /** When it changes, where the last whole one of them is at a place, and none is made after; -1: none. */
      readonly changesOf: (whole: number) => readonly number[]
    }

/** @param moment when, and which dynamic keys there are */
export function freshnessBounds(
  { withinMs, warnMs, cron, timeZone = 'UTC' }: FreshnessSpec,
  partitions: PartitionsSpec | undefined,
  moment: PartitionMoment,
): FreshnessBounds {
  const now = moment.now.getTime()
  if (partitions !== undefined && isByWindow(partitions)) return boundsOfWindows(partitions, moment, withinMs, warnMs)
  if (cron !== undefined) {
    const times = cronTimes([cron], timeZone)
    const deadline = times.before(now + 1)
    return {
      kind: 'whole',
      overdueBefore: deadline === undefined ? -Infinity : deadline - withinMs,
      warnBefore: undefined,
      changesOf: (madeAt) => [times.after(Math.max(now, madeAt + withinMs))],
    }
  }
  return {
    kind: 'whole',
    overdueBefore: now - withinMs,
    warnBefore: warnMs === undefined ? undefined : now - warnMs,
    // What is exactly so old is not older.
    changesOf: (madeAt) => [...(warnMs === undefined ? [] : [madeAt + warnMs + 1]), madeAt + withinMs + 1],
  }
}

/** More windows than these are not looked through for one that is whole. */
const mostWindows = 1000

function boundsOfWindows(partitions: PartitionsSpec, moment: PartitionMoment, withinMs: number, warnMs: number | undefined): FreshnessBounds {
  const now = moment.now.getTime()
  // By their ends: that a window is there before it has ended makes it due no sooner.
  const spec = { ...timeOf(partitions), endOffset: 0 }
  const at = (time: number): PartitionSet => partitionSet(spec, { ...moment, now: new Date(time) })
  const ended = at(now)
  const [due, warned] = [at(now - withinMs).count, warnMs === undefined ? 0 : at(now - warnMs).count]
  const from = Math.max(0, due - 1, ended.count - mostWindows)
  const endOf = (index: number): number => ended.time?.cadence.step(ended.time.first, index + 1) ?? Infinity
  const keysOf = withOther(partitions, moment)
  return {
    kind: 'parts',
    windows: Array.from({ length: ended.count - from }, (_, index) => keysOf(ended.at(from + index))),
    dueAt: due === 0 ? undefined : endOf(from) + withinMs,
    warnFrom: warned === 0 ? undefined : Math.max(0, warned - 1 - from),
    changesOf: (whole) => [withinMs, ...(warnMs === undefined ? [] : [warnMs])].map((ms) => endOf(from + whole + 1) + ms),
  }
}

function timeOf(partitions: PartitionsSpec): TimePartitionsSpec {
  const found = partitions.kind === 'multi' ? partitions.dimensions.find((one) => isTime(one.partitions))?.partitions : partitions
  return found as TimePartitionsSpec
}

/** The keys of a window: in two dimensions with each key of the other. */
function withOther(partitions: PartitionsSpec, moment: PartitionMoment): (window: string) => readonly string[] {
  if (partitions.kind !== 'multi') return (window) => [window]
  const at = partitions.dimensions.findIndex((one) => !isTime(one.partitions))
  const other = partitions.dimensions[at]
  if (other === undefined) return (window) => [window]
  const set = partitionSet(other.partitions, moment)
  return (window) => Array.from({ length: set.count }, (_, index) => (at === 0 ? [set.at(index), window] : [window, set.at(index)]).join(dimensionSeparator))
}
