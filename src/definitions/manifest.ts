import * as z from 'zod'
import { tableNameOf } from './asset-key.ts'
import { CheckSpec } from './check.ts'
import { TableSpec } from './column-spec.ts'
import { columnsOf, storableComment } from './columns.ts'
import { cursorSpecOf } from './cursor-spec.ts'
import { DestinationSpec } from './destination.ts'
import { DefinitionError } from './definition-error.ts'
import { fingerprintOf } from './fingerprint.ts'
import type { FunctionAsset } from './function-asset.ts'
import type { Asset, Location } from './location.ts'
import { QuarantineContract } from './quarantine.ts'
import { RetryPolicy } from './retry.ts'
import { ScheduleSpec } from './schedule.ts'
import { settingsSpecOf } from './settings-spec.ts'
import type { SqlAsset } from './sql-asset.ts'
import type { TableAsset } from './table.ts'
import { targetOf } from './target.ts'
import { writeSpecOf } from './write-spec.ts'
import type { ColumnOf } from './write-spec.ts'

const common = {
  key: z.string(),
  description: z.string().optional(),
  group: z.string().optional(),
  tags: z.record(z.string(), z.string()),
  deps: z.array(z.string()),
  checks: z.array(CheckSpec),
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
  ...configured,
  /** Keys of the assets whose values it is handed, by the names that it uses. */
  inputs: z.record(z.string(), z.string()),
  codeVersion: z.string().optional(),
})
type FunctionAssetSpec = z.infer<typeof FunctionAssetSpec>

export const AssetSpec = z.discriminatedUnion('kind', [TableAssetSpec, SqlAssetSpec, FunctionAssetSpec])
export type AssetSpec = z.infer<typeof AssetSpec>

/** A code location's definitions as JSON: what the board, the API, the planners and the load workers read. */
export const Manifest = z.object({
  location: z.string(),
  assets: z.array(AssetSpec),
  schedules: z.array(ScheduleSpec),
})
export type Manifest = z.infer<typeof Manifest>

/** @throws DefinitionError when a table's columns have no Postgres form, or a key, index or check names a field that is not there. */
export function manifestOf(location: Location): Manifest {
  return { location: location.name, assets: location.assets.map(assetSpecOf), schedules: [...location.schedules] }
}

function assetSpecOf(asset: Asset): AssetSpec {
  if (asset.kind === 'table') return tableAssetSpecOf(asset)
  return asset.kind === 'sql' ? sqlAssetSpecOf(asset) : functionAssetSpecOf(asset)
}

function commonOf(asset: Asset) {
  return {
    key: asset.key,
    ...(asset.description === undefined ? {} : { description: asset.description }),
    ...(asset.group === undefined ? {} : { group: asset.group }),
    tags: { ...asset.tags },
    deps: [...asset.deps],
    retry: RetryPolicy.parse(asset.retry),
    timeoutMs: asset.timeoutMs,
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
  const comment = storableComment(asset.description)
  const indexes = asset.indexes.map((fields) => fields.map((field) => columnOf(field, 'An index').name))
  const basic: TableSpec = {
    ...tableNameOf(asset.key),
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
  const checks = asset.checks.map((check) =>
    check.kind === 'unique' ? { ...check, columns: check.columns.map((field) => columnOf(field, `The check ${check.name}`).name) } : check,
  )
  return {
    kind: 'table',
    ...commonOf(asset),
    ...destinationOf(asset),
    ...configSchemaOf(asset),
    checks,
    table,
    fingerprint: fingerprintOf(table),
    resumable: asset.resumable,
    ...(asset.quarantine === undefined ? {} : { quarantine: contractOf(asset.key, asset.quarantine) }),
  }
}

function contractOf(key: string, contract: QuarantineContract): QuarantineContract {
  const parsed = QuarantineContract.safeParse(contract)
  if (parsed.success) return parsed.data
  throw new DefinitionError(`The quarantine of ${key} cannot be: ${z.prettifyError(parsed.error)}.`)
}

function sqlAssetSpecOf(asset: SqlAsset): SqlAssetSpec {
  return {
    kind: 'sql',
    ...commonOf(asset),
    ...destinationOf(asset),
    checks: [...asset.checks],
    ...tableNameOf(asset.key),
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
    ...configSchemaOf(asset),
    checks: [],
    inputs: Object.fromEntries(Object.entries(asset.inputs).map(([name, { key }]) => [name, key])),
    ...(asset.codeVersion === undefined ? {} : { codeVersion: asset.codeVersion }),
  }
}

const destinationOf = ({ destination }: TableAsset | SqlAsset): { destination?: DestinationSpec } => (destination === undefined ? {} : { destination })

const configSchemaOf = ({ config }: TableAsset | FunctionAsset): { configSchema?: z.infer<ReturnType<typeof z.json>> } =>
  config === undefined ? {} : { configSchema: jsonSchemaOf(config) }

function jsonSchemaOf(schema: z.ZodType): z.infer<ReturnType<typeof z.json>> {
  // What a person fills in, so the input side; round-tripped to drop what JSON cannot say.
  return z.json().parse(JSON.parse(JSON.stringify(z.toJSONSchema(schema, { io: 'input' }))))
}
