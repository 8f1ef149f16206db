import { cronTimes } from '../../definitions/cron-times.ts'
import { mappingOf } from '../../definitions/partitions/check-partitions.ts'
import { upstreamOf } from '../../definitions/partitions/map-partitions.ts'
import type { PartitionSet } from '../../definitions/partitions/partition-set.ts'
import type { AssetSpec } from '../../definitions/manifest.ts'

/** An asset, or a partition of one. */
export interface Cell {
  readonly asset: string
  /** A key; `''` of an asset without partitions; `everyPartition` where an asset hangs on so many that they are looked at as one. */
  readonly partition: string
}

/** No key is this: keys have no control characters. */
export const everyPartition = '\u0001'
/** From more partitions of a dependency on they are looked at as one. */
const mostMapped = 1000

export const idOf = ({ asset, partition }: Cell): string => `${asset}\0${partition}`

/** That an asset, or a partition of it, was materialized. Times are milliseconds since 1970. */
export interface Update {
  readonly at: number
  /** When its step began: what it was made from is from then, or later. */
  readonly began: number
  readonly run: string | undefined
  readonly runAssets: ReadonlySet<string>
  /** What the run made of those that have partitions. */
  readonly runPartitions: ReadonlySet<string> | undefined
}

/** What is known of a location's assets at one evaluation; cells by `idOf`. */
export interface Facts {
  readonly now: number
  /** When the evaluation before was; undefined at the first. */
  readonly before: number | undefined
  readonly specs: ReadonlyMap<string, AssetSpec>
  /** Of the assets that have partitions. */
  readonly sets: ReadonlyMap<string, PartitionSet>
  /** Since the evaluation before. */
  readonly updates: ReadonlyMap<string, Update>
  /** What was wiped since the evaluation before. */
  readonly wiped: ReadonlySet<string>
  /** When each was materialized; for `everyPartition` only where none is missing. */
  readonly materialized: ReadonlyMap<string, number>
  /** Where the last try failed. */
  readonly failed: ReadonlySet<string>
  /** The run that makes it, also for `everyPartition`. */
  readonly running: ReadonlyMap<string, string>
  /** The same of backfills. */
  readonly backfilling: ReadonlyMap<string, string>
  /** The last time of a cron expression, now among them. */
  readonly lastTime: (cron: string, timeZone: string) => number
}

/** The last time of cron expressions up to a moment; each is looked for once. */
export function lastTimes(now: number): Facts['lastTime'] {
  const found = new Map<string, number>()
  return (cron, timeZone) => {
    const id = `${cron}\0${timeZone}`
    const known = found.get(id)
    if (known !== undefined) return known
    const at = cronTimes([cron], timeZone).before(now + 1) ?? Number.NEGATIVE_INFINITY
    found.set(id, at)
    return at
  }
}

/** The cells of a dependency that a cell is made from. */
export function cellsAbove(facts: Pick<Facts, 'specs' | 'sets'>, cell: Cell, dep: string): readonly Cell[] {
  const [own, above] = [facts.specs.get(cell.asset), facts.specs.get(dep)]
  if (own === undefined || above === undefined) return []
  const set = facts.sets.get(dep)
  if (set === undefined) return [{ asset: dep, partition: '' }]
  const mapping = mappingOf({ mappings: own.mappings ?? {}, partitions: own.partitions }, { key: dep, partitions: above.partitions })
  const { ranges } = upstreamOf(mapping, facts.sets.get(cell.asset) ?? set, cell.partition, set)
  const many = ranges.reduce((sum, { from, to }) => sum + to - from, 0)
  if (many > mostMapped) return [{ asset: dep, partition: everyPartition }]
  return ranges.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, n) => ({ asset: dep, partition: set.at(from + n) })))
}

/** Whether a run that makes both makes the one from what it makes of the other. */
export function isOneRun(facts: Pick<Facts, 'specs'>, downstream: string, upstream: string): boolean {
  const [own, above] = [facts.specs.get(downstream), facts.specs.get(upstream)]
  if (own === undefined || above === undefined || JSON.stringify(own.partitions) !== JSON.stringify(above.partitions)) return false
  if (own.partitions === undefined) return true
  return mappingOf({ mappings: own.mappings ?? {}, partitions: own.partitions }, { key: upstream, partitions: above.partitions }).kind === 'same'
}
