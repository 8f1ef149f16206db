import * as z from 'zod'
import { factShape, readFacts } from './asset-facts.ts'
import type { AssetFacts, AssetFactsOptions } from './asset-facts.ts'
import { checkAssetKey } from './asset-key.ts'
import { conditionKind } from './automation/condition.ts'
import type { Condition } from './automation/condition.ts'
import { tableChecksKind } from './check.ts'
import type { TableCheckSpec } from './check-spec.ts'
import { depsKind, readDependencies } from './dependency.ts'
import type { Dependency } from './dependency.ts'
import { DefinitionError } from './definition-error.ts'
import { destinationKind } from './destination.ts'
import type { DestinationSpec } from './destination.ts'
import { hooksOf, hookUseShape } from './hook.ts'
import type { Hooks, HookUse } from './hook.ts'
import type { Json, JsonObject } from './json.ts'
import {
  aFunction,
  anObject,
  anObjectSchema,
  aNumber,
  aSchema,
  aText,
  either,
  fitting,
  milliseconds,
  oneOf,
  textOrTexts,
  texts,
  trueOrFalse,
} from './option-kinds.ts'
import { named, refuseWrong, required } from './option-shape.ts'
import type { OptionShape } from './option-shape.ts'
import { keyShape, withWholeKey } from './key-prefix.ts'
import type { KeyOptions } from './key-prefix.ts'
import type { Log } from './log.ts'
import type { Page } from './page.ts'
import type { PartitionMapping } from './partitions/partition-mapping.ts'
import type { PartitionsToFetch } from './partitions/partition.ts'
import { partitionsKind } from './partitions/partitions-kind.ts'
import type { PartitionsSpec } from './partitions/partitions-spec.ts'
import { freshnessOf, freshnessShape } from './freshness.ts'
import type { FreshnessOption, FreshnessSpec } from './freshness.ts'
import { poolShape, poolUseOf } from './pool.ts'
import type { PoolOptions, PoolUse } from './pool.ts'
import { QuarantineContract } from './quarantine.ts'
import type { Throttle } from './rate-limit.ts'
import { resourcesKind } from './resource.ts'
import type { ClientsOf, Resources } from './resource.ts'
import { retryKind, retryOf } from './retry.ts'
import type { RetryOptions } from './retry.ts'
import { indexesKind, settingShape } from './table-options.ts'
import type { TableSettings } from './table-options.ts'

/**
 * How a load changes the target.
 * `append`: its rows are added. `replace`: they are the table's rows, and no others.
 * `merge`: by primary key; what is new is inserted, what differs is updated, what is alike is not touched.
 * `snapshot`: all rows are added, with the time of their run. `scd2`: a history (slowly changing dimension, type 2); by primary key, a row that
 * differs is closed, and begins anew.
 */
export type WriteOptions =
  | {
      readonly disposition: 'append'
      /**
       * `each-batch`: every batch is in the table as soon as it is loaded, so readers see a load grow; for loads without an end. Wants `resumable`.
       * Default `whole`: all rows at once.
       */
      readonly publish?: 'whole' | 'each-batch'
    }
  | {
      readonly disposition: 'replace'
      /** Fields that part the table, such as a day: a load replaces the parts that it has rows of, and leaves the others. Default: the table is one part. */
      readonly by?: string | readonly string[]
    }
  | {
      readonly disposition: 'merge'
      /** The field by which the newer of two records with one key is known, within a load and against the table: a time or a number that grows. A record without it is the oldest. */
      readonly newestBy?: string
      /** A boolean field: where it is true, the row is deleted. */
      readonly deletedBy?: string
    }
  | {
      readonly disposition: 'snapshot'
      /** The column for the time of the run, which is added. Default `snapshot_at`. */
      readonly at?: string
    }
  | {
      readonly disposition: 'scd2'
      /** The added column for the time from which a row holds. Default `valid_from`. */
      readonly from?: string
      /** The added column for the time up to which it held; NULL while it does. Default `valid_to`. */
      readonly to?: string
      /** What becomes of rows that a load does not have. `close`, the default, for sources that give all of them each time; `keep` for those that give what changed. */
      readonly missing?: 'close' | 'keep'
      /** A boolean field: where it is true, the row is closed. */
      readonly deletedBy?: string
    }

