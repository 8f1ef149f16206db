import { claimStep, holdsStep } from '../catalog/claims.ts'
import type { ClaimedStep } from '../catalog/claims.ts'
import { succeedStep } from '../catalog/steps.ts'
import type { FunctionAsset, Output } from '../definitions/function-asset.ts'
import type { IoManager } from '../definitions/io-manager.ts'
import type { JsonObject } from '../definitions/json.ts'
import { FencedError, MillraceError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import type { Payload } from '../queues/jobs.ts'
import { checkValue } from './check-value.ts'
import type { WorkerContext } from './context.ts'
import { callUserCode } from './failure.ts'
import { parseConfig } from './parse-config.ts'
import { followUp } from './publish.ts'
import { createStepSignal } from './step-signal.ts'
import type { StepSignal } from './step-signal.ts'
import { logUserLine } from './user-log.ts'
import { judgeVersion } from './versions.ts'
import { doWork, giveBack } from './work.ts'

/** Runs a function asset's function, and stores what it answers. */
export async function execute(context: WorkerContext, payload: Payload<'execute'>): Promise<void> {
  const claimed = await claimStep(context.pool, { ...payload, status: 'running', session: context.session.id })
  if (claimed === undefined) return
  faultPoint('execute.claimed')
  await doWork(context, 'execute', claimed, async (workSignal) => {
    const verdict = await judgeVersion(context, claimed, 'ops', 'function')
    if (verdict.kind === 'hand back') return giveBack(context, 'execute', claimed, 250)
    const { asset } = verdict.own
    const stop = createStepSignal(workSignal, asset.timeoutMs, () => tooLong(asset))
    try {
      const metadata = await runAndStore(context, claimed, asset, stop)
      faultPoint('execute.stored')
      await followUp(context, claimed.stepId, await succeedStep(context.pool, claimed.stepId, { metadata }, 'succeeded', claimed.claim))
    } finally {
      stop.end()
    }
    return undefined
  })
}

async function runAndStore(context: WorkerContext, claimed: ClaimedStep, asset: FunctionAsset, { signal, until }: StepSignal): Promise<JsonObject> {
  const began = performance.now()
  const inputs = await loadInputs(context, claimed, asset, signal, until)
  const resources = await until(() => callUserCode(() => context.resources.of(claimed.location, asset.resources)))
  const answer: Output<unknown> = await until(() =>
    callUserCode(() =>
      asset.run({
        inputs,
        config: parseConfig(asset, claimed.config),
        resources,
        signal,
        runId: claimed.runId,
        runStartedAt: claimed.runStartedAt,
        idempotencyKey: claimed.stepId,
        attempt: claimed.attempt,
        throttle: context.throttles.of(claimed.location),
        log: (message: string, fields: JsonObject = {}) => logUserLine(context, claimed, message, fields),
      } as Parameters<typeof asset.run>[0]),
    ),
  )
  checkValue(asset, answer.value, `What ${asset.key} answered`)
  faultPoint('execute.computed')
  const io = await ioOf(context, claimed, asset)
  // Whoever lost the step while its function ran must not store over what came after.
  if (!(await holdsStep(context.pool, claimed.stepId, claimed.claim))) throw new FencedError(`the step ${claimed.stepId}`)
  const stored = await until(() => callUserCode(() => io.store({ asset: asset.key, partition: undefined }, answer.value, { signal })))
  return { ...stored, ...answer.metadata, seconds: Math.round(performance.now() - began) / 1000 }
}

async function loadInputs(
  context: WorkerContext,
  claimed: ClaimedStep,
  asset: FunctionAsset,
  signal: AbortSignal,
  until: StepSignal['until'],
): Promise<Readonly<Record<string, unknown>>> {
  const values: Record<string, unknown> = {}
  for (const [name, input] of Object.entries(asset.inputs)) {
    const io = await ioOf(context, claimed, input)
    const value = await until(() => callUserCode(() => io.load({ asset: input.key, partition: undefined }, { signal })))
    checkValue(input, value, `The input ${name} of ${asset.key}, the value of ${input.key},`)
    values[name] = value
  }
  return values
}

async function ioOf(context: WorkerContext, claimed: ClaimedStep, { io }: FunctionAsset): Promise<IoManager> {
  const { started } = await callUserCode(() => context.resources.of(claimed.location, { started: io }))
  return started as IoManager
}

function tooLong({ key, timeoutMs }: FunctionAsset): MillraceError {
  return new MillraceError(`The function of ${key} took longer than ${String(timeoutMs / 1000)} s.`, {
    code: 'STEP_TIMEOUT',
    retryable: true,
    hint: 'Raise the asset’s `timeoutMs`, or look what it waits for: hand `signal` to every request it makes.',
  })
}
