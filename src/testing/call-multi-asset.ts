import type { SeenAsset } from '../catalog/observations.ts'
import type { CheckOutcome } from '../definitions/check-outcome.ts'
import type { JsonObject } from '../definitions/json.ts'
import type { MultiAsset } from '../definitions/multi-asset.ts'
import { texts } from '../definitions/option-kinds.ts'
import type { OptionShape } from '../definitions/option-shape.ts'
import { MillraceError } from '../errors.ts'
import { partitionsOfRun } from '../producers/launch/resolve-partitions.ts'
import { multiTooLong, neededInputs, withoutOthers } from '../workers/call-multi.ts'
import { once } from './attempt.ts'
import type { CallAssetOptions } from './call-asset.ts'
import { checkInputs } from './check-inputs.ts'
import { configOf } from './known-assets.ts'
import { makeOnce } from './make-multi.ts'
import { callShape, refuseOther, refuseWrong } from './refuse-wrong.ts'
import { newRun } from './run-state.ts'
import { observationsIn, withTestBed } from './test-bed.ts'
import type { TestLine } from './test-log.ts'

export interface CallMultiAssetOptions<Name extends string> extends CallAssetOptions {
  /** The outputs that it is asked for, of a function with `subset`. Default: all. */
  readonly wanted?: readonly Name[]
}

const shape: OptionShape<CallMultiAssetOptions<string>> = { ...callShape, wanted: texts('orders') }

/** What a function of several assets answered, by the names of its outputs. */
export interface MultiAssetCall<Values> {
  /** Of what was left out there is nothing. */
  readonly values: Partial<Values>
  /** What it was asked for and left out. */
  readonly leftOut: readonly string[]
  readonly metadata: Readonly<Record<string, JsonObject>>
  /** Results of the assets' checks, each with its asset, of those that did not pass too, as long as they do not block. */
  readonly checks: readonly CheckOutcome[]
  /** What it saw of assets. */
  readonly observations: readonly SeenAsset[]
  readonly log: readonly TestLine[]
}

/**
 * Calls a function of several assets once, between the same checks as on a worker. Nothing is stored.
 * @throws what the function throws; DataError `VALUE_INVALID`; CheckFailedError, whose `outcomes` are the results of the checks; MillraceError `CONFIG_INVALID`,
 *   `TEST_INPUTS`, `TEST_OPTIONS`, `TEST_WANTED`, `TEST_UNKNOWN_RESOURCE`, `TEST_VALUE_PARTITIONS`, and of the partition what a launch says
 */
export async function callMultiAsset<Values>(
  multi: MultiAsset<Values>,
  options: CallMultiAssetOptions<Extract<keyof Values, string>> = {},
): Promise<MultiAssetCall<Values>> {
  refuseOther('callMultiAsset()', multi, 'a function of several assets, as multiAsset({ … }) answers it', 'multi')
  refuseWrong('callMultiAsset()', options, shape)
  const own: MultiAsset = multi
  const all = Object.keys(own.assets)
  const wanted = new Set<string>(options.wanted ?? all)
  checkWanted(own, [...wanted], all)
  const assets = Object.values(own.assets)
  const config = configOf(assets, options.config)
  const { inputs = {}, partition } = options
  const asked = [...wanted].flatMap((name) => own.assets[name]?.key ?? [])
  checkInputs({ key: own.key, inputs: neededInputs(own, asked) }, inputs)
  return withTestBed(options, own.resources, async (bed) => {
    const [key] = (await partitionsOfRun(assets, partition === undefined ? undefined : [partition], () => Promise.resolve(bed.moment))) ?? []
    const tried = { timeoutMs: own.timeoutMs, tooLong: () => multiTooLong(own) }
    const observations = observationsIn(bed, assets)
    const made = await once(bed, tried, (stop) =>
      makeOnce(newRun(bed, config), own, { key, wanted, inputs: () => Promise.resolve(withoutOthers(own, asked, inputs)), attempt: 1, observations }, stop),
    )
    return {
      values: Object.fromEntries(made.map(({ output, value }) => [output, value])) as Partial<Values>,
      leftOut: [...wanted].filter((name) => !made.some(({ output }) => output === name)),
      metadata: Object.fromEntries(made.map(({ output, metadata }) => [output, metadata])),
      checks: made.flatMap(({ checks }) => checks),
      observations: observations.seen,
      log: bed.lines,
    }
  })
}

function checkWanted({ key, subset }: MultiAsset, wanted: readonly string[], all: readonly string[]): void {
  const code = 'TEST_WANTED'
  const unknown = wanted.find((name) => !all.includes(name))
  if (unknown !== undefined)
    throw new MillraceError(`${key} is asked for ${unknown}, which is none of its outputs.`, { code, hint: `They are: ${all.join(', ')}.` })
  if (subset || wanted.length === all.length) return
  throw new MillraceError(`${key} makes its assets together, and is asked for ${wanted.join(', ') || 'none'} alone.`, {
    code,
    hint: 'Leave `wanted` out, or declare the function with `subset: true`.',
  })
}
