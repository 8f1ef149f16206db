import { factShape, readFacts } from './asset-facts.ts'
import type { AssetFacts, AssetFactsOptions } from './asset-facts.ts'
import { checkAssetKey } from './asset-key.ts'
import { conditionKind } from './automation/condition.ts'
import type { Condition } from './automation/condition.ts'
import { tableChecksKind } from './check.ts'
import type { TableCheckSpec } from './check-spec.ts'
import { DefinitionError } from './definition-error.ts'
import { depsKind, readDependencies } from './dependency.ts'
import type { Dependency } from './dependency.ts'
import { destinationKind } from './destination.ts'
import type { DestinationSpec } from './destination.ts'
import { hooksOf, hookUseShape } from './hook.ts'
import type { Hooks, HookUse } from './hook.ts'
import { anObject, anything, aText, milliseconds, texts } from './option-kinds.ts'
import { named, refuseWrong, required } from './option-shape.ts'
import type { OptionShape } from './option-shape.ts'
import { keyShape, withWholeKey } from './key-prefix.ts'
import type { KeyOptions } from './key-prefix.ts'
import type { PartitionMapping } from './partitions/partition-mapping.ts'
import { freshnessOf, freshnessShape } from './freshness.ts'
import type { FreshnessOption, FreshnessSpec } from './freshness.ts'
import { poolShape, poolUseOf } from './pool.ts'
import type { PoolOptions, PoolUse } from './pool.ts'
import { retryKind, retryOf } from './retry.ts'
import { indexesKind } from './table-options.ts'
import type { RetryOptions } from './retry.ts'

/** How a SQL asset is kept: a view, or a table merged by its primary key. */
export type SqlStore =
  | { readonly kind: 'view' }
  | { readonly kind: 'table'; readonly primaryKey: readonly string[]; readonly indexes?: readonly (string | readonly string[])[] }

export interface SqlAssetOptions extends KeyOptions, AssetFactsOptions, PoolOptions, HookUse, FreshnessOption {
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

const stores = "{ kind: 'view' } or { kind: 'table', primaryKey: ['id'] }"
const shape: OptionShape<SqlAssetOptions> = {
  ...factShape,
  ...poolShape,
  ...hookUseShape,
  ...freshnessShape,
  ...keyShape,
  tableName: aText('shop.revenue'),
  select: required(aText('SELECT day, sum(amount) FROM shop.orders GROUP BY day')),
  store: required(anObject(stores)),
  destination: destinationKind,
  deps: depsKind,
  automation: conditionKind,
  checks: tableChecksKind,
  retry: retryKind,
  timeoutMs: milliseconds,
}

const ofKind = anything("'view' or 'table'")
const storeShapes: { readonly [Kind in SqlStore['kind']]: OptionShape<Extract<SqlStore, { readonly kind: Kind }>> } = {
  view: { kind: required(ofKind) },
  table: { kind: required(ofKind), primaryKey: required(texts('id')), indexes: indexesKind },
}

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
 * @throws DefinitionError when the key is not one, or an option cannot be
 */
export function sqlAsset(given: SqlAssetOptions): SqlAsset {
  const options = withWholeKey(given)
  refuseWrong(named('SQL asset', options, 'key'), options, shape)
  checkAssetKey(options.key)
  const { store } = options
  checkStore(options.key, store)
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

function checkStore(key: string, store: SqlStore): void {
  const { kind } = store
  if (!Object.hasOwn(storeShapes, kind)) throw new DefinitionError(`The store ${JSON.stringify(kind)} of ${key} is none. Give it ${stores}.`)
  refuseWrong(`The store of ${key}`, store, storeShapes[kind])
  if (kind === 'table' && store.primaryKey.length === 0)
    throw new DefinitionError(
      `The store of ${key} is a table without a primary key, which it is merged by. Name its fields, as primaryKey: ['id'], or make it a view.`,
    )
}
