import type { StoredPlan, WaitingPart } from '../../../catalog/backfills.ts'
import { succeededPartitions } from '../../../catalog/job-partitions.ts'
import { readMoment } from '../../../catalog/partition-moment.ts'
import { areMaterialized, materializedPartitions } from '../../../catalog/partition-states.ts'
import type { Database } from '../../../catalog/database.ts'
import type { AssetSpec } from '../../../definitions/manifest.ts'
import type { JobSpec } from '../../../definitions/ops/job-spec.ts'
import { unitsOf } from '../../../definitions/partitions/backfill-units.ts'
import type { BackfillUnit } from '../../../definitions/partitions/backfill-units.ts'
import { requirePartition, requireRange } from '../../../definitions/partitions/choose-partitions.ts'
import { downstreamOf } from '../../../definitions/partitions/map-partitions.ts'
import { partitionSet } from '../../../definitions/partitions/partition-set.ts'
import type { PartitionMoment, PartitionSet } from '../../../definitions/partitions/partition-set.ts'
import type { OneDimensionSpec } from '../../../definitions/partitions/partitions-spec.ts'
import { MillraceError } from '../../../errors.ts'

/** More parts would be more than anybody looks through. */
const mostParts = 1_000_000

export interface PartitionChoice {
  /** Keys and ranges of the assets that hang on no other one of the backfill; undefined: all of them. What hangs on those follows by its mappings. */
  readonly partitions?: readonly string[] | undefined
  /** Only what is not there, or failed the last time, and what is made from that. */
  readonly missing?: boolean | undefined
}

/**
 * What a backfill of these assets makes: units, and the partitions of each.
 * @param specs upstream before downstream
 * @throws MillraceError `NO_PARTITIONS`, `UNKNOWN_PARTITION`, `PARTITION_RANGE_INVALID`, `NOTHING_TO_BACKFILL`, `TOO_MANY_PARTITIONS`
 */
export async function planBackfill(
  database: Database,
  location: string,
  specs: readonly AssetSpec[],
  choice: PartitionChoice,
): Promise<{ readonly plan: StoredPlan; readonly parts: readonly WaitingPart[] }> {
  if (specs.every((one) => one.partitions === undefined)) {
    throw new MillraceError(`${specs.map(({ key }) => key).join(', ')} ${specs.length === 1 ? 'has' : 'have'} no partitions: there is nothing to backfill.`, {
      code: 'NO_PARTITIONS',
      hint: 'Materialize it.',
    })
  }
  const units = unitsOf(specs)
  const moment = await readMoment(
    database,
    location,
    specs.map((one) => one.partitions),
  )
  const sets = units.map(({ partitions }) => (partitions === undefined ? undefined : partitionSet(partitions, moment)))
  const asked: Uint8Array[] = []
  const wanted: Uint8Array[] = []
  for (const [place, unit] of units.entries()) {
    const set = sets[place]
    const chosen = chosenOf(unit, set, sets, asked, choice)
    asked.push(chosen)
    wanted.push(choice.missing === true ? await missingOf(database, location, { unit, set, sets, wanted, chosen }) : chosen)
  }
  const parts = units.flatMap((_, unit) => partsOf(unit, sets[unit], wanted[unit] ?? new Uint8Array()))
  refuseCount(parts.length, choice)
  return { plan: storedPlan(units, moment), parts }
}

/**
 * What a backfill of a job of ops runs it for: one unit, whose parts are its partitions. Missing is one whose last run has not succeeded.
 * @throws MillraceError `JOB_OF_ASSETS`, `NO_PARTITIONS`, `UNKNOWN_PARTITION`, `PARTITION_RANGE_INVALID`, `NOTHING_TO_BACKFILL`, `TOO_MANY_PARTITIONS`
 */
export async function planJobBackfill(
  database: Database,
  location: string,
  { name, work }: JobSpec,
  choice: PartitionChoice,
): Promise<{ readonly plan: StoredPlan; readonly parts: readonly WaitingPart[] }> {
  if (work.kind === 'assets') {
    throw new MillraceError(`The job ${name} materializes assets: a backfill makes those.`, {
      code: 'JOB_OF_ASSETS',
      hint: `millrace backfill ${work.assets.map((one) => `'${one}'`).join(' ')} …`,
    })
  }
  const { partitions } = work
  if (partitions === undefined) {
    throw new MillraceError(`The job ${name} has no partitions: there is nothing to backfill.`, { code: 'NO_PARTITIONS', hint: 'Launch it.' })
  }
  const moment = await readMoment(database, location, [partitions])
  const set = partitionSet(partitions, moment)
  const wanted = new Uint8Array(set.count)
  for (const range of rangesOf(set, name, choice.partitions)) wanted.fill(1, range.from, range.to)
  if (choice.missing === true) {
    for (const key of await succeededPartitions(database, location, name)) {
      const index = set.indexOf(key)
      if (index >= 0) wanted[index] = 0
    }
  }
  const parts = partsOf(0, set, wanted)
  refuseCount(parts.length, choice)
  return { plan: { ...storedPlan([{ assets: [], partitions, upstream: [] }], moment), units: [{ job: name, partitions, upstream: [] }] }, parts }
}

