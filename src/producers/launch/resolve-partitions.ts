import { readMoment } from '../../catalog/partition-moment.ts'
import type { Database } from '../../catalog/database.ts'
import type { AssetSpec } from '../../definitions/manifest.ts'
import { requirePartition, requireRange } from '../../definitions/partitions/choose-partitions.ts'
import { partitionSet } from '../../definitions/partitions/partition-set.ts'
import type { PartitionMoment } from '../../definitions/partitions/partition-set.ts'
import { isOnePerRun } from '../../definitions/partitions/one-per-run.ts'
import type { PartitionsSpec } from '../../definitions/partitions/partitions-spec.ts'
import { MillraceError } from '../../errors.ts'

/** More would make a run that nobody can look through, nor retry in part. */
const mostPartitions = 10_000

/**
 * What a run of these assets is to make of those that have partitions: keys, in order. Undefined where none of them has.
 * @param at when they must be there, where that is later than now
 * @throws MillraceError `PARTITION_NEEDED`, `PARTITIONS_DIFFER`, `ONE_PARTITION_PER_RUN`, `NO_PARTITIONS`, `TOO_MANY_PARTITIONS`, `UNKNOWN_PARTITION`,
 *   `PARTITION_RANGE_INVALID`
 */
export async function resolvePartitions(
  database: Database,
  location: string,
  specs: readonly AssetSpec[],
  asked: readonly string[] | undefined,
  at?: Date,
): Promise<readonly string[] | undefined> {
  return partitionsOfRun(specs, asked, async (spec) => {
    const moment = await readMoment(database, location, [spec])
    return at === undefined || at < moment.now ? moment : { ...moment, now: at }
  })
}

/** The same, wherever it is known which partitions there are. */
export async function partitionsOfRun(
  specs: readonly (Pick<AssetSpec, 'key' | 'partitions'> & Parameters<typeof isOnePerRun>[0])[],
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
  if (asked === undefined || asked.length === 0) {
    throw new MillraceError(`${first.key} has partitions: say which of them.`, {
      code: 'PARTITION_NEEDED',
      hint: 'With --partition KEY or --partitions FROM..TO (in the API, `partitions`). A backfill makes many, each by a run of its own.',
    })
  }
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

function onlyOne(key: string, count: number): MillraceError {
  return new MillraceError(`${key} is made by a graph, and one run makes one partition of it, not ${count.toLocaleString('en')}.`, {
    code: 'ONE_PARTITION_PER_RUN',
    hint: 'Launch a run for each of them, or start a backfill: it makes each by a run of its own.',
  })
}

function tooMany(count: number): MillraceError {
  return new MillraceError(`One run makes at most ${mostPartitions.toLocaleString('en')} partitions, not ${count.toLocaleString('en')}.`, {
    code: 'TOO_MANY_PARTITIONS',
    hint: 'Start a backfill: it makes them by as many runs as it takes.',
  })
}
