import type { SeenAsset } from '../catalog/observations.ts'
import type { CheckOutcome } from '../definitions/check-outcome.ts'
import type { FunctionAsset } from '../definitions/function-asset.ts'
import type { JsonObject } from '../definitions/json.ts'
import type { MadeBy } from '../definitions/multi-asset.ts'
import { MillraceError } from '../errors.ts'
import { partitionsOfRun } from '../producers/launch/resolve-partitions.ts'
import { functionTooLong } from '../workers/call-function.ts'
import { once } from './attempt.ts'
import { callMultiAsset } from './call-multi-asset.ts'
import { checkInputs } from './check-inputs.ts'
import { configOf, requireFunction, resourcesOf } from './known-assets.ts'
import { graphOf, makeOne } from './make-asset.ts'
import { callShape, refuseOther, refuseWrong } from './refuse-wrong.ts'
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
 * Of one that a function makes together with others that function is called, and asked for it alone where it can be.
 * @throws what its function throws; DataError `VALUE_INVALID`; CheckFailedError, whose `outcomes` are the results of its checks; MillraceError `CONFIG_INVALID`,
 *   `TEST_INPUTS`, `TEST_NO_VALUE`, `TEST_OPTIONS`, `TEST_UNKNOWN_RESOURCE`, `TEST_VALUE_PARTITIONS`, and of the partition what a launch says
 */
export async function callAsset<Value>(asset: FunctionAsset<Value>, options: CallAssetOptions = {}): Promise<AssetCall<Value>> {
  refuseOther('callAsset()', asset, 'an asset', 'function', 'multi', 'table', 'sql', 'external')
  refuseWrong('callAsset()', options, callShape)
  requireFunction(asset)
  if (asset.madeBy !== undefined) return callTogether(asset, asset.madeBy, options)
  const config = configOf([asset], options.config)
  const { inputs = {}, partition } = options
  checkInputs(asset, inputs)
  return withTestBed(options, resourcesOf([asset]), async (bed) => {
    const [key] = (await partitionsOfRun([asset], partition === undefined ? undefined : [partition], () => Promise.resolve(bed.moment))) ?? []
    const run = newRun(bed, config)
    const input = (name: string): Promise<unknown> => Promise.resolve(inputs[name])
    if (asset.plan !== undefined) {
      await runOps(run, graphOf(asset, run, key, { plan: asset.plan, after: [], input }))
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

async function callTogether<Value>(asset: FunctionAsset<Value>, { multi, output }: MadeBy, options: CallAssetOptions): Promise<AssetCall<Value>> {
  const { values, metadata, checks, observations, log } = await callMultiAsset(multi, { ...options, ...(multi.subset ? { wanted: [output] } : {}) })
  if (!(output in values)) {
    throw new MillraceError(`${asset.key} has no value: ${multi.key} left it out.`, {
      code: 'TEST_NO_VALUE',
      hint: 'Where that is what is tested, call the function by callMultiAsset(): it answers what was left out.',
    })
  }
  return { value: values[output] as Value, metadata: metadata[output] ?? {}, checks: checks.filter((one) => one.asset === asset.key), observations, log }
}
