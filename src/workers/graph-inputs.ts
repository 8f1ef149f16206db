import type { ClaimedStep } from '../catalog/claims.ts'
import { readMoment } from '../catalog/partition-moment.ts'
import type { FunctionAsset } from '../definitions/function-asset.ts'
import type { Job } from '../definitions/ops/job.ts'
import { partitionsOfJob } from '../definitions/ops/job-spec.ts'
import { partitionOf } from '../definitions/partitions/partition.ts'
import type { Partition } from '../definitions/partitions/partition.ts'
import { partitionSet } from '../definitions/partitions/partition-set.ts'
import { MillraceError } from '../errors.ts'
import type { WorkerContext } from './context.ts'
import { ioOf, loadInput, readStepPartitions } from './load-inputs.ts'
import type { InputsWanted, IoOf } from './load-inputs.ts'
import { keptValues, valuesOf } from './op-values.ts'
import type { KeptValues } from './op-values.ts'
import type { OwnOp } from './own-op.ts'
import type { StepSignal } from './step-signal.ts'

/**
 * The value of an input of a graph-backed asset's graph: what the asset's own input is, for the partition that the step is of.
 * @throws MillraceError `VALUE_MISSING`, DataError `VALUE_INVALID`, `INPUT_PARTITION`
 */
export async function graphInput(context: WorkerContext, claimed: ClaimedStep, name: string, stop: StepSignal): Promise<unknown> {
  const asset = assetOfStep(context, claimed) ?? { key: claimed.place.partOf ?? claimed.asset, inputs: {}, mappings: {}, partitions: undefined }
  const partitions = await readStepPartitions(context, claimed, asset)
  return loadGraphInput({ asset, partitions, key: claimed.partitions?.[0], stop }, name, (input) => ioOf(context, claimed, input))
}

/** The same, wherever values are. */
export async function loadGraphInput(request: InputsWanted, name: string, open: IoOf): Promise<unknown> {
  const handed = request.asset.inputs[name]
  if (handed !== undefined) return loadInput(open, request, name, handed)
  throw new MillraceError(`The graph of ${request.asset.key} has an input ${name}, which the asset does not.`, {
    code: 'VALUE_MISSING',
    hint: 'Launch a new run.',
  })
}

/** The partition that an op is of: the one that its graph-backed asset is to make, or its job's run is of. Undefined where that has none. */
export async function opPartition(context: WorkerContext, claimed: ClaimedStep): Promise<Partition | undefined> {
  const { location } = claimed
  const [key] = claimed.partitions ?? []
  if (key === undefined) return undefined
  const spec = claimed.place.partOf === undefined ? partitionsOfJob(jobOfStep(context, claimed)) : assetOfStep(context, claimed)?.partitions
  // What one of them is like hangs on the time alone: of dynamic ones there may be 100,000 keys, and each op would read them all.
  return spec === undefined ? undefined : partitionOf(partitionSet(spec, await readMoment(context.pool, location, [])), key)
}

/** The job whose step an op is; undefined of one of a graph-backed asset. */
export function jobOfStep({ locations }: WorkerContext, { location, place }: ClaimedStep): Job | undefined {
  return place.partOf === undefined ? locations.get(location)?.location.jobs.find(({ name }) => name === place.job) : undefined
}

/** The graph-backed asset that a step is of, or is. */
function assetOfStep(context: WorkerContext, { location, asset, place }: ClaimedStep): FunctionAsset | undefined {
  const key = place.partOf ?? asset
  const found = context.locations.get(location)?.location.assets.find((one) => one.key === key)
  return found?.kind === 'function' ? found : undefined
}

/** What the graph of a graph-backed asset answered. */
export async function graphAnswer(context: WorkerContext, claimed: ClaimedStep, { key, plan }: FunctionAsset, stop: StepSignal): Promise<unknown> {
  if (plan === undefined) return undefined
  return answerOfGraph(keptValues(context, claimed.location), claimed, { plan, prefix: `${key}.` }, stop, (input) => graphInput(context, claimed, input, stop))
}

/** What a graph answered whose steps have succeeded: a value, several by name, or nothing. */
export async function answerOfGraph(
  kept: KeptValues,
  step: Parameters<typeof valuesOf>[1],
  { plan, prefix }: Pick<OwnOp, 'plan' | 'prefix'>,
  stop: StepSignal,
  input: (name: string) => Promise<unknown>,
): Promise<unknown> {
  if (plan.answer === undefined) return undefined
  const named = plan.answer.kind === 'named'
  const bindings = plan.answer.kind === 'named' ? plan.answer.of : { value: plan.answer }
  const values = await valuesOf(kept, step, { plan, prefix }, bindings, stop, input)
  return named ? values : values['value']
}
