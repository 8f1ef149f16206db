import * as z from 'zod'
import { tableNameOf } from './asset-key.ts'
import { Condition } from './automation/condition.ts'
import { CheckSpec } from './check-spec.ts'
import { refuseSameNames, resolveReferences, tableChecksOf } from './checks-of.ts'
import { TableSpec } from './column-spec.ts'
import { columnsOf, storableComment } from './columns.ts'
import { cursorSpecOf } from './cursor-spec.ts'
import { DestinationSpec } from './destination.ts'
import { blaming, DefinitionError } from './definition-error.ts'
import { fingerprintOf } from './fingerprint.ts'
import { FreshnessSpec } from './freshness.ts'
import { assetOfInput } from './function-asset.ts'
import type { FunctionAsset } from './function-asset.ts'
import { functionCheckSpecsOf } from './function-check.ts'
import { HookNames, hookNamesOf } from './hook.ts'
import { jsonSchemaOf } from './json-schema.ts'
import type { Asset, Location } from './location.ts'
import { graphSpecOf, JobSpec, jobSpecOf, OpStepSpec } from './ops/job-spec.ts'
import { checkPartitionColumns } from './partitions/partition-columns.ts'
import { PartitionMapping } from './partitions/partition-mapping.ts'
import { PartitionsSpec } from './partitions/partitions-spec.ts'
import { Pools, PoolUse } from './pool.ts'
import { QuarantineContract } from './quarantine.ts'
import { RetryPolicy } from './retry.ts'
import { RunLimits, RunOptions } from './run-limits.ts'
import { ScheduleSpec } from './schedule.ts'
import { SensorSpec } from './sensor.ts'
import { settingsSpecOf } from './settings-spec.ts'
import type { SqlAsset } from './sql-asset.ts'
import type { TableAsset } from './table.ts'
import { targetOf } from './target.ts'
import { writeSpecOf } from './write-spec.ts'
import type { ColumnOf } from './write-spec.ts'
import { issuesOf } from './issues.ts'

const common = {
  key: z.string(),
  description: z.string().optional(),
  group: z.string().optional(),
  tags: z.record(z.string(), z.string()),
  owners: z.array(z.string()).optional(),
  kinds: z.array(z.string()).optional(),
  codeVersion: z.string().optional(),
  /** What its definition shows of it. */
  metadata: z.record(z.string(), z.json()).optional(),
  deps: z.array(z.string()),
  /** Absent: it is materialized as a whole. */
  partitions: PartitionsSpec.optional(),
  /** By the keys of dependencies: which of their partitions one of its own is made from, where that is not plain to see. */
  mappings: z.record(z.string(), PartitionMapping).optional(),
  /** Absent: only somebody else starts it. */
  automation: Condition.optional(),
  checks: z.array(CheckSpec),
  /** Absent: nobody asks how fresh it is. */
  freshness: FreshnessSpec.optional(),
}
/** Of those that runs make. */
const made = {
  /** Absent: it needs no slot. */
  pool: PoolUse.optional(),
  hooks: HookNames.optional(),
  retry: RetryPolicy,
  timeoutMs: z.number().positive(),
}
const inPostgres = {
  /** Absent: the default one. */
  destination: DestinationSpec.optional(),
}
const configured = {
  /** JSON Schema of the run configuration. */
  configSchema: z.json().optional(),
}

export const TableAssetSpec = z.object({
  kind: z.literal('table'),
  ...common,
  ...made,
  ...inPostgres,
  ...configured,
  table: TableSpec,
  /** Two tables with the same fingerprint take the same encoded rows. */
  fingerprint: z.string(),
  resumable: z.boolean(),
  /** Absent: the first record that does not fit fails the step. */
  quarantine: QuarantineContract.optional(),
})
export type TableAssetSpec = z.infer<typeof TableAssetSpec>

export const SqlAssetSpec = z.object({
  kind: z.literal('sql'),
  ...common,
  ...made,
  ...inPostgres,
  schema: z.string(),
  name: z.string(),
  select: z.string(),
  store: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('view') }),
    z.object({ kind: z.literal('table'), primaryKey: z.array(z.string()).min(1), indexes: z.array(z.array(z.string())) }),
  ]),
})
export type SqlAssetSpec = z.infer<typeof SqlAssetSpec>

