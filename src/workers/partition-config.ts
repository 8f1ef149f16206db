import * as z from 'zod'
import type { JsonObject } from '../definitions/json.ts'
import type { Job } from '../definitions/ops/job.ts'
import { jobSpecOf } from '../definitions/ops/job-spec.ts'
import type { OpStepSpec } from '../definitions/ops/job-spec.ts'
import type { Partition } from '../definitions/partitions/partition.ts'
import { DataError } from '../errors.ts'
import { checkJobConfig, mergeConfig } from '../producers/launch/run-config.ts'
import { callUserCode } from './failure.ts'
import { issuesOf } from '../definitions/issues.ts'

const Made = z.record(z.string(), z.json())

/** The steps of jobs as a manifest has them: their schemas take a while to be made, and a run may have thousands of steps. */
const known = new WeakMap<Job, readonly OpStepSpec[]>()

/**
 * A run's configuration, over what its job makes of the partition that it is of.
 * @param given what the launch said
 * @throws UserCodeError around what the job's function throws; DataError `CONFIG_INVALID` for what is no configuration, MillraceError `CONFIG_INVALID` for one that does not fit
 */
export async function withPartitionConfig(job: Job, partition: Partition | undefined, given: JsonObject): Promise<JsonObject> {
  const { name, work } = job
  const configOf = work.kind === 'graph' ? work.configOf : undefined
  if (configOf === undefined || partition === undefined) return given
  const made = Made.safeParse(await callUserCode(() => configOf(partition)))
  if (!made.success) {
    throw new DataError(`What the job ${name} made of the partition ${partition.key} is no configuration: ${issuesOf(made.error)}.`, {
      code: 'CONFIG_INVALID',
      hint: 'Have its `config` answer an object of JSON, and no promise.',
    })
  }
  return checkJobConfig(name, stepsOf(job), mergeConfig(made.data, given))
}

function stepsOf(job: Job): readonly OpStepSpec[] {
  const found = known.get(job)
  if (found !== undefined) return found
  const { work } = jobSpecOf(job)
  const steps = work.kind === 'graph' ? work.steps : []
  known.set(job, steps)
  return steps
}