/** Which partitions of a unit are asked for, or made from what is. One byte each; a unit without partitions has one. */
function chosenOf(
  unit: BackfillUnit,
  set: PartitionSet | undefined,
  sets: readonly (PartitionSet | undefined)[],
  wanted: readonly Uint8Array[],
  choice: PartitionChoice,
): Uint8Array {
  const chosen = new Uint8Array(set?.count ?? 1)
  const above = unit.upstream.filter((edge) => sets[edge.unit] !== undefined)
  if (set === undefined) {
    chosen[0] = unit.upstream.length === 0 || unit.upstream.some((edge) => wanted[edge.unit]?.includes(1) === true) ? 1 : 0
    return chosen
  }
  if (above.length === 0) {
    for (const range of rangesOf(set, unit.assets[0] ?? '', choice.partitions)) chosen.fill(1, range.from, range.to)
    return chosen
  }
  for (const edge of above) fillDownstream(chosen, edge, sets[edge.unit], set, wanted[edge.unit])
  return chosen
}

function rangesOf(set: PartitionSet, asset: string, asked: readonly string[] | undefined) {
  if (asked === undefined) return [{ from: 0, to: set.count }]
  return asked.map((one) => {
    if (one.includes('..')) return requireRange(set, one, asset)
    const from = requirePartition(set, one, asset)
    return { from, to: from + 1 }
  })
}

interface Judged {
  readonly unit: BackfillUnit
  readonly set: PartitionSet | undefined
  readonly sets: readonly (PartitionSet | undefined)[]
  readonly wanted: readonly Uint8Array[]
  readonly chosen: Uint8Array
}

/** Those of the chosen that are not there, or are made anew because of what is made above them. */
async function missingOf(database: Database, location: string, { unit, set, sets, wanted, chosen }: Judged): Promise<Uint8Array> {
  if (set === undefined) {
    const anew = unit.upstream.some((edge) => wanted[edge.unit]?.includes(1) === true)
    return Uint8Array.of(chosen[0] === 1 && (anew || !(await areMaterialized(database, location, unit.assets))) ? 1 : 0)
  }
  const there = await Promise.all(unit.assets.map((asset) => materializedPartitions(database, location, asset)))
  const anew = new Uint8Array(chosen.length)
  for (const edge of unit.upstream) fillDownstream(anew, edge, sets[edge.unit], set, wanted[edge.unit])
  return chosen.map((one, index) => (one === 1 && (anew[index] === 1 || !there.every((keys) => keys.has(set.at(index)))) ? 1 : 0))
}

/** Marks what is made from those that are marked above. */
function fillDownstream(
  marked: Uint8Array,
  { mapping }: BackfillUnit['upstream'][number],
  upstream: PartitionSet | undefined,
  set: PartitionSet,
  above: Uint8Array | undefined,
): void {
  if (above?.includes(1) !== true) return
  // From a whole asset, or from all partitions of one: one of them is enough.
  if (upstream === undefined || mapping.kind === 'all') {
    marked.fill(1)
    return
  }
  for (const [index, one] of above.entries()) {
    if (one === 0) continue
    for (const range of downstreamOf(mapping, upstream, upstream.at(index), set).ranges) marked.fill(1, range.from, range.to)
  }
}

function partsOf(unit: number, set: PartitionSet | undefined, wanted: Uint8Array): WaitingPart[] {
  const parts: WaitingPart[] = []
  for (const [ordinal, one] of wanted.entries()) if (one === 1) parts.push({ unit, ordinal, partition: set?.at(ordinal) ?? null })
  return parts
}

function storedPlan(units: readonly BackfillUnit[], moment: PartitionMoment): StoredPlan {
  const names = units.flatMap(({ partitions }) =>
    partitions === undefined ? [] : partitions.kind === 'multi' ? partitions.dimensions.map((one) => one.partitions) : [partitions],
  )
  const dynamic = names.flatMap((one: OneDimensionSpec) => (one.kind === 'dynamic' ? [one.name] : []))
  return {
    moment: { now: moment.now.toISOString(), dynamic: Object.fromEntries(dynamic.map((name) => [name, [...moment.dynamic(name)]])) },
    units: units.map(({ assets, partitions, upstream }) => ({
      assets: [...assets],
      ...(partitions === undefined ? {} : { partitions }),
      upstream: [...upstream],
    })),
  }
}

function refuseCount(parts: number, choice: PartitionChoice): void {
  if (parts === 0) throw nothingToDo(choice)
  if (parts <= mostParts) return
  throw new MillraceError(`A backfill makes at most ${mostParts.toLocaleString('en')} partitions, not ${parts.toLocaleString('en')}.`, {
    code: 'TOO_MANY_PARTITIONS',
    hint: 'Choose a range of them.',
  })
}

function nothingToDo({ missing, partitions }: PartitionChoice): MillraceError {
  return new MillraceError(missing === true ? 'Nothing of it is missing.' : 'There are no partitions yet.', {
    code: 'NOTHING_TO_BACKFILL',
    hint:
      missing === true ? `Leave \`missing\` out to make ${partitions === undefined ? 'all of them' : 'them'} again.` : 'Look whether their start lies ahead.',
  })
}
