import { inDependencyOrder } from '../definitions/dependency-order.ts'
import { assetOfInput } from '../definitions/function-asset.ts'
import type { FunctionAsset } from '../definitions/function-asset.ts'
import type { Hooks } from '../definitions/hook.ts'
import type { JsonObject } from '../definitions/json.ts'
import { defineLocation } from '../definitions/location.ts'
import type { Asset, Location } from '../definitions/location.ts'
import { withTogether } from '../definitions/made-together.ts'
import { manifestOf } from '../definitions/manifest.ts'
import type { AssetSpec } from '../definitions/manifest.ts'
import type { MultiAsset } from '../definitions/multi-asset.ts'
import type { Resources } from '../definitions/resource.ts'
import { selectAssets } from '../definitions/selection/select-assets.ts'
import { MillraceError } from '../errors.ts'
import { checkRunConfig } from '../producers/launch/run-config.ts'

/** Assets as a manifest has them. @throws DefinitionError where they cannot be */
export const specsOf = (assets: readonly Asset[]): AssetSpec[] => manifestOf({ ...defineLocation({ name: 'testing' }), assets }).assets

/** A run's configuration. @throws MillraceError `CONFIG_INVALID` naming every field that is wrong */
export const configOf = (assets: readonly Asset[], config: JsonObject = {}): JsonObject => checkRunConfig(specsOf(assets), config)

/** What assets are given as: a location, or a list in which a function of several stands for all of them. */
export type Testable = Location | readonly (Asset | MultiAsset)[]

/** Assets as they are run. */
export interface TestedAssets {
  /** All that are known: what is given, and what is made together with it. */
  readonly known: readonly Asset[]
  /** What is made, upstream before downstream: what is chosen, less what no run makes, and with what is only made together with it. */
  readonly chosen: readonly FunctionAsset[]
}

/**
 * What is to be made. What it hangs on and is not among it is taken to be up to date, as are external assets.
 * @throws DefinitionError for a circle; SelectionError; MillraceError `ASSET_EXTERNAL` where no run makes any of it, `TEST_NEEDS_POSTGRES` where one is a table
 */
export function testedAssets(of: Testable, select: string | readonly string[] | undefined): TestedAssets {
  const listed = isLocation(of) ? of.assets : of.flatMap((one): readonly Asset[] => (one.kind === 'multi' ? Object.values(one.assets) : [one]))
  const siblings = listed.flatMap((one): readonly Asset[] =>
    one.kind === 'function' && one.madeBy !== undefined ? Object.values(one.madeBy.multi.assets) : [],
  )
  const known = isLocation(of) ? of.assets : inOrder([...new Set([...listed, ...siblings])])
  const asked = new Set(select === undefined ? listed.map(({ key }) => key) : selectAssets(known, [select].flat()))
  const made = functionsOnly(known.filter(({ key, kind }) => asked.has(key) && kind !== 'external'))
  if (made.length === 0 && asked.size > 0) throw external([...asked])
  const { keys } = withTogether(known.map(togetherOf), new Set(made.map(({ key }) => key)))
  return { known, chosen: functionsOnly(known.filter(({ key }) => keys.has(key))) }
}

const isLocation = (of: Testable): of is Location => !Array.isArray(of)

const togetherOf = (one: Asset) => {
  const multi = one.kind === 'function' ? one.madeBy?.multi : undefined
  return { key: one.key, madeBy: multi === undefined ? undefined : { name: multi.key, subset: multi.subset } }
}

/** As a location sorts them; what they hang on and is not among them counts for nothing. */
function inOrder(of: readonly Asset[]): readonly Asset[] {
  const byKey = new Map(of.map((one) => [one.key, one]))
  return inDependencyOrder(of, 'The assets', new Map(of.map(({ key, deps }) => [key, deps.flatMap((dep) => byKey.get(dep) ?? [])])))
}

const functionsOnly = (assets: readonly Asset[]): readonly FunctionAsset[] => assets.map(requireFunction)

/**
 * What is called by itself, or made in process. Whoever writes a test without its types being checked is told what to do instead.
 * @throws MillraceError `TEST_NEEDS_POSTGRES` for a table, `ASSET_EXTERNAL`, `TEST_SEVERAL_ASSETS`
 */
export function requireFunction(one: Asset | MultiAsset): FunctionAsset {
  if (one.kind === 'function') return one
  if (one.kind === 'external') throw external([one.key])
  if (one.kind === 'multi') {
    throw new MillraceError(`${one.key} is no asset, but a function that makes several.`, { code: 'TEST_SEVERAL_ASSETS', hint: 'Call it by callMultiAsset().' })
  }
  throw new MillraceError(`${one.key} is a table of Postgres, and is not made without it.`, {
    code: 'TEST_NEEDS_POSTGRES',
    hint: one.kind === 'table' ? 'Choose others by `select`, and try its records with transformRecords().' : 'Choose others by `select`: `kind:function`, say.',
  })
}

function external(keys: readonly string[]): MillraceError {
  const [is, it] = keys.length === 1 ? ['is', 'it'] : ['are', 'them']
  return new MillraceError(`${keys.join(', ')} ${is} made by something else: no run materializes ${it}.`, {
    code: 'ASSET_EXTERNAL',
    hint: `Choose what is made from ${it}. What a function reads of ${it} comes through a resource: hand in a client that answers it, in \`resources\`.`,
  })
}

/** Assets and, in turn, those whose values they are handed. */
export function withInputs(assets: readonly FunctionAsset[]): readonly FunctionAsset[] {
  const all = new Set(assets)
  for (const one of all) for (const input of Object.values(one.inputs)) all.add(assetOfInput(input))
  return [...all]
}

/** Every resource that assets and their ops may use. */
export const resourcesOf = (assets: readonly FunctionAsset[]): Resources =>
  Object.assign({}, ...assets.flatMap((one) => [one.resources, ...(one.plan?.steps ?? []).map(({ op }) => op.resources)])) as Resources

/** What the ends of assets and of their ops call. */
export const hooksOfAssets = (assets: readonly FunctionAsset[]): readonly (Hooks | undefined)[] =>
  assets.flatMap((one) => [one.hooks, ...(one.plan?.steps ?? []).map(({ op }) => op.hooks)])
