import { factNames, readFacts } from './asset-facts.ts'
import type { AssetFacts, AssetFactsOptions } from './asset-facts.ts'
import { checkAssetKey } from './asset-key.ts'
import type { Condition } from './automation/condition.ts'
import type { TableCheckSpec } from './check-spec.ts'
import { readDependencies } from './dependency.ts'
import type { Dependency } from './dependency.ts'
import type { DestinationSpec } from './destination.ts'
import { hooksOf, hookUseNames } from './hook.ts'
import type { Hooks, HookUse } from './hook.ts'
import { refuseUnknown } from './known-options.ts'
import type { OptionNames } from './known-options.ts'
import type { PartitionMapping } from './partitions/partition-mapping.ts'
import { freshnessNames, freshnessOf } from './freshness.ts'
import type { FreshnessOption, FreshnessSpec } from './freshness.ts'
import { poolNames, poolUseOf } from './pool.ts'
import type { PoolOptions, PoolUse } from './pool.ts'
import { retryOf } from './retry.ts'
import type { RetryOptions } from './retry.ts'

/** How a SQL asset is kept: a view, or a table merged by its primary key. */
export type SqlStore =
  | { readonly kind: 'view' }
  | { readonly kind: 'table'; readonly primaryKey: readonly string[]; readonly indexes?: readonly (string | readonly string[])[] }

export interface SqlAssetOptions extends AssetFactsOptions, PoolOptions, HookUse, FreshnessOption {
  readonly key: string
  /** `schema.table`, where the table or view is to be called otherwise than its key says. */
  readonly tableName?: string
  /** One `SELECT`. A table's columns and their types are the query's. */
  readonly select: string
  readonly store: SqlStore
  /** The database that it is computed in, and whose tables it reads. Default: the one of DESTINATION_URL. */
  readonly destination?: DestinationSpec
  readonly deps?: readonly Dependency[]
  /** When it is started by itself: `eager()`, `onCron(…)`, `onMissing()`, or what `when` makes. Default: never. */
  readonly automation?: Condition
  readonly checks?: readonly TableCheckSpec[]
  readonly retry?: RetryOptions
  /** Statement timeout. Default one hour. */
  readonly timeoutMs?: number
}

const names: OptionNames<SqlAssetOptions> = {
  ...factNames,
  ...poolNames,
  ...hookUseNames,
  ...freshnessNames,
  key: true,
  tableName: true,
  select: true,
  store: true,
  destination: true,
  deps: true,
  automation: true,
  checks: true,
  retry: true,
  timeoutMs: true,
}
const viewNames: OptionNames<Extract<SqlStore, { readonly kind: 'view' }>> = { kind: true }
const tableNames: OptionNames<Extract<SqlStore, { readonly kind: 'table' }>> = { kind: true, primaryKey: true, indexes: true }

/** A SQL asset as data: load workers compute it without the user's code. */
export interface SqlAsset extends AssetFacts {
  readonly kind: 'sql'
  readonly key: string
  /** Undefined: as the key says. */
  readonly tableName: string | undefined
  readonly select: string
  readonly store:
    | { readonly kind: 'view' }
    | { readonly kind: 'table'; readonly primaryKey: readonly string[]; readonly indexes: readonly (readonly string[])[] }
  /** Undefined: the default one. */
  readonly destination: DestinationSpec | undefined
  readonly deps: readonly string[]
  readonly mappings: Readonly<Record<string, PartitionMapping>>
  readonly automation: Condition | undefined
  /** It is computed as a whole. */
  readonly partitions: undefined
  readonly checks: readonly TableCheckSpec[]
  readonly freshness: FreshnessSpec | undefined
  readonly pool: PoolUse | undefined
  readonly hooks?: Hooks
  readonly retry: RetryOptions
  readonly timeoutMs: number
}

const hour = 3_600_000

/**
 * An asset that Postgres computes: a `SELECT` merged into a table by key, or a view.
 * @throws DefinitionError when the key is not one, or an option is unknown
 */
export function sqlAsset(options: SqlAssetOptions): SqlAsset {
  refuseUnknown(`The SQL asset ${options.key}`, options, names)
  checkAssetKey(options.key)
  const { store } = options
  refuseUnknown(`The store of ${options.key}`, store, store.kind === 'view' ? viewNames : tableNames)
  return {
    kind: 'sql',
    key: options.key,
    tableName: options.tableName,
    ...readFacts(options.key, options),
    select: options.select.trim().replace(/;$/, ''),
    store:
      store.kind === 'view'
        ? store
        : { kind: 'table', primaryKey: store.primaryKey, indexes: (store.indexes ?? []).map((one) => (typeof one === 'string' ? [one] : one)) },
    destination: options.destination,
    ...readDependencies(options.deps ?? []),
    partitions: undefined,
    checks: options.checks ?? [],
    automation: options.automation,
    freshness: freshnessOf(options.key, options),
    pool: poolUseOf(options.key, options),
    ...hooksOf(options),
    retry: retryOf(options.key, options.retry),
    timeoutMs: options.timeoutMs ?? hour,
  }
}
