import type { ClaimedStep } from '../catalog/claims.ts'
import { holdsStep } from '../catalog/claims.ts'
import { succeedOp } from '../catalog/succeed-op.ts'
import type { OpResult } from '../catalog/succeed-op.ts'
import type { JsonObject } from '../definitions/json.ts'
import { configOfAssetStep, configOfStep } from '../definitions/ops/job-config.ts'
import { handedLeftOut, mayBeLeftOut } from '../definitions/ops/resolve.ts'
import type { Partition } from '../definitions/partitions/partition.ts'
import { FencedError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import { enqueueSteps } from '../producers/launch/enqueue-step.ts'
import { startWaiting } from '../producers/launch/start-waiting.ts'
import { callOp, opTooLong, outputTexts, storeOutputs } from './call-op.ts'
import type { WorkerContext } from './context.ts'
import { goOnAfter } from './go-on-after.ts'
import { graphInput, jobOfStep, opPartition } from './graph-inputs.ts'
import { branchesOf } from './op-branches.ts'
import { observationsOf } from './observations.ts'
import { ownOp } from './own-op.ts'
import type { OwnOp } from './own-op.ts'
import { ioOfOp, keptValues, valuesOf } from './op-values.ts'
import { withPartitionConfig } from './partition-config.ts'
import { stepFacts } from './step-facts.ts'
import type { Said } from './step-facts.ts'
import { createStepSignal } from './step-signal.ts'
import type { StepSignal } from './step-signal.ts'
import { withUserLog } from './user-log.ts'
import { giveBack } from './work.ts'

/** Runs an op, and hands on what it answers. */
export async function executeOp(context: WorkerContext, claimed: ClaimedStep, workSignal: AbortSignal): Promise<void> {
  const own = await ownOp(context, claimed)
  if (own === undefined) return giveBack(context, 'execute', claimed, 250)
  const { op } = own.step
  const stop = createStepSignal(workSignal, op.timeoutMs, () => opTooLong(claimed.asset, op.timeoutMs))
  try {
    const observations = observationsOf(context, claimed, claimed.place.partOf === undefined ? [] : [claimed.place.partOf])
    const result = await withUserLog(context, claimed, (log) => run(context, claimed, own, stop, { log, observations }))
    const end = await succeedOp(context.pool, claimed.stepId, claimed.claim, result)
    faultPoint(claimed.place.branch === undefined ? 'op.stored' : 'branch.stored')
    if (end !== undefined) {
      await enqueueSteps(context.queues, end.due)
      if (end.runEnded) await goOnAfter(context, claimed.stepId)
      if (end.makesRoom) await startWaiting(context)
    }
  } finally {
    stop.end()
  }
  return undefined
}

async function run(context: WorkerContext, claimed: ClaimedStep, own: OwnOp, stop: StepSignal, said: Said): Promise<OpResult> {
  const began = performance.now()
  const { op, inputs: bindings, name } = own.step
  const kept = keptValues(context, claimed.location)
  const partition = await opPartition(context, claimed)
  const { answers, metadata } = await callOp(claimed.asset, op, {
    given: await valuesOf(kept, claimed, own, bindings, stop, (input) => graphInput(context, claimed, input, stop)),
    partition,
    config: await configOf(context, claimed, { op, name, partition }),
    resources: () => context.resources.of(claimed.location, op.resources),
    stop,
    facts: { ...stepFacts(context, claimed, undefined, said), observe: said.observations.observe(claimed.partitions?.[0]) },
  })
  await said.observations.check()
  faultPoint(claimed.place.branch === undefined ? 'op.computed' : 'branch.computed')
  const made = Object.keys(op.outputs).filter((output) => answers[output] !== undefined)
  const leftOut = Object.keys(op.outputs).filter((output) => answers[output] === undefined && mayBeLeftOut(op.outputs, output))
  const branches = await branchesOf(own, claimed.place.partOf, answers)
  const outputs = await keep(context, claimed, own, stop, Object.fromEntries(made.map((output) => [output, answers[output]])))
  return {
    outputs,
    metadata,
    branches,
    unneeded: unneededOf(claimed, own, leftOut),
    seconds: Math.round(performance.now() - began) / 1000,
    observed: said.observations.seen,
  }
}

interface ConfiguredOp extends Pick<OwnOp['step'], 'op' | 'name'> {
  readonly partition: Partition | undefined
}

async function configOf(context: WorkerContext, claimed: ClaimedStep, { op, name, partition }: ConfiguredOp): Promise<JsonObject> {
  const { config, place } = claimed
  if (place.partOf !== undefined) return configOfAssetStep(config, `${place.partOf}.${name}`, op.config)
  const job = jobOfStep(context, claimed)
  return configOfStep(job === undefined ? config : await withPartitionConfig(job, partition, config), name)
}

/** The outputs as the catalogue keeps them; an I/O manager's are stored here. */
async function keep(
  context: WorkerContext,
  claimed: ClaimedStep,
  { step: { op } }: OwnOp,
  stop: StepSignal,
  answers: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, string | null>>> {
  const io = await ioOfOp(context, claimed.location, op)
  if (io === undefined) return outputTexts(claimed.asset, op, answers)
  // Whoever lost the step while its function ran must not store over what came after.
  if (!(await holdsStep(context.pool, claimed.stepId, claimed.claim))) throw new FencedError(`the step ${claimed.stepId}`)
  await storeOutputs(io, { runId: claimed.runId, step: claimed.asset }, answers, stop)
  return Object.fromEntries(Object.keys(answers).map((output) => [output, null]))
}

function unneededOf({ asset, place }: ClaimedStep, { plan, step, prefix }: OwnOp, leftOut: readonly string[]): OpResult['unneeded'] {
  const suffix = place.branch === undefined ? '' : asset.slice(place.branch.template.length)
  const assets: string[] = []
  const templates: string[] = []
  for (const other of handedLeftOut(plan, step.name, leftOut)) {
    if (other.map === undefined) assets.push(`${prefix}${other.name}`)
    else if (other.map === step.map) assets.push(`${prefix}${other.name}${suffix}`)
    else templates.push(`${prefix}${other.name}`)
  }
  // What a graph-backed asset would store.
  if (place.partOf !== undefined && leftOut.length > 0) {
    const { answer } = plan
    if (answer?.kind === 'output' && answer.step === step.name && leftOut.includes(answer.output)) assets.push(place.partOf)
  }
  return { assets, templates }
}
