import { readMoment } from '../catalog/partition-moment.ts'
import type { ClaimedStep } from '../catalog/claims.ts'
import type { TableAssetSpec } from '../definitions/manifest.ts'
import { requirePartition } from '../definitions/partitions/choose-partitions.ts'
import { partitionSet } from '../definitions/partitions/partition-set.ts'
import { partitionsToFetch } from '../definitions/partitions/partition.ts'
import type { PartitionsToFetch } from '../definitions/partitions/partition.ts'
import type { WorkerContext } from './context.ts'

/** What a table's extraction is to fetch; undefined where the table has no partitions. @throws MillraceError `UNKNOWN_PARTITION` for one that is no longer defined */
export async function fetchedPartitions(context: WorkerContext, claimed: ClaimedStep, spec: TableAssetSpec): Promise<PartitionsToFetch | undefined> {
  const [first, ...others] = claimed.partitions ?? []
  if (spec.partitions === undefined || first === undefined) return undefined
  const set = partitionSet(spec.partitions, await readMoment(context.pool, claimed.location, [spec.partitions]))
  for (const key of [first, ...others]) requirePartition(set, key, spec.key)
  return partitionsToFetch(set, [first, ...others])
}
