import type { ClaimedStep } from '../catalog/claims.ts'
import { assetOfInput } from '../definitions/function-asset.ts'
import type { FunctionAsset } from '../definitions/function-asset.ts'
import type { IoManager } from '../definitions/io-manager.ts'
import { MillraceError } from '../errors.ts'
import { checkValue } from './check-value.ts'
import type { WorkerContext } from './context.ts'
import { callUserCode } from './failure.ts'
import { valuesOf } from './op-values.ts'
import type { StepSignal } from './step-signal.ts'

/**
 * The value of an input of a graph-backed asset's graph: what the asset's own input is.
 * @throws MillraceError `VALUE_MISSING`, DataError `VALUE_INVALID`
 */
export async function graphInput(context: WorkerContext, claimed: ClaimedStep, name: string, { signal, until }: StepSignal): Promise<unknown> {
  const key = claimed.place.partOf ?? claimed.asset
  const asset = context.locations.get(claimed.location)?.location.assets.find((one) => one.key === key)
  const handed = asset?.kind === 'function' ? asset.inputs[name] : undefined
  if (handed === undefined) {
    throw new MillraceError(`The graph of ${key} has an input ${name}, which the asset does not.`, { code: 'VALUE_MISSING', hint: 'Launch a new run.' })
  }
  const input = assetOfInput(handed)
  const { started } = await callUserCode(() => context.resources.of(claimed.location, { started: input.io }))
  const value = await until(() => callUserCode(() => (started as IoManager).load({ asset: input.key, partition: undefined }, { signal })))
  checkValue(input, value, `The input ${name} of ${key}, the value of ${input.key},`)
  return value
}

/** What the graph of a graph-backed asset answered. */
export async function graphAnswer(context: WorkerContext, claimed: ClaimedStep, { key, plan }: FunctionAsset, stop: StepSignal): Promise<unknown> {
  if (plan?.answer === undefined) return undefined
  const named = plan.answer.kind === 'named'
  const bindings = plan.answer.kind === 'named' ? plan.answer.of : { value: plan.answer }
  const values = await valuesOf(context, claimed, { plan, prefix: `${key}.` }, bindings, stop, (input) => graphInput(context, claimed, input, stop))
  return named ? values : values['value']
}
