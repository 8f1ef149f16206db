import { job as declareJob } from '../definitions/ops/job.ts'
import type { Job } from '../definitions/ops/job.ts'
import { configOfStep } from '../definitions/ops/job-config.ts'
import { jobSpecOf, partitionsOfJob } from '../definitions/ops/job-spec.ts'
import type { OpStepSpec } from '../definitions/ops/job-spec.ts'
import { answersOf, leavesOf } from '../definitions/ops/plan.ts'
import type { GraphPlan } from '../definitions/ops/plan.ts'
import type { Schemas } from '../definitions/ops/op-definition.ts'
import { partitionOf } from '../definitions/partitions/partition.ts'
import { partitionSet } from '../definitions/partitions/partition-set.ts'
import { requirePartition } from '../definitions/partitions/choose-partitions.ts'
import type { Partition } from '../definitions/partitions/partition.ts'
import type { PartitionMoment } from '../definitions/partitions/partition-set.ts'
import type { PartitionsSpec } from '../definitions/partitions/partitions-spec.ts'
import type { Resources } from '../definitions/resource.ts'
import { partitionedJob, partitionsOfRun } from '../producers/launch/resolve-partitions.ts'
import { checkJobConfig } from '../producers/launch/run-config.ts'
import { answerOfGraph } from '../workers/graph-inputs.ts'
import { withPartitionConfig } from '../workers/partition-config.ts'
import { once } from './attempt.ts'
import { resourcesOfHooks, runHooks } from './run-hooks.ts'
import type { HookedRun } from './run-hooks.ts'
import { runOps } from './run-ops.ts'
import { keptIn, newRun } from './run-state.ts'
import type { RunState } from './run-state.ts'
import { withTestBed } from './test-bed.ts'
import type { TestOptions } from './test-bed.ts'
import { noValue, testRunOf } from './test-run.ts'
import type { TestRun } from './test-run.ts'

/** Values for inputs. Their types are asked when they are handed in, so that a test may try wrong ones. */
export type GivenInputs<I extends Schemas> = { readonly [Name in keyof I]?: unknown }

export interface GraphRun<Value> extends TestRun {
  /** What the graph answers. @throws MillraceError `TEST_NO_VALUE` where it has no answer, with what failed as its cause */
  readonly answer: () => Value
}

export interface OpPartitionOptions {
  /** The partition that ops are handed, as where they make one of a graph-backed asset. With `of` it has its window and its dimensions; a mere key has neither. */
  readonly partition?: string | { readonly key: string; readonly of: PartitionsSpec }
}

/** @throws MillraceError `UNKNOWN_PARTITION` */
function partitionFor({ partition }: OpPartitionOptions, moment: PartitionMoment, name: string): Partition | undefined {
  if (typeof partition === 'string') return { key: partition, window: undefined, dimensions: {} }
  if (partition === undefined) return undefined
  const set = partitionSet(partition.of, moment)
  requirePartition(set, partition.key, name)
  return partitionOf(set, partition.key)
}

function partitionOfJob(job: Job | undefined, [key]: readonly string[], moment: PartitionMoment): Partition | undefined {
  const spec = partitionsOfJob(job)
  return spec === undefined || key === undefined ? undefined : partitionOf(partitionSet(spec, moment), key)
}

/** The steps of a job as a manifest has them. */
export function stepSpecsOf(job: Job): readonly OpStepSpec[] {
  const { work } = jobSpecOf(job)
  return work.kind === 'graph' ? work.steps : []
}

interface PlanRun {
  /** For what the graph answers as it was handed it. */
  readonly inputs?: Readonly<Record<string, unknown>>
  /** Whose run it is, where it is a job's; with the partitions that are asked for. */
  readonly of?: HookedRun
  /** That job. */
  readonly job?: Job
}

/**
 * Runs a plan whose inputs are bound.
 * @throws MillraceError `CONFIG_INVALID`, `TEST_UNKNOWN_RESOURCE`, `UNKNOWN_PARTITION`, and of a job's partitions what a launch says
 */
export async function runPlan<Value>(
  plan: GraphPlan,
  options: TestOptions & OpPartitionOptions,
  { inputs = {}, of = {}, job }: PlanRun = {},
): Promise<GraphRun<Value>> {
  const { name } = plan
  const makesConfig = job?.work.kind === 'graph' && job.work.configOf !== undefined
  const given = checkJobConfig(name, stepSpecsOf({ ...declareJob({ name, assets: '*' }), work: { kind: 'graph', plan } }), options.config ?? {}, makesConfig)
  const ofOps = Object.assign({}, ...plan.steps.map(({ op }) => op.resources)) as Resources
  const resources = { ...ofOps, ...resourcesOfHooks([...plan.steps.map(({ op }) => op.hooks), of.hooks]) }
  return withTestBed(options, resources, async (bed) => {
    const input = (one: string): Promise<unknown> => Promise.resolve(inputs[one])
    const ofJob = job === undefined ? undefined : await partitionsOfRun([partitionedJob(job)], of.partitions, () => Promise.resolve(bed.moment))
    const partition = ofJob === undefined ? partitionFor(options, bed.moment, name) : partitionOfJob(job, ofJob, bed.moment)
    const config = job === undefined ? given : await withPartitionConfig(job, partition, given)
    const run = newRun(bed, config)
    await runOps(run, { plan, prefix: '', partOf: undefined, partition, after: [], input, configOf: (step) => configOfStep(config, step) })
    const answered = hasAnswer(run, plan) ? { value: await readAnswer(run, plan, input) } : undefined
    await runHooks(run, { ...of, partitions: ofJob })
    const made = testRunOf(run)
    const answer = (): Value => {
      if (answered !== undefined) return answered.value as Value
      throw noValue({ name: `The graph ${name}`, status: made.status }, undefined, made.failed)
    }
    return { ...made, answer }
  })
}

/** Whether each step that the answer hangs on answered. */
function hasAnswer({ ended, outputs }: RunState, plan: GraphPlan): boolean {
  if ([...ended.values()].some(({ status }) => status === 'failed')) return false
  return answersOf(plan)
    .flatMap(leavesOf)
    .every((leaf) => leaf.kind !== 'output' || outputs.some(({ step, output }) => step === leaf.step && output === leaf.output))
}

const minute = 60_000

const readAnswer = (run: RunState, plan: GraphPlan, input: (name: string) => Promise<unknown>): Promise<unknown> => {
  const tooLong = (): Error => new Error(`What the graph ${plan.name} answers was not read within a minute.`)
  const step = { runId: run.bed.runId, asset: plan.name, place: { job: undefined, partOf: undefined, branch: undefined } }
  return once(run.bed, { timeoutMs: minute, tooLong }, (stop) => answerOfGraph(keptIn(run), step, { plan, prefix: '' }, stop, input))
}
