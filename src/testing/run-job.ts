import type { Job } from '../definitions/ops/job.ts'
import { anything, aText } from '../definitions/option-kinds.ts'
import type { OptionShape } from '../definitions/option-shape.ts'
import { MillraceError } from '../errors.ts'
import { mergeConfig } from '../producers/launch/run-config.ts'
import type { Testable } from './known-assets.ts'
import { refuseOther, refuseWrong } from './refuse-wrong.ts'
import { refuseUntestable, runChosen, runShape } from './run-assets.ts'
import type { RunAssetsOptions } from './run-assets.ts'
import { runPlan } from './run-plan.ts'
import type { TestRun } from './test-run.ts'

export interface RunJobOptions extends Omit<RunAssetsOptions, 'select'> {
  /** Where the assets are that the job chooses. */
  readonly assets?: Testable
  /** The one partition that the run is of; the same as `partitions: [key]`. */
  readonly partition?: string
}

const { select: _, ...runsOf } = runShape
const shape: OptionShape<RunJobOptions> = { ...runsOf, assets: anything('a location, or a list of assets'), partition: aText('2026-01-31') }

/**
 * Runs a job in this process, as `runGraph` and `runAssets` do, with the job's own configuration below the one that is given.
 * @throws MillraceError `TEST_OPTIONS`, `TEST_NEEDS_ASSETS` for a job that chooses assets, without them, what a launch says of partitions, and what those two throw
 */
export async function runJob(job: Job, given: RunJobOptions = {}): Promise<TestRun> {
  refuseOther('runJob()', job, 'a job, as job({ … }) answers it', 'job')
  refuseWrong('runJob()', given, shape)
  const { assets, partition, ...options } = given
  if (assets !== undefined) refuseUntestable('`assets` of runJob()', assets)
  const config = mergeConfig(job.config, options.config ?? {})
  const { name, tags, hooks, work } = job
  const of = { job: name, tags, hooks }
  const partitions = partition === undefined ? options.partitions : [partition, ...(options.partitions ?? [])]
  const asked = partitions === undefined ? {} : { partitions }
  if (work.kind === 'graph') return runPlan(work.plan, { ...options, config }, { of: { ...of, ...asked }, job })
  if (assets !== undefined) return runChosen(assets, { ...options, ...asked, config, select: work.assets }, of)
  throw new MillraceError(`The job ${name} chooses assets: say which there are.`, {
    code: 'TEST_NEEDS_ASSETS',
    hint: 'Hand it the location, or a list of assets: runJob(job, { assets: location }).',
  })
}
