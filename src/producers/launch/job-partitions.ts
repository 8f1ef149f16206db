import type { Database } from '../../catalog/database.ts'
import { readJobStates } from '../../catalog/job-partitions.ts'
import { readMoment } from '../../catalog/partition-moment.ts'
import { partitionsOfJob } from '../../definitions/ops/job-spec.ts'
import { partitionSet } from '../../definitions/partitions/partition-set.ts'
import { MillraceError } from '../../errors.ts'
import { findJob } from './plan-job.ts'

/**
 * The partitions of a job of ops, as there are now, and how each stands.
 * @throws MillraceError `UNKNOWN_JOB`, `LOCATION_AMBIGUOUS`, `LOCATION_NOT_LOADED`, `NO_PARTITIONS`
 */
export async function findJobPartitions(database: Database, job: string, location: string | undefined) {
  const { manifest, spec: found } = await findJob(database, { job, location })
  const spec = partitionsOfJob(found)
  if (spec === undefined) throw new MillraceError(`The job ${job} has no partitions of its own.`, { code: 'NO_PARTITIONS' })
  const set = partitionSet(spec, await readMoment(database, manifest.location, [spec]))
  return { location: manifest.location, spec, set, states: await readJobStates(database, manifest.location, job, set) }
}
