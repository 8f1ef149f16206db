import type { TableAssetSpec } from '../definitions/manifest.ts'
import { MillraceError } from '../errors.ts'
import type { WorkerContext } from './context.ts'
import { ColumnLimit, limitTable } from '../warehouse/column-limits.ts'
import { redriveSpecOf } from './redrive.ts'

/** What a step's table cannot take, as preparing found it. */
export function limitsOf({ limits }: { limits: readonly unknown[] }): ColumnLimit[] {
  return ColumnLimit.array().parse(limits)
}

/** The table asset of a step, as that step writes it, under the version it runs under: load workers need no code of the user's. */
export async function tableSpecOf(
  context: WorkerContext,
  step: { location: string; version: string; asset: string; redrive: boolean; limits: readonly unknown[] },
): Promise<TableAssetSpec> {
  const spec = await context.manifests.assetSpec(step.location, step.version, step.asset)
  if (spec.kind !== 'table') throw new MillraceError(`${step.asset} is not a table asset in version ${step.version}.`, { code: 'ASSET_UNKNOWN' })
  const limited = { ...spec, table: limitTable(spec.table, limitsOf(step)) }
  return step.redrive ? redriveSpecOf(limited) : limited
}
