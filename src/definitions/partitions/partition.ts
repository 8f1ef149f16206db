import { dimensionSeparator } from './partition-set.ts'
import type { PartitionSet } from './partition-set.ts'
import type { TimeWindow } from './time-partitions.ts'

/** The partition that a function is to make. */
export interface Partition {
  readonly key: string
  /** The stretch of time that it is about, or that a dimension of it is; undefined where it is about none. */
  readonly window: TimeWindow | undefined
  /** The keys of its dimensions by their names; empty where it has but one. */
  readonly dimensions: Readonly<Record<string, string>>
}

/** The partitions that a table's extraction is to fetch: one, or several that follow each other. */
export interface PartitionsToFetch {
  /** In order, at least one. */
  readonly keys: readonly [string, ...string[]]
  /** From the beginning of the first to the end of the last; undefined where they are about no time. */
  readonly window: TimeWindow | undefined
}

export function partitionOf(set: PartitionSet, key: string): Partition {
  const names = set.dimensions?.map(({ name }) => name) ?? []
  const place = key.indexOf(dimensionSeparator)
  const halves = [key.slice(0, place), key.slice(place + 1)]
  return { key, window: set.windowOf(key), dimensions: Object.fromEntries(names.map((name, at) => [name, halves[at] ?? ''])) }
}

export function partitionsToFetch(set: PartitionSet, keys: readonly [string, ...string[]]): PartitionsToFetch {
  const [first, last] = [set.windowOf(keys[0]), set.windowOf(keys.at(-1) ?? keys[0])]
  return { keys, window: first === undefined || last === undefined ? undefined : { start: first.start, end: last.end } }
}
