import type { ClaimedStep } from '../catalog/claims.ts'
import { assetOfInput } from '../definitions/function-asset.ts'
import type { FunctionAsset } from '../definitions/function-asset.ts'
import { MillraceError } from '../errors.ts'
import { checkValue } from './check-value.ts'
import type { WorkerContext } from './context.ts'
import { callUserCode } from './failure.ts'
import { ioOf } from './load-inputs.ts'
import type { IoOf } from './load-inputs.ts'
import { keptValues, valuesOf } from './op-values.ts'
import type { KeptValues } from './op-values.ts'
import type { OwnOp } from './own-op.ts'
import type { StepSignal } from './step-signal.ts'

/**
 * The value of an input of a graph-backed asset's graph: what the asset's own input is.
 * @throws MillraceError `VALUE_MISSING`, DataError `VALUE_INVALID`
 */
export async function graphInput(context: WorkerContext, claimed: ClaimedStep, name: string, stop: StepSignal): Promise<unknown> {
  const key = claimed.place.partOf ?? claimed.asset
  const asset = context.locations.get(claimed.location)?.location.assets.find((one) => one.key === key)
  return loadGraphInput({ key, inputs: asset?.kind === 'function' ? asset.inputs : {} }, name, (input) => ioOf(context, claimed, input), stop)
}

/** The same, wherever values are. */
export async function loadGraphInput(
  { key, inputs }: Pick<FunctionAsset, 'key' | 'inputs'>,
  name: string,
  open: IoOf,
  { signal, until }: StepSignal,
): Promise<unknown> {
  const handed = inputs[name]
  if (handed === undefined) {
    throw new MillraceError(`The graph of ${key} has an input ${name}, which the asset does not.`, { code: 'VALUE_MISSING', hint: 'Launch a new run.' })
  }
  const input = assetOfInput(handed)
  const io = await open(input)
  const value = await until(() => callUserCode(() => io.load({ asset: input.key, partition: undefined }, { signal })))
  checkValue(input, value, `The input ${name} of ${key}, the value of ${input.key},`)
  return value
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
