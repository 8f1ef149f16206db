import { MillraceError } from '../../errors.ts'
import type { PartitionSet } from './partition-set.ts'

/** Partitions that follow each other, by their numbers: from `from` (in) to `to` (out). */
export interface PartitionRange {
  readonly from: number
  readonly to: number
}

/** Where a partition is. @throws MillraceError `UNKNOWN_PARTITION` */
export function requirePartition(set: PartitionSet, key: string, asset: string): number {
  const index = set.indexOf(key)
  if (index >= 0) return index
  throw new MillraceError(`${asset} has no partition ${JSON.stringify(key)}.`, { code: 'UNKNOWN_PARTITION', hint: hintOf(set) })
}

/**
 * What `from..to` says, with both ends in it.
 * @throws MillraceError `UNKNOWN_PARTITION` for an end that there is not, `PARTITION_RANGE_INVALID` for what is no range, or one that ends before it begins
 */
export function requireRange(set: PartitionSet, range: string, asset: string): PartitionRange {
  const [from, to, ...more] = range.split('..')
  if (from === undefined || to === undefined || from === '' || to === '' || more.length > 0) {
    throw new MillraceError(`${JSON.stringify(range)} is no range of partitions.`, {
      code: 'PARTITION_RANGE_INVALID',
      hint: 'It is the first key, two dots, and the last key: 2026-01-01..2026-01-31.',
    })
  }
  const found = { from: requirePartition(set, from, asset), to: requirePartition(set, to, asset) + 1 }
  if (found.from < found.to) return found
  throw new MillraceError(`${range} ends before it begins.`, { code: 'PARTITION_RANGE_INVALID', hint: `Turn it round: ${to}..${from}.` })
}

function hintOf(set: PartitionSet): string {
  if (set.count === 0) return 'It has none yet.'
  if (set.count <= 10) return `It has ${Array.from({ length: set.count }, (_, index) => set.at(index)).join(', ')}.`
  return `It has ${String(set.count)}, from ${set.at(0)} to ${set.at(set.count - 1)}.`
}
