import type { PartitionSet } from '../definitions/partitions/partition-set.ts'
import type { Database } from './database.ts'

/** How a partition of a job of ops stands: by its last run that is kept. */
export const jobPartitionStatuses = ['missing', 'succeeded', 'failed', 'canceled', 'running'] as const
export type JobPartitionStatus = (typeof jobPartitionStatuses)[number]

/** The last run of a partition. */
export interface JobPartition {
  readonly runId: string
  readonly status: Exclude<JobPartitionStatus, 'missing'>
}

/** The last run of each partition that a job of ops was run for, by key; as long as runs are kept. */
export async function readJobPartitions(database: Database, location: string, job: string): Promise<Map<string, JobPartition>> {
  const { rows } = await database.query<JobPartition & { partition: string }>(
    `SELECT DISTINCT ON (partitions[1]) partitions[1] AS partition, id AS "runId",
       CASE WHEN status IN ('queued', 'started', 'canceling') THEN 'running' ELSE status END AS status FROM millrace.run
     WHERE location = $1 AND job = $2 AND partitions IS NOT NULL ORDER BY partitions[1], created_at DESC, id DESC`,
    [location, job],
  )
  return new Map(rows.map(({ partition, ...run }) => [partition, run]))
}

/** How each partition of a job of ops stands now. */
export async function readJobStates(database: Database, location: string, job: string, set: PartitionSet) {
  const places = new Map<number, JobPartitionStatus>()
  for (const [key, { status }] of await readJobPartitions(database, location, job)) {
    const index = set.indexOf(key)
    if (index >= 0) places.set(index, status)
  }
  const counts = { missing: set.count - places.size, succeeded: 0, failed: 0, canceled: 0, running: 0 }
  for (const status of places.values()) counts[status] += 1
  return { count: set.count, counts, statusAt: (index: number): JobPartitionStatus => places.get(index) ?? 'missing' }
}
