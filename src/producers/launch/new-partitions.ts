import type { Database } from '../../catalog/database.ts'
import { readMoment } from '../../catalog/partition-moment.ts'
import type { Mark, ScheduleMark } from '../../catalog/ticks.ts'
import { isMade } from '../../definitions/manifest.ts'
import type { Manifest } from '../../definitions/manifest.ts'
import { partitionsOfJob } from '../../definitions/ops/job-spec.ts'
import { isTime } from '../../definitions/partitions/partition-mapping.ts'
import { dimensionSeparator, partitionSet } from '../../definitions/partitions/partition-set.ts'
import type { PartitionMoment, PartitionSet } from '../../definitions/partitions/partition-set.ts'
import type { PartitionsSpec } from '../../definitions/partitions/partitions-spec.ts'
import { slotsCaughtUp, slotsOf } from '../../definitions/schedule.ts'
import type { ScheduleSpec } from '../../definitions/schedule.ts'
import { selectAssets } from '../../definitions/selection/select-assets.ts'
import { MillraceError } from '../../errors.ts'

/** The most runs of a tick, where its schedule says nothing else. */
export const mostRuns = 1000

export interface NewPartitions {
  readonly keys: readonly string[]
  readonly mark: Mark | undefined
  /** Why there are none, or fewer than came. */
  readonly reason: string | undefined
}

export interface SlotAsked {
  readonly at: Date
  /** It is itself a missed one. */
  readonly missed: boolean
}

/**
 * The partitions that came since the slot before, and those of missed slots that are to be made up for; none that a tick before has launched.
 * @throws MillraceError `NO_PARTITIONS`, `SCHEDULE_TOO_MANY_RUNS`
 */
export async function newPartitions(
  database: Database,
  manifest: Manifest,
  schedule: ScheduleSpec,
  slot: SlotAsked,
  state: ScheduleMark,
): Promise<NewPartitions> {
  const spec = partitionsOf(manifest, schedule)
  const found =
    spec.kind === 'dynamic'
      ? await keysAdded(database, manifest.location, spec.name, state)
      : await windowsEnded(database, manifest.location, spec, schedule, slot, state)
  const most = schedule.maxRuns ?? mostRuns
  if (found.keys.length <= most) return found
  throw new MillraceError(
    `The schedule ${schedule.name} found ${found.keys.length.toLocaleString('en')} new partitions; one tick may launch ${most.toLocaleString('en')} runs.`,
    { code: 'SCHEDULE_TOO_MANY_RUNS', hint: 'Raise its `maxRuns`, or start a backfill and have the schedule catch up less.' },
  )
}

function partitionsOf(manifest: Manifest, { name, assets, job }: ScheduleSpec): PartitionsSpec {
  const started = manifest.jobs.find((one) => one.name === job)
  const chosen = new Set(started?.work.kind === 'graph' ? [] : selectAssets(manifest.assets, started?.work.assets ?? assets))
  const spec = partitionsOfJob(started) ?? manifest.assets.filter(isMade).find((one) => chosen.has(one.key) && one.partitions !== undefined)?.partitions
  if (spec !== undefined) return spec
  throw new MillraceError(`What the schedule ${name} starts has no partitions.`, { code: 'NO_PARTITIONS', hint: 'Leave its `partitions` out.' })
}

/** Keys are added one transaction after the other, so that those after the last one that was seen are all that are new. */
async function keysAdded(database: Database, location: string, name: string, { firstSeen, mark }: ScheduleMark): Promise<NewPartitions> {
  const { rows } = await database.query<{ key: string; ordinal: string }>(
    `SELECT key, ordinal::text AS ordinal FROM millrace.partition_key
     WHERE location = $1 AND name = $2 AND CASE WHEN $3::bigint IS NULL THEN added_at > $4 ELSE ordinal > $3 END ORDER BY partition_key.ordinal`,
    [location, name, mark !== undefined && 'ordinal' in mark ? mark.ordinal : null, firstSeen.toISOString()],
  )
  const last = rows.at(-1)
  return {
    keys: rows.map(({ key }) => key),
    mark: last === undefined ? undefined : { ordinal: last.ordinal },
    reason: last === undefined ? `${name} has no new key.` : undefined,
  }
}

