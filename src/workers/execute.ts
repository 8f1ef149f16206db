import { claimStep, holdsStep } from '../catalog/claims.ts'
import type { ClaimedStep } from '../catalog/claims.ts'
import { succeedStep } from '../catalog/steps.ts'
import type { StepResult } from '../catalog/steps.ts'
import { worstOfEach } from '../definitions/check-outcome.ts'
import type { CheckOutcome } from '../definitions/check-outcome.ts'
import { output } from '../definitions/function-asset.ts'
import type { FunctionAsset, Output } from '../definitions/function-asset.ts'
import type { JsonObject } from '../definitions/json.ts'
import { partitionOf } from '../definitions/partitions/partition.ts'
import { storedMetadata } from '../definitions/metadata/fields.ts'
import { FencedError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import type { Payload } from '../queues/jobs.ts'
import { callFunction, functionTooLong, judgeAnswer } from './call-function.ts'
import type { WorkerContext } from './context.ts'
import { executeMulti } from './execute-multi.ts'
import { executeOp } from './execute-op.ts'
import { callUserCode } from './failure.ts'
import { ioOf, loadInputs, readStepPartitions } from './load-inputs.ts'
import type { InputRequest } from './load-inputs.ts'
import { graphAnswer } from './graph-inputs.ts'
import { observationsOf } from './observations.ts'
import { followUp } from './publish.ts'
import { stepFacts } from './step-facts.ts'
import type { Said } from './step-facts.ts'
import { createStepSignal } from './step-signal.ts'
import type { StepSignal } from './step-signal.ts'
import { withUserLog } from './user-log.ts'
import { judgeVersion } from './versions.ts'
import { doWork, giveBack } from './work.ts'

/** Runs a function asset's function, and stores what it answers; or runs an op, or a function of several assets. */
export async function execute(context: WorkerContext, payload: Payload<'execute'>): Promise<void> {
  const claimed = await claimStep(context.pool, { ...payload, status: 'running', session: context.session.id })
  if (claimed === undefined) return
  faultPoint('execute.claimed')
  await doWork(context, 'execute', claimed, async (workSignal) => {
    if (claimed.kind === 'op') return executeOp(context, claimed, workSignal)
    if (claimed.kind === 'multi') return executeMulti(context, claimed, workSignal)
    const verdict = await judgeVersion(context, claimed, 'ops', 'function')
    if (verdict.kind === 'hand back') return giveBack(context, 'execute', claimed, 250)
    const { asset } = verdict.own
    const stop = createStepSignal(workSignal, asset.timeoutMs, () => functionTooLong(asset))
    try {
      const observations = observationsOf(context, claimed, [asset.key])
      const result = await withUserLog(context, claimed, (log) => runAndStore(context, claimed, asset, stop, { log, observations }))
      faultPoint('execute.stored')
      const end = await succeedStep(context.pool, claimed.stepId, { ...result, observed: observations.seen }, 'succeeded', claimed.claim)
      faultPoint('execute.committed')
      await followUp(context, claimed.stepId, end)
    } finally {
      stop.end()
    }
    return undefined
  })
}

/** Makes what the step is to make: each partition by itself, one after the other. */
async function runAndStore(context: WorkerContext, claimed: ClaimedStep, asset: FunctionAsset, stop: StepSignal, said: Said): Promise<StepResult> {
  const partitions = await readStepPartitions(context, claimed, asset)
  const keys = claimed.partitions ?? [undefined]
  const made: Record<string, JsonObject> = {}
  const checks: CheckOutcome[] = []
  const began = performance.now()
  for (const key of keys) {
    const one = await make(context, { claimed, asset, partitions, key, stop }, said)
    if (keys.length === 1) return one
    made[key ?? ''] = one.metadata
    checks.push(...one.checks)
  }
  return { metadata: { partitions: keys.length, seconds: secondsSince(began) }, partitions: made, checks: worstOfEach(checks) }
}

const secondsSince = (began: number): number => Math.round(performance.now() - began) / 1000

async function make(
  context: WorkerContext,
  request: InputRequest<FunctionAsset>,
  said: Said,
): Promise<{ readonly metadata: JsonObject; readonly checks: readonly CheckOutcome[] }> {
  const { claimed, asset, key, stop } = request
  const { signal, until } = stop
  const began = performance.now()
  const answer = asset.plan === undefined ? await runFunction(context, request, said) : output(await graphAnswer(context, claimed, asset, stop))
  await said.observations.check()
  const { checks, metadata } = await judgeAnswer({ asset, partition: key, answer, runId: claimed.runId, log: said.log, signal }, stop)
  faultPoint('execute.computed')
  const io = await ioOf(context, claimed, asset)
  // Whoever lost the step while its function ran must not store over what came after.
  if (!(await holdsStep(context.pool, claimed.stepId, claimed.claim))) throw new FencedError(`the step ${claimed.stepId}`)
  const stored = await until(() => callUserCode(() => io.store({ asset: asset.key, partition: key }, answer.value, { signal })))
  return { metadata: { ...storedMetadata(asset.key, stored), ...metadata, seconds: secondsSince(began) }, checks }
}

async function runFunction(context: WorkerContext, request: InputRequest<FunctionAsset>, said: Said): Promise<Output<unknown>> {
  const { claimed, asset, partitions, key, stop } = request
  const inputs = await loadInputs(context, request)
  const resources = await stop.until(() => callUserCode(() => context.resources.of(claimed.location, asset.resources)))
  return callFunction(asset, {
    inputs,
    partition: key === undefined || partitions?.own === undefined ? undefined : partitionOf(partitions.own, key),
    config: claimed.config,
    resources,
    stop,
    facts: stepFacts(context, claimed, key, said),
  })
}