/** What is new is known by a field that grows: its greatest value is kept with the rows, and the next run is handed it. */
export interface FieldCursor {
  /** A time, a date, a number, or text that sorts so. */
  readonly field: string
  /** What `extract` is handed as long as nothing was loaded. */
  readonly initial?: Json
  /** How far before the greatest value the next run begins, for what comes late: milliseconds for a time or date, else in the field's own unit. An append wants a primary key then. */
  readonly lag?: number
}

/** What an extractor is handed. */
export interface ExtractContext<Config = JsonObject, Clients = Readonly<Record<string, unknown>>, Fetched = PartitionsToFetch | undefined> {
  readonly config: Config
  /** The clients of the resources that the asset names, started. */
  readonly resources: Clients
  /** Aborted when the run is cancelled, the step times out, or the worker loses its lease. Hand it to every fetch. */
  readonly signal: AbortSignal
  /** The position that came with the last recorded page; undefined at the beginning. Only where `resumable` is set. */
  readonly position: Json | undefined
  /**
   * How far runs before have got, where the asset has a `cursor`: the field's greatest value as text (a time in ISO 8601, UTC), less the lag; or what the last
   * published page carried. The field's `initial`, or undefined, before anything was loaded and in a full refresh.
   */
  readonly cursor: Json | undefined
  /** What to fetch, where the asset has partitions. */
  readonly partitions: Fetched
  readonly runId: string
  /** When the run started; the same on every attempt. ISO 8601, UTC. */
  readonly runStartedAt: string
  /** The same on every attempt of this step. */
  readonly idempotencyKey: string
  /** Turns at what may be asked only so often, shared by all workers of this code location in all processes. */
  readonly throttle: Throttle
  /** Writes a line to the run's log; `log.debug`, `log.warn` and `log.error` at another level than info. */
  readonly log: Log
}

/** What a transform is handed besides the record. */
export interface TransformContext<Config = JsonObject> {
  readonly config: Config
  readonly runId: string
  readonly runStartedAt: string
  /** The page's `extra`. */
  readonly page: Json | undefined
}

/** What `repairLine` is handed besides the line. */
export interface LineContext {
  /** Why the line is no record. */
  readonly problem: string
  /** Of CSV: the columns that a row must have, in their order. */
  readonly columns?: readonly string[]
  /** Of a line that is not UTF-8: its bytes. In the line, U+FFFD stands for what is none. */
  readonly bytes?: Uint8Array
  /** The page's `extra`. */
  readonly page: Json | undefined
}

export interface TableOptions<
  Columns extends z.ZodObject,
  Record,
  ConfigSchema extends z.ZodType = z.ZodType<JsonObject>,
  Needs extends Resources = Resources,
  Parts extends PartitionsSpec | undefined = PartitionsSpec | undefined,
>
  extends KeyOptions, AssetFactsOptions, TableSettings, PoolOptions, HookUse, FreshnessOption {
  /** Parts joined by `/`; `a/b` is stored as table `b` in schema `a`. */
  readonly key: string
  /** `schema.table`, where the table is to be called otherwise than its key says. */
  readonly tableName?: string
  /** The table, its DDL, its validation and its docs. */
  readonly columns: Columns
  readonly write?: WriteOptions
  /** The database that it is stored in. Default: the one of DESTINATION_URL. */
  readonly destination?: DestinationSpec
  /** Fields of the primary key, named as in `columns`. */
  readonly primaryKey?: readonly string[]
  /** Each entry is an index: one field, or several. */
  readonly indexes?: readonly (string | readonly string[])[]
  /** Assets that must be up to date first. */
  readonly deps?: readonly Dependency[]
  /**
   * What may be materialized by itself: a day, say. Wants `merge`, or `replace` by the field that says which partition a row is of (with two dimensions, by the
   * fields of their names): what is materialized again takes the place of what it was.
   */
  readonly partitions?: Parts
  /** When it is started by itself: `eager()`, `onCron(…)`, `onMissing()`, or what `when` makes. Default: never. */
  readonly automation?: Condition
  /** Run configuration, with defaults. */
  readonly config?: ConfigSchema
  /** The resources that `extract` uses, by the name it uses. */
  readonly resources?: Needs
  readonly extract: (
    context: ExtractContext<z.output<ConfigSchema>, ClientsOf<Needs>, Parts extends PartitionsSpec ? PartitionsToFetch : undefined>,
  ) => AsyncIterable<Page<Record>> | Iterable<Page<Record>>
  /** Set where `extract` goes on from `context.position`; else a new attempt begins afresh. */
  readonly resumable?: boolean
  /** What is carried over from run to run, committed with the rows: a field's greatest value, or with `true` the `cursor` that pages carry. */
  readonly cursor?: true | FieldCursor
  /** One record in, 0 to n rows out. Default: the record is the row. */
  readonly transform?: (record: Record, context: TransformContext<z.output<ConfigSchema>>) => z.input<Columns> | readonly z.input<Columns>[] | null | undefined
  /**
   * Mends a line of CSV or JSON lines, or an element of JSON, that is no record, because a value is missing or a quote out of place: answers it as it should be, or nothing where it cannot.
   * It is asked of every such line, also when it is redriven from quarantine.
   */
  readonly repairLine?: (line: string, context: LineContext) => string | null | undefined
  readonly checks?: readonly TableCheckSpec[]
  /**
   * What becomes of records that do not fit, or that the transform throws at. By default the first one fails the step. `true`: they go to
   * quarantine and the others are loaded; with `atMost` or `atMostPercent`, as long as they are no more (a share is judged from 1,000 records on).
   */
  readonly quarantine?: true | QuarantineContract
  readonly retry?: RetryOptions
  /** The longest that an attempt's extraction may take. Default one hour. */
  readonly timeoutMs?: number
}

