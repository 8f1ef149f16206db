import * as z from 'zod'
import { longestIdentifier } from './asset-key.ts'
import type { ColumnSpec } from './column-spec.ts'
import { DefinitionError } from './definition-error.ts'
import { schemaContractOf } from './schema-contract.ts'
import type { SchemaContract } from './schema-contract.ts'
import { PartitionBy, StatisticsSpec, TableGrants, TableStorage } from './table-options.ts'
import type { TableSettings } from './table-options.ts'
import { issuesOf } from './issues.ts'

interface SettingsSpec {
  contract?: SchemaContract
  storage?: TableStorage
  partitionBy?: PartitionBy
  grants?: TableGrants
  statistics?: StatisticsSpec
}

export interface SettingsRequest {
  readonly key: string
  readonly settings: TableSettings
  /** Of the target, with those that publishing adds. */
  readonly columns: readonly ColumnSpec[]
  readonly primaryKey: readonly string[]
  readonly hasQuarantine: boolean
}

/** A table's settings as data; nothing where it has none. @throws DefinitionError when they cannot be */
export function settingsSpecOf(request: SettingsRequest): SettingsSpec {
  const { key, settings } = request
  const spec: SettingsSpec = {}
  const contract = parse(key, 'schemaContract', () => schemaContractOf(settings.schemaContract))
  if (Object.values(contract).some((mode) => mode !== 'evolve')) spec.contract = contract
  if (Object.values(contract).includes('discard_row') && !request.hasQuarantine) {
    throw new DefinitionError(`The schemaContract of ${key} says discard_row, and the asset has no \`quarantine\` for such records: give it one.`)
  }
  const { unlogged, tablespace, fillfactor } = settings
  const storage = parse(key, 'storage', () => TableStorage.parse(withoutUndefined({ unlogged, tablespace, fillfactor })))
  if (Object.keys(storage).length > 0) spec.storage = storage
  if (settings.partitionBy !== undefined) spec.partitionBy = partitionSpecOf(request, settings.partitionBy)
  if (settings.grants !== undefined) spec.grants = grantsOf(key, settings.grants)
  if (settings.statistics !== undefined) spec.statistics = statisticsSpecOf(request, settings.statistics)
  return spec
}

function withoutUndefined(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}

function parse<T>(key: string, what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof z.ZodError) throw new DefinitionError(`The ${what} of ${key} cannot be: ${issuesOf(error)}.`)
    throw error
  }
}

function partitionSpecOf(request: SettingsRequest, { field, ...rest }: NonNullable<TableSettings['partitionBy']>): PartitionBy {
  const { key, columns, primaryKey } = request
  const column = columns.find((one) => one.field === field || one.name === field)
  if (column === undefined) throw new DefinitionError(`partitionBy of ${key} names ${JSON.stringify(field)}, which its columns do not have.`)
  if (column.array || column.nullable || !/^(date|timestamp)/.test(column.type)) {
    throw new DefinitionError(`partitionBy of ${key} names ${field}, which must be a date or a time that is never NULL; it is ${column.type}.`)
  }
  if (primaryKey.length > 0 && !primaryKey.includes(column.name)) {
    throw new DefinitionError(
      `${key} is partitioned by ${column.name}, which its primary key (${primaryKey.join(', ')}) does not have: Postgres keeps a key within each partition only. Add the field to the key.`,
    )
  }
  return parse(key, 'partitionBy', () => PartitionBy.parse(withoutUndefined({ column: column.name, ahead: 1, ...withoutUndefined(rest) })))
}

function statisticsSpecOf({ key, columns }: SettingsRequest, statistics: NonNullable<TableSettings['statistics']>): StatisticsSpec {
  const given = parse(key, 'statistics', () => StatisticsSpec.parse(statistics))
  if (given === false) return false
  const exclude = given.exclude.map((field) => {
    const column = columns.find((one) => one.field === field || one.name === field)
    if (column === undefined) throw new DefinitionError(`The statistics of ${key} exclude ${JSON.stringify(field)}, which its columns do not have.`)
    return column.name
  })
  return { exclude }
}

function grantsOf(key: string, grants: NonNullable<TableSettings['grants']>): TableGrants {
  const { select } = parse(key, 'grants', () => TableGrants.parse(grants))
  const wrong = select.find((role) => role.includes('\0') || new TextEncoder().encode(role).length > longestIdentifier)
  if (wrong !== undefined) throw new DefinitionError(`The grants of ${key} name ${JSON.stringify(wrong)}, which cannot be a role.`)
  return { select: [...new Set(select)].toSorted() }
}