const FunctionAssetSpec = z.object({
  kind: z.literal('function'),
  ...common,
  ...made,
  ...configured,
  /** Keys of the assets whose values it is handed, by the names that it uses. */
  inputs: z.record(z.string(), z.string()),
  /** Of a graph-backed one: the steps that make its value, and which of them it waits for. */
  graph: z.object({ name: z.string(), steps: z.array(OpStepSpec), upstream: z.array(z.string()), collects: z.array(z.string()) }).optional(),
  /** Of one that a function makes together with others: the function's step, and whether it can make some of them alone. */
  madeBy: z.object({ name: z.string(), output: z.string(), optional: z.boolean(), subset: z.boolean() }).optional(),
})
type FunctionAssetSpec = z.infer<typeof FunctionAssetSpec>

const ExternalAssetSpec = z.object({
  kind: z.literal('external'),
  ...common,
  /** The location that makes it. Absent: who makes it reports it. */
  madeIn: z.string().optional(),
})

export const AssetSpec = z.discriminatedUnion('kind', [TableAssetSpec, SqlAssetSpec, FunctionAssetSpec, ExternalAssetSpec])
export type AssetSpec = z.infer<typeof AssetSpec>

export type AssetKind = AssetSpec['kind']
export const assetKinds = ['table', 'sql', 'function', 'external'] as const satisfies readonly AssetKind[]

/** One that a run can make. */
export type MadeAssetSpec = Exclude<AssetSpec, { kind: 'external' }>
export const isMade = (spec: AssetSpec): spec is MadeAssetSpec => spec.kind !== 'external'

/** A code location's definitions as JSON: what the board, the API, the planners and the load workers read. */
export const Manifest = z.object({
  location: z.string(),
  assets: z.array(AssetSpec),
  schedules: z.array(ScheduleSpec),
  jobs: z.array(JobSpec).default([]),
  sensors: z.array(SensorSpec).default([]),
  limits: RunLimits.optional(),
  pools: Pools.optional(),
  runs: RunOptions.optional(),
})
export type Manifest = z.infer<typeof Manifest>

/** @throws DefinitionError when a table's columns have no Postgres form, a key, index or check names a field that is not there, or two checks of an asset have one name. */
export function manifestOf(location: Location): Manifest {
  return {
    location: location.name,
    assets: resolveReferences(location.assets.map((one) => blaming(one.declared, () => assetSpecOf(one)))),
    schedules: location.schedules.map(({ spec }) => spec),
    jobs: location.jobs.map(jobSpecOf),
    sensors: location.sensors.map(({ spec }) => spec),
    ...unlessEmpty('limits', location.limits),
    ...unlessEmpty('pools', location.pools),
    ...unlessEmpty('runs', location.runs),
  }
}

/** What is not declared is left out, so that a manifest stays as it was. */
function unlessEmpty<Name extends string, Value extends object>(name: Name, value: Value): { [Key in Name]?: Value } {
  return Object.keys(value).length === 0 ? {} : ({ [name]: value } as { [Key in Name]?: Value })
}

function assetSpecOf(asset: Asset): AssetSpec {
  if (asset.kind === 'table') return tableAssetSpecOf(asset)
  if (asset.kind === 'external') return { kind: 'external', ...commonOf(asset), checks: [], ...(asset.madeIn === undefined ? {} : { madeIn: asset.madeIn }) }
  return asset.kind === 'sql' ? sqlAssetSpecOf(asset) : functionAssetSpecOf(asset)
}

function commonOf(asset: Asset) {
  return {
    key: asset.key,
    ...(asset.description === undefined ? {} : { description: asset.description }),
    ...(asset.group === undefined ? {} : { group: asset.group }),
    tags: { ...asset.tags },
    ...(asset.owners.length === 0 ? {} : { owners: [...asset.owners] }),
    ...(asset.kinds.length === 0 ? {} : { kinds: [...asset.kinds] }),
    ...(asset.codeVersion === undefined ? {} : { codeVersion: asset.codeVersion }),
    ...unlessEmpty('metadata', z.record(z.string(), z.json()).parse(asset.metadata)),
    deps: [...asset.deps],
    ...(asset.partitions === undefined ? {} : { partitions: asset.partitions }),
    ...(Object.keys(asset.mappings).length === 0 ? {} : { mappings: { ...asset.mappings } }),
    ...(asset.freshness === undefined ? {} : { freshness: asset.freshness }),
  }
}

