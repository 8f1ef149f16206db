import type { PartitionSet } from '../definitions/partitions/partition-set.ts'
import type { Database } from './database.ts'
import { openRunsInSql } from './step-states.ts'

/** How a partition of a job of ops stands: as its last run ended, or `running` while one of it goes on or waits. */
export const jobPartitionStatuses = ['missing', 'succeeded', 'failed', 'canceled', 'running'] as const
export type JobPartitionStatus = (typeof jobPartitionStatuses)[number]

/** The partitions of a job of ops whose last run that ended has succeeded. */
export async function succeededPartitions(database: Database, location: string, job: string): Promise<string[]> {
  const { rows } = await database.query<{ partition: string }>(
    `SELECT partition FROM millrace.job_partition WHERE location = $1 AND job = $2 AND status = 'succeeded'`,
    [location, job],
  )
  return rows.map(({ partition }) => partition)
}

/** How each partition of a job of ops stands now. */
export async function readJobStates(database: Database, location: string, job: string, set: PartitionSet) {
  const { rows } = await database.query<{ partition: string; status: Exclude<JobPartitionStatus, 'missing'> }>(
    `SELECT partition, status FROM millrace.job_partition WHERE location = $1 AND job = $2
     -- in two, each of which has an index: together they would go through all runs of the job
     UNION ALL SELECT partitions[1], 'running' FROM millrace.run WHERE location = $1 AND job = $2 AND status IN ${openRunsInSql} AND partitions IS NOT NULL
     UNION ALL SELECT partitions[1], 'running' FROM millrace.run WHERE location = $1 AND job = $2 AND status = 'queued' AND partitions IS NOT NULL`,
    [location, job],
  )
  const places = new Map<number, Exclude<JobPartitionStatus, 'missing'>>()
  for (const { partition, status } of rows) {
    const index = set.indexOf(partition)
    if (index >= 0) places.set(index, places.get(index) === 'running' ? 'running' : status)
  }
  const counts = { missing: set.count - places.size, succeeded: 0, failed: 0, canceled: 0, running: 0 }
  for (const status of places.values()) counts[status] += 1
  return { count: set.count, counts, statusAt: (index: number): JobPartitionStatus => places.get(index) ?? 'missing' }
}