const trueOr = (example: string) => either(oneOf(true), anObject(example))
const shape: OptionShape<TableOptions<z.ZodObject, unknown>> = {
  ...factShape,
  ...settingShape,
  ...poolShape,
  ...hookUseShape,
  ...freshnessShape,
  ...keyShape,
  tableName: aText('shop.orders'),
  columns: required(anObjectSchema),
  write: anObject("{ disposition: 'merge' }"),
  destination: destinationKind,
  primaryKey: texts('id'),
  indexes: indexesKind,
  deps: depsKind,
  partitions: partitionsKind,
  automation: conditionKind,
  config: aSchema,
  resources: resourcesKind,
  extract: required(aFunction('async function* ({ signal }) { yield [{ id: 1 }] }')),
  resumable: trueOrFalse,
  cursor: trueOr("{ field: 'updatedAt' }"),
  transform: aFunction('(record) => ({ id: record.id })'),
  repairLine: aFunction('(line) => line.trim()'),
  checks: tableChecksKind,
  quarantine: trueOr('{ atMost: 10 }'),
  retry: retryKind,
  timeoutMs: milliseconds,
}
type Disposition = WriteOptions['disposition']
const disposition = required(aText('merge'))
const writeShapes: { readonly [Kind in Disposition]: OptionShape<Extract<WriteOptions, { readonly disposition: Kind }>> } = {
  append: { disposition, publish: oneOf('whole', 'each-batch') },
  replace: { disposition, by: textOrTexts('day') },
  merge: { disposition, newestBy: aText('updatedAt'), deletedBy: aText('deleted') },
  snapshot: { disposition, at: aText('snapshot_at') },
  scd2: { disposition, from: aText('valid_from'), to: aText('valid_to'), missing: oneOf('close', 'keep'), deletedBy: aText('deleted') },
}
const cursorShape: OptionShape<FieldCursor> = {
  field: required(aText('updatedAt')),
  initial: fitting(z.json(), "JSON, as '2026-01-01T00:00:00Z'"),
  lag: aNumber,
}
const { atMost, atMostPercent } = QuarantineContract.shape
const quarantineShape: OptionShape<QuarantineContract> = {
  atMost: fitting(atMost, 'a whole number from 0'),
  atMostPercent: fitting(atMostPercent, 'a number from 0 to 100'),
}