function madeOf({ automation, pool, hooks, retry, timeoutMs }: Exclude<Asset, { kind: 'external' }>) {
  return {
    ...(automation === undefined ? {} : { automation }),
    ...(pool === undefined ? {} : { pool }),
    ...hookNamesOf(hooks),
    retry: RetryPolicy.parse(retry),
    timeoutMs,
  }
}

function tableAssetSpecOf(asset: TableAsset): TableAssetSpec {
  const columns = columnsOf(asset.columns)
  const columnOf: ColumnOf = (field, where) => {
    const column = columns.find((one) => one.field === field || one.name === field)
    if (column === undefined) {
      throw new DefinitionError(
        `${where} of ${asset.key} names ${JSON.stringify(field)}, which its columns do not have. They are: ${columns.map((one) => one.field).join(', ')}.`,
      )
    }
    return column
  }
  checkPartitionColumns(asset, columnOf)
  const comment = storableComment(asset.description)
  const indexes = asset.indexes.map((fields) => fields.map((field) => columnOf(field, 'An index').name))
  const basic: TableSpec = {
    ...tableNameOf(asset.key, asset.tableName),
    columns,
    primaryKey: asset.primaryKey.map((field) => columnOf(field, 'The primary key').name),
    indexes: indexes.filter((one, at) => indexes.findIndex((other) => other.join('\0') === one.join('\0')) === at),
    ...(comment === undefined ? {} : { comment }),
    ...writeSpecOf(asset, columns, columnOf),
    ...cursorSpecOf(asset, columnOf),
  }
  const target = targetOf(basic)
  const { settings, quarantine } = asset
  if (basic.eachBatch === true && settings.partitionBy !== undefined) {
    throw new DefinitionError(
      `${asset.key} is published batch by batch, and cannot be partitioned too: its partitions are made when a whole load is published.`,
    )
  }
  const table: TableSpec = {
    ...basic,
    ...settingsSpecOf({ key: asset.key, settings, columns: target.columns, primaryKey: target.primaryKey, hasQuarantine: quarantine !== undefined }),
  }
  return {
    kind: 'table',
    ...commonOf(asset),
    ...madeOf(asset),
    ...destinationOf(asset),
    ...configSchemaOf(asset),
    checks: tableChecksOf(asset.key, asset.checks, table),
    table,
    fingerprint: fingerprintOf(table),
    resumable: asset.resumable,
    ...(asset.quarantine === undefined ? {} : { quarantine: contractOf(asset.key, asset.quarantine) }),
  }
}

function contractOf(key: string, contract: QuarantineContract): QuarantineContract {
  const parsed = QuarantineContract.safeParse(contract)
  if (parsed.success) return parsed.data
  throw new DefinitionError(`The quarantine of ${key} cannot be: ${issuesOf(parsed.error)}.`)
}

function sqlAssetSpecOf(asset: SqlAsset): SqlAssetSpec {
  refuseSameNames(asset.key, asset.checks)
  return {
    kind: 'sql',
    ...commonOf(asset),
    ...madeOf(asset),
    ...destinationOf(asset),
    checks: [...asset.checks],
    ...tableNameOf(asset.key, asset.tableName),
    select: asset.select,
    store:
      asset.store.kind === 'view'
        ? { kind: 'view' }
        : { kind: 'table', primaryKey: [...asset.store.primaryKey], indexes: asset.store.indexes.map((one) => [...one]) },
  }
}

function functionAssetSpecOf(asset: FunctionAsset): FunctionAssetSpec {
  return {
    kind: 'function',
    ...commonOf(asset),
    ...madeOf(asset),
    ...configSchemaOf(asset),
    checks: functionCheckSpecsOf(asset),
    inputs: Object.fromEntries(Object.entries(asset.inputs).map(([name, input]) => [name, assetOfInput(input).key])),
    ...(asset.plan === undefined ? {} : { graph: graphSpecOf(asset.plan) }),
    ...madeByOf(asset),
  }
}

function madeByOf({ madeBy }: FunctionAsset): Pick<FunctionAssetSpec, 'madeBy'> {
  if (madeBy === undefined) return {}
  const { multi, output, optional } = madeBy
  return { madeBy: { name: multi.key, output, optional, subset: multi.subset } }
}

const destinationOf = ({ destination }: TableAsset | SqlAsset): { destination?: DestinationSpec } => (destination === undefined ? {} : { destination })

const configSchemaOf = ({ config }: TableAsset | FunctionAsset): { configSchema?: z.infer<ReturnType<typeof z.json>> } =>
  config === undefined ? {} : { configSchema: jsonSchemaOf(config) }
