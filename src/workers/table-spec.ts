import type { TableAssetSpec } from '../definitions/manifest.ts'
import { MillraceError } from '../errors.ts'
import type { WorkerContext } from './context.ts'

/** The table asset of a step, under the version it runs under: load workers need no code of the user's. */
export async function tableSpecOf(context: WorkerContext, step: { location: string; version: string; asset: string }): Promise<TableAssetSpec> {
  const spec = await context.manifests.assetSpec(step.location, step.version, step.asset)
  if (spec.kind !== 'table') throw new MillraceError(`${step.asset} is not a table asset in version ${step.version}.`, { code: 'ASSET_UNKNOWN' })
  return spec
}