/** A table asset, as the worker that extracts and transforms it holds it. */
export interface TableAsset extends AssetFacts {
  readonly kind: 'table'
  readonly key: string
  /** Undefined: as the key says. */
  readonly tableName: string | undefined
  readonly columns: z.ZodObject
  readonly write: WriteOptions
  /** Undefined: the default one. */
  readonly destination: DestinationSpec | undefined
  readonly primaryKey: readonly string[]
  readonly indexes: readonly (readonly string[])[]
  readonly deps: readonly string[]
  readonly mappings: Readonly<Record<string, PartitionMapping>>
  readonly automation: Condition | undefined
  readonly partitions: PartitionsSpec | undefined
  readonly config: z.ZodType | undefined
  readonly resources: Resources
  readonly extract: (context: ExtractContext<never, never, never>) => AsyncIterable<Page> | Iterable<Page>
  readonly resumable: boolean
  readonly cursor: true | FieldCursor | undefined
  readonly transform: ((record: never, context: TransformContext<never>) => unknown) | undefined
  readonly repairLine: ((line: string, context: LineContext) => unknown) | undefined
  readonly checks: readonly TableCheckSpec[]
  /** Undefined: the first record that does not fit fails the step. */
  readonly quarantine: QuarantineContract | undefined
  readonly settings: TableSettings
  readonly freshness: FreshnessSpec | undefined
  readonly pool: PoolUse | undefined
  readonly hooks?: Hooks
  readonly retry: RetryOptions
  readonly timeoutMs: number
}

const hour = 3_600_000

/**
 * An asset that is a Postgres table filled by extract, transform and load.
 * @throws DefinitionError when the key is not one, or an option cannot be
 */
export function table<
  Columns extends z.ZodObject,
  Record = z.input<Columns>,
  ConfigSchema extends z.ZodType = z.ZodType<JsonObject>,
  Needs extends Resources = Resources,
  const Parts extends PartitionsSpec | undefined = PartitionsSpec | undefined,
>(given: TableOptions<Columns, Record, ConfigSchema, Needs, Parts>): TableAsset {
  const options = withWholeKey(given)
  refuseWrong(named('table', options, 'key'), options, shape)
  checkAssetKey(options.key)
  checkParts(options)
  return {
    kind: 'table',
    key: options.key,
    tableName: options.tableName,
    ...readFacts(options.key, options),
    columns: options.columns,
    write: options.write ?? { disposition: 'append' },
    destination: options.destination,
    primaryKey: options.primaryKey ?? [],
    indexes: (options.indexes ?? []).map((one) => (typeof one === 'string' ? [one] : one)),
    ...readDependencies(options.deps ?? []),
    partitions: options.partitions,
    config: options.config,
    resources: options.resources ?? {},
    extract: options.extract as TableAsset['extract'],
    resumable: options.resumable ?? false,
    cursor: options.cursor,
    transform: options.transform,
    repairLine: options.repairLine,
    checks: options.checks ?? [],
    quarantine: options.quarantine === true ? {} : options.quarantine,
    settings: settingsOf(options),
    automation: options.automation,
    freshness: freshnessOf(options.key, options, options.partitions),
    pool: poolUseOf(options.key, options),
    ...hooksOf(options),
    retry: retryOf(options.key, options.retry),
    timeoutMs: options.timeoutMs ?? hour,
  }
}

function checkParts({ key, write, cursor, quarantine }: Pick<TableOptions<z.ZodObject, unknown>, 'key' | 'write' | 'cursor' | 'quarantine'>): void {
  if (write !== undefined) {
    if (!Object.hasOwn(writeShapes, write.disposition))
      throw new DefinitionError(`The disposition ${JSON.stringify(write.disposition)} of ${key} is none. They are: ${Object.keys(writeShapes).join(', ')}.`)
    refuseWrong(`The disposition ${write.disposition} of ${key}`, write, writeShapes[write.disposition])
  }
  if (typeof cursor === 'object') refuseWrong(`The cursor of ${key}`, cursor, cursorShape)
  if (typeof quarantine === 'object') refuseWrong(`The quarantine of ${key}`, quarantine, quarantineShape)
}

function settingsOf({ schemaContract, unlogged, tablespace, fillfactor, partitionBy, grants, statistics }: TableSettings): TableSettings {
  return {
    ...(schemaContract === undefined ? {} : { schemaContract }),
    ...(unlogged === undefined ? {} : { unlogged }),
    ...(tablespace === undefined ? {} : { tablespace }),
    ...(fillfactor === undefined ? {} : { fillfactor }),
    ...(partitionBy === undefined ? {} : { partitionBy }),
    ...(grants === undefined ? {} : { grants }),
    ...(statistics === undefined ? {} : { statistics }),
  }
}
