import { DefinitionError } from '../definitions/definition-error.ts'
import { assetOfInput } from '../definitions/function-asset.ts'
import type { FunctionAsset } from '../definitions/function-asset.ts'
import type { JsonObject } from '../definitions/json.ts'
import { defineLocation } from '../definitions/location.ts'
import type { Asset, Location } from '../definitions/location.ts'
import { manifestOf } from '../definitions/manifest.ts'
import type { AssetSpec } from '../definitions/manifest.ts'
import type { Resources } from '../definitions/resource.ts'
import { MillraceError } from '../errors.ts'
import { checkRunConfig } from '../producers/launch/run-config.ts'

/** Assets as a manifest has them. @throws DefinitionError where they cannot be */
export const specsOf = (assets: readonly Asset[]): AssetSpec[] => manifestOf({ ...defineLocation({ name: 'testing' }), assets }).assets

/** A run's configuration. @throws MillraceError `CONFIG_INVALID` naming every field that is wrong */
export const configOf = (assets: readonly Asset[], config: JsonObject = {}): JsonObject => checkRunConfig(specsOf(assets), config)

/** Assets, upstream before downstream. What they hang on and is not among them is taken to be up to date. @throws DefinitionError for a circle */
export function inOrder(of: Location | readonly Asset[]): readonly Asset[] {
  if (isLocation(of)) return of.assets
  const sorted: Asset[] = []
  let rest = of
  while (rest.length > 0) {
    const waiting = rest
    const ready = waiting.filter((one) => !waiting.some(({ key }) => one.deps.includes(key)))
    if (ready.length === 0) throw new DefinitionError(`The assets ${waiting.map(({ key }) => key).join(', ')} depend on each other in a circle.`)
    sorted.push(...ready)
    rest = waiting.filter((one) => !ready.includes(one))
  }
  return sorted
}

const isLocation = (of: Location | readonly Asset[]): of is Location => !Array.isArray(of)

/** @throws MillraceError `TEST_NEEDS_POSTGRES` where one is a table of Postgres */
export function functionsOnly(assets: readonly Asset[]): readonly FunctionAsset[] {
  return assets.map((one) => {
    if (one.kind === 'function') return one
    throw new MillraceError(`${one.key} is a table of Postgres, and is not made without it.`, {
      code: 'TEST_NEEDS_POSTGRES',
      hint:
        one.kind === 'table' ? 'Choose others by `select`, and try its records with transformRecords().' : 'Choose others by `select`: `kind:function`, say.',
    })
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
