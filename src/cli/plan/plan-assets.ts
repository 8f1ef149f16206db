import type pg from 'pg'
import type { Config } from '../../config.ts'
import type { AssetSpec, SqlAssetSpec, TableAssetSpec } from '../../definitions/manifest.ts'
import { withTogether } from '../../definitions/made-together.ts'
import { selectAssets } from '../../definitions/selection/select-assets.ts'
import { chooseFor } from '../../definitions/selection/selection-error.ts'
import { ConfigError, DataError, storedError } from '../../errors.ts'
import type { StoredError } from '../../errors.ts'
import type { ColumnLimit } from '../../warehouse/column-limits.ts'
import { planSql } from '../../warehouse/compute-sql.ts'
import { planTarget } from '../../warehouse/plan-target.ts'
import { loadLocations } from '../../workers/load-locations.ts'
import { tableOf } from '../assets/show-asset.ts'
import { requireInstallation } from '../installation.ts'
import { withClient } from '../with-client.ts'

/** What materializing an asset would do to its table, before any row comes. */
export interface AssetPlan {
  readonly asset: string
  readonly location: string
  /** Null where it has none: a function asset. */
  readonly table: string | null
  readonly exists: boolean
  /** What it would do with its rows. */
  readonly writes: string
  /** The DDL that would run first. */
  readonly ddl: readonly string[]
  /** What the table cannot take, where its contract leaves it as it is. */
  readonly limits: readonly ColumnLimit[]
  /** Why the run would stop before it extracts. */
  readonly error?: StoredError
}

export interface PlanRequest {
  readonly config: Config
  readonly assets: readonly string[]
  readonly location: string | undefined
}

/**
 * Compares the project's definitions, as they are in its files, with the destination. Runs and changes nothing.
 * @throws MillraceError where an asset is asked for that no code location has; ConfigError where a location does not load
 */
export async function planAssets({ config, assets, location }: PlanRequest): Promise<AssetPlan[]> {
  const { loaded, broken } = await loadLocations(config.pipelines, location === undefined ? undefined : [location], config.codeVersion)
  const [fault] = broken
  if (fault !== undefined) throw fault.error
  const known = loaded.flatMap(({ manifest }) => manifest.assets)
  const { keys: wanted } = withTogether(known, new Set(chooseFor(() => selectAssets(known, assets))))
  const chosen = loaded.flatMap(({ manifest }) => manifest.assets.filter(({ key }) => wanted.has(key)).map((spec) => ({ spec, name: manifest.location })))
  if (chosen.length === 0) throw new ConfigError('There is no asset to plan.', { code: 'UNKNOWN_ASSET' })
  const url = config.destinationUrl ?? (await requireInstallation(config)).destinationUrl
  return withClient(url, 'plan', async (client) => {
    const plans: AssetPlan[] = []
    for (const { spec, name } of chosen) plans.push(await planAsset(client, spec, name))
    return plans
  })
}

async function planAsset(client: pg.Client, spec: AssetSpec, location: string): Promise<AssetPlan> {
  if (spec.kind === 'function' || spec.kind === 'external')
    return { asset: spec.key, location, table: null, exists: false, writes: writesWithoutTable(spec), ddl: [], limits: [] }
  const common = { asset: spec.key, location, table: tableOf(spec) }
  await client.query('BEGIN READ ONLY')
  try {
    return { ...common, ...(spec.kind === 'table' ? await planTable(client, spec) : await planQuery(client, spec)) }
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    return { ...common, exists: true, writes: 'nothing: the run would stop before it extracts', ddl: [], limits: [], error: storedError(error) }
  } finally {
    await client.query('ROLLBACK')
  }
}

function writesWithoutTable(spec: Exclude<AssetSpec, TableAssetSpec | SqlAssetSpec>): string {
  if (spec.kind === 'external') return 'nothing: something else makes it'
  const together = spec.madeBy === undefined ? '' : `, ${spec.madeBy.subset ? 'by' : 'with all others of'} ${spec.madeBy.name}`
  return `stores a value by its I/O manager${together}; no table is touched`
}

type Found = Omit<AssetPlan, 'asset' | 'location' | 'table'>

async function planTable(client: pg.Client, { table, checks }: TableAssetSpec): Promise<Found> {
  const checked = checks.flatMap((check) => ('columns' in check ? check.columns : []))
  const { exists, statements, limits } = await planTarget(client, { table, checked, withSchema: true })
  return { exists, writes: writesOf(table), ddl: statements, limits }
}

async function planQuery(client: pg.Client, spec: SqlAssetSpec): Promise<Found> {
  const { exists, statements } = await planSql(client, spec)
  const writes =
    spec.store.kind === 'view'
      ? `none: the view is ${exists ? 'defined anew' : 'made'}`
      : `inserts and updates the query’s rows by key (${spec.store.primaryKey.join(', ')})`
  return { exists, writes, ddl: statements, limits: [] }
}

function writesOf({ disposition, primaryKey, merge, scd2, snapshot, partitionBy }: TableAssetSpec['table']): string {
  const key = primaryKey.join(', ')
  const divided = partitionBy === undefined ? '' : `, into partitions by ${partitionBy.every} of ${partitionBy.column}`
  const texts = {
    append: `adds the rows${divided}`,
    replace: `replaces all rows${partitionBy === undefined ? ': the tables are swapped, or where that would lose something, in place' : ` in place${divided}`}`,
    merge: `merges by key (${key})${merge?.newestBy === undefined ? '' : `, the newest by ${merge.newestBy}`}${merge?.deletedBy === undefined ? '' : `, deleting where ${merge.deletedBy}`}${divided}`,
    snapshot: `adds all rows with the time of the run in ${snapshot?.at ?? ''}${divided}`,
    scd2: `keeps a history by key (${key}), from ${scd2?.from ?? ''} to ${scd2?.to ?? ''}${divided}`,
  }
  return texts[disposition]
}
