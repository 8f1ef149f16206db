import { holdsStep } from '../catalog/claims.ts'
import type { ClaimedStep } from '../catalog/claims.ts'
import { hasLiveWorker } from '../catalog/processes.ts'
import { succeedOutputs } from '../catalog/succeed-outputs.ts'
import type { OutputResult, OutputsResult } from '../catalog/succeed-outputs.ts'
import { worstOfEach } from '../definitions/check-outcome.ts'
import type { CheckOutcome } from '../definitions/check-outcome.ts'
import type { Output } from '../definitions/function-asset.ts'
import type { JsonObject } from '../definitions/json.ts'
import { storedMetadata } from '../definitions/metadata/fields.ts'
import type { MultiAsset } from '../definitions/multi-asset.ts'
import { partitionOf } from '../definitions/partitions/partition.ts'
import { FencedError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import { callMulti, judgeAnswers, multiTooLong, neededInputs, withoutOthers } from './call-multi.ts'
import type { WorkerContext } from './context.ts'
import { callUserCode } from './failure.ts'
import { ioOf, loadInputs, readStepPartitions } from './load-inputs.ts'
import type { InputRequest } from './load-inputs.ts'
import { observationsOf } from './observations.ts'
import { followUp } from './publish.ts'
import { stepFacts } from './step-facts.ts'
import type { Said } from './step-facts.ts'
import { createStepSignal } from './step-signal.ts'
import type { StepSignal } from './step-signal.ts'
import { withUserLog } from './user-log.ts'
import { gone, tellVersion } from './versions.ts'
import { giveBack } from './work.ts'

/** Runs a function of several assets, and stores what it answers of those that its step is asked for. */
export async function executeMulti(context: WorkerContext, claimed: ClaimedStep, workSignal: AbortSignal): Promise<void> {
  const multi = await ownMulti(context, claimed)
  if (multi === undefined) return giveBack(context, 'execute', claimed, 250)
  const stop = createStepSignal(workSignal, multi.timeoutMs, () => multiTooLong(multi))
  try {
    const observations = observationsOf(context, claimed, claimed.makes)
    const result = await withUserLog(context, claimed, (log) => makeAll(context, claimed, multi, stop, { log, observations }))
    faultPoint('execute.stored')
    const end = await succeedOutputs(context.pool, claimed.stepId, claimed.claim, { ...result, observed: observations.seen })
    faultPoint('execute.committed')
    await followUp(context, claimed.stepId, end)
  } finally {
    stop.end()
  }
  return undefined
}

/**
 * The function of a claimed step, or nothing where a worker of the step's own version is to run it.
 * @throws MillraceError `ASSET_GONE` when this worker's definitions no longer have it, or all of what it is asked for
 */
async function ownMulti(context: WorkerContext, claimed: ClaimedStep): Promise<MultiAsset | undefined> {
  const loaded = context.locations.get(claimed.location)
  const multi = loaded?.location.assets
    .flatMap((one) => (one.kind === 'function' && one.madeBy !== undefined ? [one.madeBy.multi] : []))
    .find(({ key, assets }) => key === claimed.asset && claimed.makes.every((made) => Object.values(assets).some((one) => one.key === made)))
  const isOurs = loaded?.version === claimed.version
  if (multi !== undefined && isOurs) return multi
  if (!isOurs && (await hasLiveWorker(context.pool, claimed.location, claimed.version, 'ops'))) return undefined
  if (multi === undefined || loaded === undefined) throw gone(claimed, 'the function of several assets')
  await tellVersion(context, claimed, 'ops', loaded.version)
  return multi
}

interface Made {
  readonly partition: string | undefined
  readonly metadata: JsonObject
  readonly checks: readonly CheckOutcome[]
}

/** Makes what the step is to make: each partition by itself, one after the other. */
async function makeAll(
  context: WorkerContext,
  claimed: ClaimedStep,
  multi: MultiAsset,
  stop: StepSignal,
  said: Said,
): Promise<Omit<OutputsResult, 'observed'>> {
  const partitions = await readStepPartitions(context, claimed, multi)
  const keys = claimed.partitions ?? [undefined]
  const made = new Map<string, Made[]>()
  const began = performance.now()
  for (const key of keys) {
    for (const [asset, one] of await make(context, { claimed, asset: multi, partitions, key, stop }, said)) made.set(asset, [...(made.get(asset) ?? []), one])
  }
  const seconds = secondsSince(began)
  return {
    seconds,
    outputs: [...made].map(([asset, all]) => outputOf(asset, all, keys.length, seconds)),
    leftOut: claimed.makes.filter((asset) => !made.has(asset)),
  }
}

function outputOf(asset: string, all: readonly Made[], asked: number, seconds: number): OutputResult {
  const keys = all.flatMap(({ partition }) => partition ?? [])
  const [one] = all
  return {
    asset,
    made: keys.length === 0 ? null : keys,
    metadata: asked === 1 && one !== undefined ? { ...one.metadata, seconds } : { partitions: keys.length, seconds },
    partitions: Object.fromEntries(all.map(({ partition, metadata }) => [partition ?? '', metadata])),
    checks: worstOfEach(all.flatMap(({ checks }) => checks)),
  }
}

const secondsSince = (began: number): number => Math.round(performance.now() - began) / 1000

/** Makes the assets once. All values are asked about before any is stored. By the keys of the assets; of what was left out there is nothing. */
async function make(context: WorkerContext, request: InputRequest<MultiAsset>, said: Said): Promise<ReadonlyMap<string, Made>> {
  const { claimed, asset: multi, key, stop } = request
  const answers = await runFunction(context, request, said)
  await said.observations.check()
  const judged = await judgeAnswers(multi, answers, { partition: key, runId: claimed.runId, log: said.log }, stop)
  const ready = await Promise.all(judged.map(async (one) => ({ ...one, io: await ioOf(context, claimed, one.asset) })))
  faultPoint('execute.computed')
  const made = new Map<string, Made>()
  for (const [at, { asset, value, metadata, checks, io }] of ready.entries()) {
    if (at > 0) faultPoint('execute.halfway')
    // Whoever lost the step while its function ran must not store over what came after.
    if (!(await holdsStep(context.pool, claimed.stepId, claimed.claim))) throw new FencedError(`the step ${claimed.stepId}`)
    const stored = await stop.until(() => callUserCode(() => io.store({ asset: asset.key, partition: key }, value, { signal: stop.signal })))
    made.set(asset.key, { partition: key, metadata: { ...storedMetadata(asset.key, stored), ...metadata }, checks })
  }
  return made
}

async function runFunction(context: WorkerContext, request: InputRequest<MultiAsset>, said: Said): Promise<ReadonlyMap<string, Output<unknown>>> {
  const { claimed, asset: multi, partitions, key, stop } = request
  const inputs = await loadNeeded(context, request)
  const resources = await stop.until(() => callUserCode(() => context.resources.of(claimed.location, multi.resources)))
  const wanted = Object.entries(multi.assets).flatMap(([name, one]) => (claimed.makes.includes(one.key) ? [name] : []))
  return callMulti(multi, {
    inputs,
    wanted: new Set(wanted),
    partition: key === undefined || partitions?.own === undefined ? undefined : partitionOf(partitions.own, key),
    config: claimed.config,
    resources,
    stop,
    facts: stepFacts(context, claimed, key, said),
  })
}

/** The values of the inputs that the assets asked for are made from; of another one that is read says that it is not there. */
async function loadNeeded(context: WorkerContext, request: InputRequest<MultiAsset>): Promise<Readonly<Record<string, unknown>>> {
  const { claimed, asset: multi } = request
  return withoutOthers(multi, claimed.makes, await loadInputs(context, { ...request, asset: { ...multi, inputs: neededInputs(multi, claimed.makes) } }))
}
