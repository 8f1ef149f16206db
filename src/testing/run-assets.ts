import type { FunctionAsset } from '../definitions/function-asset.ts'
import type { Asset } from '../definitions/location.ts'
import type { MultiAsset } from '../definitions/multi-asset.ts'
import { anObject, texts, textOrTexts } from '../definitions/option-kinds.ts'
import type { OptionShape } from '../definitions/option-shape.ts'
import { MillraceError } from '../errors.ts'
import { partitionsOfRun } from '../producers/launch/resolve-partitions.ts'
import { byPartition } from './by-partition.ts'
import { configOf, hooksOfAssets, resourcesOf, testedAssets, withInputs } from './known-assets.ts'
import type { Testable, TestedAssets } from './known-assets.ts'
import { makeAsset } from './make-asset.ts'
import { makeMulti } from './make-multi.ts'
import { refuseOther, refuseWrong, testShape } from './refuse-wrong.ts'
import { resourcesOfHooks, runHooks } from './run-hooks.ts'
import type { HookedRun } from './run-hooks.ts'
import { newRun } from './run-state.ts'
import { withTestBed } from './test-bed.ts'
import type { TestBed, TestOptions } from './test-bed.ts'
import { testRunOf } from './test-run.ts'
import type { TestRun } from './test-run.ts'

export interface RunAssetsOptions extends TestOptions {
  /** Selections of what is made. Default: all. */
  readonly select?: string | readonly string[]
  /** Keys, and ranges as `2026-01-01..2026-01-31`, of the assets that have partitions. */
  readonly partitions?: readonly string[]
  /** Values that are stored before the run, by the keys of assets; of one with partitions, an object of values by partition. */
  readonly values?: Readonly<Record<string, unknown>>
}

export const runShape: OptionShape<RunAssetsOptions> = {
  ...testShape,
  select: textOrTexts('group:sales'),
  partitions: texts('2026-01-01'),
  values: anObject("{ 'shop/orders': [{ id: 1 }] }"),
}

const someAssets = 'a location, or a list of assets'
const anyAsset = ['function', 'multi', 'table', 'sql', 'external']

/** @throws MillraceError `TEST_OPTIONS` for what is neither a location nor a list of assets */
export function refuseUntestable(what: string, of: unknown): void {
  if (!Array.isArray(of)) return refuseOther(what, of, someAssets, 'location')
  for (const one of of) refuseOther(what, one, someAssets, ...anyAsset)
}

/**
 * Makes function assets of a location, or of a list, in this process, with no queue and no database: each after those that it hangs on, with the checks,
 * the retries and the errors of a worker, but without waiting. A step that fails does not reject: the answer tells. External assets are taken as given.
 * @throws MillraceError `CONFIG_INVALID`, `ASSET_EXTERNAL`, `TEST_NEEDS_POSTGRES`, `TEST_OPTIONS`, `TEST_UNKNOWN_ASSET`, `TEST_UNKNOWN_RESOURCE`, `TEST_VALUE_PARTITIONS`, and of
 *   partitions what a launch says; SelectionError
 */
export async function runAssets(of: Testable, options: RunAssetsOptions = {}): Promise<TestRun> {
  refuseUntestable('runAssets()', of)
  refuseWrong('runAssets()', options, runShape)
  return runChosen(of, options, {})
}

/** The same, as a run of a job where it is one's. */
export async function runChosen(of: Testable, options: RunAssetsOptions, job: Pick<HookedRun, 'job' | 'tags' | 'hooks'>): Promise<TestRun> {
  const { known, chosen } = testedAssets(of, options.select)
  const config = configOf(chosen, options.config)
  const resources = { ...resourcesOf(chosen), ...resourcesOfHooks([...hooksOfAssets(chosen), job.hooks]) }
  return withTestBed(options, resources, async (bed) => {
    const partitions = await partitionsOfRun(chosen, options.partitions, () => Promise.resolve(bed.moment))
    await storeGiven(bed, { known, chosen }, options.values ?? {})
    const run = newRun(bed, config)
    const keys = chosen.map(({ key }) => key)
    const done = new Set<MultiAsset>()
    for (const asset of chosen) {
      const multi = asset.madeBy?.multi
      const makes = multi === undefined ? [asset] : chosen.filter(({ madeBy }) => madeBy?.multi === multi)
      const deps = makes.flatMap((one) => one.deps).filter((dep) => keys.includes(dep) && !makes.some(({ key }) => key === dep))
      if (multi === undefined) await makeAsset(run, asset, partitions, deps)
      else if (!done.has(multi)) await makeMulti(run, multi, makes, { partitions, deps })
      if (multi !== undefined) done.add(multi)
    }
    await runHooks(run, { ...job, assets: keys, partitions })
    return testRunOf(run)
  })
}

async function storeGiven(bed: TestBed, { known, chosen }: TestedAssets, values: Readonly<Record<string, unknown>>): Promise<void> {
  const functions = withInputs([...chosen, ...known.filter((one) => one.kind === 'function')])
  for (const [key, value] of Object.entries(values)) {
    const asset = functions.find((one) => one.key === key)
    if (asset === undefined) throw unknownAsset(key, known, functions)
    const io = await bed.openIo(asset.io)
    const places = asset.partitions === undefined ? [[undefined, value] as const] : Object.entries(byPartition(value, `The value given of ${key}`))
    for (const [partition, one] of places) await io.store({ asset: key, partition }, one, { signal: bed.signal })
  }
}

function unknownAsset(key: string, known: readonly Asset[], functions: readonly FunctionAsset[]): MillraceError {
  const other = known.find((one) => one.key === key)
  const code = 'TEST_UNKNOWN_ASSET'
  if (other !== undefined) {
    const kind = other.kind === 'external' ? 'an external asset' : 'a table of Postgres'
    return new MillraceError(`A value is given of ${key}, which is ${kind}: no function is handed its value.`, {
      code,
      hint: 'What a function reads of it comes through a resource: hand in a client that answers it, in `resources`.',
    })
  }
  return new MillraceError(`A value is given of ${key}, which is no asset of what is run, nor an input of one.`, {
    code,
    hint: `There are: ${functions.map((one) => one.key).join(', ') || 'none'}.`,
  })
}