async function windowsEnded(
  database: Database,
  location: string,
  spec: PartitionsSpec,
  schedule: ScheduleSpec,
  slot: SlotAsked,
  { firstSeen, mark }: ScheduleMark,
): Promise<NewPartitions> {
  const through = mark !== undefined && 'through' in mark ? Date.parse(mark.through) : undefined
  const to = slot.at.getTime()
  if (through !== undefined && to <= through) return { keys: [], mark: undefined, reason: 'A later tick has launched what was new.' }
  const { dynamic } = await readMoment(database, location, [spec])
  const until = (time: number): PartitionSet => windowsUntil(spec, time, dynamic)
  const from = Math.max(through ?? -Infinity, firstMoment(schedule, slot, firstSeen.getTime(), through))
  const begin = until(from).count
  const leftOut = begin - until(Math.max(Math.min(from, firstSeen.getTime()), through ?? -Infinity)).count
  const keys = partitionsBetween(spec, { from, to }, dynamic)
  return {
    keys,
    mark: { through: slot.at.toISOString() },
    reason:
      leftOut > 0
        ? `${String(leftOut)} of slots that were missed were left out (catchUp: ${String(schedule.catchUp ?? slotsCaughtUp(schedule))}); a backfill makes them.`
        : keys.length === 0
          ? 'No partition has come since the slot before.'
          : undefined,
  }
}

type Dynamic = PartitionMoment['dynamic']

const windowsUntil = (spec: PartitionsSpec, time: number, dynamic: Dynamic): PartitionSet => partitionSet(timeOf(spec), { now: new Date(time), dynamic })

/**
 * The partitions of windows that ended in a span of time, with each key of the other dimension where there are two.
 * @param span milliseconds since the epoch
 */
export function partitionsBetween(spec: PartitionsSpec, span: { readonly from: number; readonly to: number }, dynamic: Dynamic): readonly string[] {
  const [begin, until] = [windowsUntil(spec, span.from, dynamic).count, windowsUntil(spec, span.to, dynamic)]
  const windows = Array.from({ length: Math.max(0, until.count - begin) }, (_, at) => until.at(begin + at))
  return withOther(spec, windows, (other) => partitionSet(other, { now: new Date(span.to), dynamic }))
}

/** Where the slots begin whose partitions are launched: the one before, or that before as many as are caught up. */
function firstMoment(schedule: ScheduleSpec, { at, missed }: SlotAsked, firstSeen: number, through = -Infinity): number {
  const slots = slotsOf(schedule)
  let begin = slots.before(at.getTime()) ?? -Infinity
  for (let more = slotsCaughtUp(schedule) - (missed ? 1 : 0); more > 0 && begin > firstSeen && begin > through; more -= 1)
    begin = slots.before(begin) ?? -Infinity
  return begin
}

/** The dimension that is windows of time, or the partitions themselves. */
function timeOf(spec: PartitionsSpec): PartitionsSpec {
  if (spec.kind !== 'multi') return spec
  return spec.dimensions.find(({ partitions }) => isTime(partitions))?.partitions ?? spec
}

/** Each window, with each key of the other dimension where there is one. */
function withOther(spec: PartitionsSpec, windows: readonly string[], setOf: (other: PartitionsSpec) => PartitionSet): readonly string[] {
  if (spec.kind !== 'multi') return windows
  const at = spec.dimensions.findIndex(({ partitions }) => !isTime(partitions))
  const other = spec.dimensions[at]
  if (other === undefined) return windows
  const set = setOf(other.partitions)
  const others = Array.from({ length: set.count }, (_, index) => set.at(index))
  return windows.flatMap((window) => others.map((key) => (at === 0 ? [key, window] : [window, key]).join(dimensionSeparator)))
}
