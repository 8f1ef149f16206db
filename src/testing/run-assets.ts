import type { FunctionAsset } from '../definitions/function-asset.ts'
import type { Asset, Location } from '../definitions/location.ts'
import { selectAssets } from '../definitions/selection/select-assets.ts'
import { MillraceError } from '../errors.ts'
import { partitionsOfRun } from '../producers/launch/resolve-partitions.ts'
import { configOf, functionsOnly, inOrder, resourcesOf, withInputs } from './known-assets.ts'
import { makeAsset } from './make-asset.ts'
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

/**
 * Makes function assets of a location, or of a list, in this process, with no queue and no database: each after those that it hangs on, with the checks,
 * the retries and the errors of a worker, but without waiting. A step that fails does not reject: the answer tells.
 * @throws MillraceError `CONFIG_INVALID`, `TEST_NEEDS_POSTGRES`, `TEST_UNKNOWN_ASSET`, `TEST_UNKNOWN_RESOURCE`, and of partitions what a launch says; SelectionError
 */
export async function runAssets(of: Location | readonly Asset[], options: RunAssetsOptions = {}): Promise<TestRun> {
  const all = inOrder(of)
  const keys = options.select === undefined ? all.map(({ key }) => key) : selectAssets(all, [options.select].flat())
  const chosen = functionsOnly(all.filter(({ key }) => keys.includes(key)))
  const config = configOf(chosen, options.config)
  return withTestBed(options, resourcesOf(chosen), async (bed) => {
    const partitions = await partitionsOfRun(chosen, options.partitions, () => Promise.resolve(bed.moment))
    await storeGiven(bed, withInputs([...chosen, ...all.filter((one) => one.kind === 'function')]), options.values ?? {})
    const run = newRun(bed, config)
    for (const asset of chosen) {
      await makeAsset(
        run,
        asset,
        partitions,
        asset.deps.filter((dep) => keys.includes(dep)),
      )
    }
    return testRunOf(run)
  })
}

async function storeGiven(bed: TestBed, known: readonly FunctionAsset[], values: Readonly<Record<string, unknown>>): Promise<void> {
  for (const [key, value] of Object.entries(values)) {
    const asset = known.find((one) => one.key === key)
    if (asset === undefined) {
      throw new MillraceError(`A value is given of ${key}, which is no asset of what is run, nor an input of one.`, {
        code: 'TEST_UNKNOWN_ASSET',
        hint: `There are: ${known.map((one) => one.key).join(', ') || 'none'}.`,
      })
    }
    const io = await bed.openIo(asset.io)
    const places = asset.partitions === undefined ? [[undefined, value] as const] : Object.entries(value as Readonly<Record<string, unknown>>)
    for (const [partition, one] of places) await io.store({ asset: key, partition }, one, { signal: bed.signal })
  }
}
