import type { SeenAsset } from '../catalog/observations.ts'
import type { CheckOutcome } from '../definitions/check-outcome.ts'
import { assetOfInput } from '../definitions/function-asset.ts'
import type { FunctionAsset, PartitionsInput } from '../definitions/function-asset.ts'
import type { JsonObject } from '../definitions/json.ts'
import { MillraceError } from '../errors.ts'
import { partitionsOfRun } from '../producers/launch/resolve-partitions.ts'
import { functionTooLong } from '../workers/call-function.ts'
import { checkValue } from '../workers/check-value.ts'
import { once } from './attempt.ts'
import { configOf, resourcesOf } from './known-assets.ts'
import { graphOf, makeOne } from './make-asset.ts'
import { runOps } from './run-ops.ts'
import { newRun } from './run-state.ts'
import { observationsIn, withTestBed } from './test-bed.ts'
import type { TestOptions } from './test-bed.ts'
import type { TestLine } from './test-log.ts'

export interface CallAssetOptions extends TestOptions {
  /** Values of its inputs, by the names that its function uses; of `partitionsOf(…)` an object of values by partition. */
  readonly inputs?: Readonly<Record<string, unknown>>
  /** The partition to make, where it has partitions. */
  readonly partition?: string
}

/** What an asset's function answered. */
export interface AssetCall<Value> {
  readonly value: Value
  readonly metadata: JsonObject
  /** Results of its checks, of those that did not pass too, as long as they do not block. */
  readonly checks: readonly CheckOutcome[]
  /** What it saw of assets. */
  readonly observations: readonly SeenAsset[]
  readonly log: readonly TestLine[]
}

/**
 * Calls a function asset's function once, or runs the graph of a graph-backed one, between the same checks as on a worker. Nothing is stored.
 * @throws what its function throws; DataError `VALUE_INVALID`; CheckFailedError, whose `outcomes` are the results of its checks; MillraceError `CONFIG_INVALID`,
 *   `TEST_INPUTS`, `TEST_UNKNOWN_RESOURCE`, and of the partition what a launch says
 */
export async function callAsset<Value>(asset: FunctionAsset<Value>, options: CallAssetOptions = {}): Promise<AssetCall<Value>> {
  const config = configOf([asset], options.config)
  const { inputs = {}, partition } = options
  checkInputs(asset, inputs)
  return withTestBed(options, resourcesOf([asset]), async (bed) => {
    const [key] = (await partitionsOfRun([asset], partition === undefined ? undefined : [partition], () => Promise.resolve(bed.moment))) ?? []
    const run = newRun(bed, config)
    const input = (name: string): Promise<unknown> => Promise.resolve(inputs[name])
    if (asset.plan !== undefined) {
      await runOps(run, graphOf(asset, asset.plan, run, [], input))
      const failed = [...run.ended.values()].find(({ status }) => status === 'failed')
      if (failed !== undefined) throw failed.error
    }
    const tried = { timeoutMs: asset.timeoutMs, tooLong: () => functionTooLong(asset) }
    const observations = observationsIn(bed, [asset])
    const { value, metadata, checks } = await once(bed, tried, (stop) =>
      makeOne(run, asset, { key, from: { all: () => Promise.resolve(inputs), one: input }, attempt: 1, observations }, stop),
    )
    return { value: value as Value, metadata, checks, observations: [...bed.observed, ...observations.seen], log: bed.lines }
  })
}

function checkInputs(asset: FunctionAsset, given: Readonly<Record<string, unknown>>): void {
  const names = Object.keys(asset.inputs)
  const [missing, unknown] = [names.find((name) => !(name in given)), Object.keys(given).find((name) => !names.includes(name))]
  if (missing !== undefined || unknown !== undefined) {
    throw new MillraceError(
      `${asset.key} is called ${missing === undefined ? `with ${unknown ?? ''}, which is none of its inputs` : `without its input ${missing}`}.`,
      {
        code: 'TEST_INPUTS',
        hint: `Its inputs are: ${names.join(', ') || 'none'}.`,
      },
    )
  }
  for (const [name, input] of Object.entries(asset.inputs))
    for (const [which, value] of valuesOfInput(input, given[name])) {
      const upstream = assetOfInput(input)
      checkValue(upstream, value, `The input ${name} of ${asset.key}, the value of ${which}${upstream.key},`)
    }
}

function valuesOfInput(input: FunctionAsset | PartitionsInput, value: unknown): readonly (readonly [which: string, value: unknown])[] {
  if (input.kind === 'function') return [['', value]]
  return Object.entries(value as Readonly<Record<string, unknown>>).map(([key, one]) => [`the partition ${key} of `, one])
}
