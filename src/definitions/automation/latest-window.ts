import { dimensionSeparator } from '../partitions/partition-set.ts'
import type { PartitionSet } from '../partitions/partition-set.ts'

/** The latest window of time of partitions, and those that end less than `lookbackMs` before it. Of two dimensions the first that is about time says which those are. */
export interface LatestWindow {
  readonly includes: (key: string) => boolean
  /** Their keys, at most so many of them, the newest. */
  readonly keys: (most: number) => readonly string[]
  /** The key of the latest window; undefined where there is none yet. */
  readonly last: string | undefined
}

/** Undefined where partitions are not about time: then all of them count. */
export function latestWindowOf(set: PartitionSet, lookbackMs: number | undefined): LatestWindow | undefined {
  if (set.dimensions !== undefined) {
    const [outer, inner] = set.dimensions.map((one) => one.set) as [PartitionSet, PartitionSet]
    const place = outer.time !== undefined ? 0 : 1
    const found = latestWindowOf(place === 0 ? outer : inner, lookbackMs)
    if (found === undefined) return undefined
    const other = place === 0 ? inner : outer
    return {
      includes: (key) => found.includes(key.split(dimensionSeparator)[place] ?? ''),
      keys: (most) =>
        found
          .keys(most)
          .flatMap((key) => newest(other, most).map((half) => (place === 0 ? [key, half] : [half, key]).join(dimensionSeparator)))
          .slice(-most),
      last: found.last,
    }
  }
  if (set.time === undefined) return undefined
  const { count, windowOf } = set
  if (count === 0) return { includes: () => false, keys: () => [], last: undefined }
  const last = set.at(count - 1)
  const end = windowOf(last)?.end.getTime() ?? 0
  const includes = (key: string): boolean => key === last || (lookbackMs !== undefined && (windowOf(key)?.end.getTime() ?? -Infinity) > end - lookbackMs)
  return {
    includes,
    last,
    keys(most) {
      const from = Math.max(0, count - most)
      let first = count - 1
      while (first > from && includes(set.at(first - 1))) first -= 1
      return Array.from({ length: count - first }, (_, n) => set.at(first + n))
    },
  }
}

/** The last keys of partitions, in their order. */
export function newest(set: PartitionSet, most: number): readonly string[] {
  const from = Math.max(0, set.count - most)
  return Array.from({ length: set.count - from }, (_, n) => set.at(from + n))
}
