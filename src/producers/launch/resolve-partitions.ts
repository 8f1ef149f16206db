import { readMoment } from '../../catalog/partition-moment.ts'
import type { Database } from '../../catalog/database.ts'
import type { AssetSpec } from '../../definitions/manifest.ts'
import { requirePartition, requireRange } from '../../definitions/partitions/choose-partitions.ts'
import type { Job } from '../../definitions/ops/job.ts'
import { partitionsOfJob } from '../../definitions/ops/job-spec.ts'
import type { JobSpec } from '../../definitions/ops/job-spec.ts'
import { partitionSet } from '../../definitions/partitions/partition-set.ts'
import type { PartitionMoment, PartitionSet } from '../../definitions/partitions/partition-set.ts'
import { isOnePerRun } from '../../definitions/partitions/one-per-run.ts'
import type { PartitionsSpec } from '../../definitions/partitions/partitions-spec.ts'
import { MillraceError } from '../../errors.ts'

/** More would make a run that nobody can look through, nor retry in part. */
const mostPartitions = 10_000

/** The code of the error for several partitions of what is made one by one: a backfill makes them. */
export const onePartitionPerRun = 'ONE_PARTITION_PER_RUN'

/**
 * What a run of these assets, or of this job, is to make of those that have partitions: keys, in order. Undefined where none of them has.
 * @param at when they must be there, where that is later than now
 * @throws MillraceError `PARTITION_NEEDED`, `PARTITIONS_DIFFER`, `ONE_PARTITION_PER_RUN`, `NO_PARTITIONS`, `TOO_MANY_PARTITIONS`, `UNKNOWN_PARTITION`,
 *   `PARTITION_RANGE_INVALID`
 */
export async function resolvePartitions(
  database: Database,
  location: string,
  specs: readonly Partitioned[],
  asked: readonly string[] | undefined,
  at?: Date,
): Promise<readonly string[] | undefined> {
  return partitionsOfRun(specs, asked, async (spec) => {
    const moment = await readMoment(database, location, [spec])
    return at === undefined || at < moment.now ? moment : { ...moment, now: at }
  })
}

/** What may have partitions: an asset, or a job of ops under its name. */
type Partitioned = Pick<AssetSpec, 'key' | 'partitions'> & Parameters<typeof isOnePerRun>[0]

/** A job of ops as what has partitions: its ops are steps of the run, and each of them is of one partition. */
export const partitionedJob = (job: Pick<JobSpec, 'name' | 'work'> | Pick<Job, 'name' | 'work'>): Partitioned => ({
  key: job.name,
  graph: job.work,
  partitions: partitionsOfJob(job),
})

/** The same, wherever it is known which partitions there are. */
export async function partitionsOfRun(
  specs: readonly Partitioned[],
  asked: readonly string[] | undefined,
  momentOf: (spec: PartitionsSpec) => Promise<PartitionMoment>,
): Promise<readonly string[] | undefined> {
  const partitioned = specs.filter((one) => one.partitions !== undefined)
  const [first] = partitioned
  if (first?.partitions === undefined) {
    if (asked === undefined) return undefined
    throw new MillraceError(`${specs.map(({ key }) => key).join(', ')} ${specs.length === 1 ? 'has' : 'have'} no partitions.`, {
      code: 'NO_PARTITIONS',
      hint: 'Leave the partitions out.',
    })
  }
  if (asked === undefined || asked.length === 0) throw needed(first.key, partitionSet(first.partitions, await momentOf(first.partitions)))
  const declared = JSON.stringify(first.partitions)
  const other = partitioned.find((one) => JSON.stringify(one.partitions) !== declared)
  if (other !== undefined) {
    throw new MillraceError(`${first.key} and ${other.key} have different partitions, and one run makes one kind of them.`, {
      code: 'PARTITIONS_DIFFER',
      hint: 'Start a backfill of both: it finds out which partitions belong together.',
    })
  }
  const set = partitionSet(first.partitions, await momentOf(first.partitions))
  const chosen = new Set<number>()
  for (const one of asked) {
    const { from, to } = one.includes('..') ? requireRange(set, one, first.key) : rangeOf(requirePartition(set, one, first.key))
    if (to - from > mostPartitions) throw tooMany(to - from)
    for (let index = from; index < to; index += 1) chosen.add(index)
  }
  if (chosen.size > mostPartitions) throw tooMany(chosen.size)
  const alone = partitioned.find(isOnePerRun)
  if (alone !== undefined && chosen.size > 1) throw onlyOne(alone.key, chosen.size)
  return [...chosen].toSorted((one, next) => one - next).map((index) => set.at(index))
}

const rangeOf = (index: number) => ({ from: index, to: index + 1 })

function needed(key: string, set: PartitionSet): MillraceError {
  const example = set.count === 0 ? 'KEY' : set.at(set.count - 1)
  return new MillraceError(`${key} has partitions: say which of them.`, {
    code: 'PARTITION_NEEDED',
    hint: `With --partition ${example.includes('|') ? `'${example}'` : example} or --partitions FROM..TO (in the API, \`partitions\`). A backfill makes many, each by a run of its own.`,
  })
}

function onlyOne(key: string, count: number): MillraceError {
  return new MillraceError(`One run makes one partition of ${key}, as its ops are steps of the run, not ${count.toLocaleString('en')}.`, {
    code: onePartitionPerRun,
    hint: 'Launch a run for each of them, or start a backfill: it makes each by a run of its own.',
  })
}

function tooMany(count: number): MillraceError {
  return new MillraceError(`One run makes at most ${mostPartitions.toLocaleString('en')} partitions, not ${count.toLocaleString('en')}.`, {
    code: 'TOO_MANY_PARTITIONS',
    hint: 'Start a backfill: it makes them by as many runs as it takes.',
  })
}
