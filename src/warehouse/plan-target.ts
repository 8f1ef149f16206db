import type pg from 'pg'
import type { TableSpec } from '../definitions/column-spec.ts'
import { leavesKnownOut, targetOf } from '../definitions/target.ts'
import { DataError } from '../errors.ts'
import { limitTable } from './column-limits.ts'
import type { ColumnLimit } from './column-limits.ts'
import { createIndexesSql, createPrimaryKeySql, createTableSql } from './create-table.ts'
import { grantedBefore, planGrants, requireRoles, shutOutRoles } from './grants.ts'
import { distinctKeysSql, hasKey, planIndexes, planPrimaryKey } from './index-change.ts'
import type { KeyChange } from './index-change.ts'
import { requireKey } from './merge.ts'
import { planSchema } from './locks.ts'
import { planPartitionsAhead } from './partitions.ts'
import { planSchemaChange } from './schema-change.ts'
import { planComment, planStorage, requireTablespace } from './storage-change.ts'
import { readTableState } from './table-state.ts'
import type { TableState } from './table-state.ts'

/** What makes a target fit its definition. */
export interface TargetPlan {
  readonly exists: boolean
  readonly statements: readonly string[]
  /** What the table cannot take, where its contract leaves it as it is. */
  readonly limits: readonly ColumnLimit[]
}

export interface PlanRequest {
  /** As its asset defines it; what publishing adds is added here. */
  readonly table: TableSpec
  /** Columns that the asset's checks name. */
  readonly checked?: readonly string[]
  /** Whether a schema that is not there is made too. Default false: it was. */
  readonly withSchema?: boolean
}

/**
 * Compares a target with its definition, and changes nothing.
 * @throws DataError `SCHEMA_CHANGE_REFUSED`, `SCHEMA_FROZEN`, `MERGE_KEY_MISSING`, `TABLESPACE_UNKNOWN`, `ROLE_UNKNOWN`
 */
export async function planTarget(client: pg.ClientBase, { table, checked = [], withSchema = false }: PlanRequest): Promise<TargetPlan> {
  const tablespace = await requireTablespace(client, table)
  await requireRoles(client, table)
  const { tablespace: _, ...kept } = table.storage ?? {}
  const target: TableSpec = { ...targetOf(table), storage: tablespace === undefined ? kept : { ...kept, tablespace } }
  const state = await readTableState(client, target)
  if (state === undefined)
    return {
      exists: false,
      statements: [...(withSchema ? await planSchema(client, target.schema) : []), ...(await createStatements(client, target))],
      limits: [],
    }
  requireSamePartitions(target, state)
  const columns = planSchemaChange(state.columns, target, { empty: state.empty, required: [...requiredColumns(target, table), ...checked] })
  if (columns.problem !== undefined) throw refused(target, columns.problem, columns.frozen ?? false)
  const limited = limitTable(target, columns.limits)
  const indexes = planIndexes(limited, state)
  const added = new Set(limited.columns.map(({ name }) => name).filter((name) => !state.columns.some((column) => column.name === name)))
  const key = await planKey(client, limited, state)
  const late = (statement: string): boolean => [...added].some((name) => statement.includes(`"${name.replaceAll('"', '""')}"`))
  return {
    exists: true,
    limits: columns.limits,
    // What takes long and lets readers be comes first; what locks them out comes last.
    statements: [
      ...indexes.create.filter((statement) => !late(statement)),
      ...(key.early ?? []),
      ...(await planPartitionsAhead(client, target)),
      ...planComment(target, state),
      ...(await grantStatements(client, target, state)),
      ...indexes.drop,
      ...columns.statements,
      ...indexes.create.filter(late),
      ...key.statements,
      ...planStorage(target, state),
    ],
  }
}

/** Columns without which the asset cannot be written as it says. */
function requiredColumns(target: TableSpec, { columns }: TableSpec): string[] {
  const own = new Set(columns.map(({ name }) => name))
  const added = target.columns.map(({ name }) => name).filter((name) => !own.has(name))
  const { merge, scd2, partitionBy, cursor, by = [] } = target
  const named = [merge?.newestBy, merge?.deletedBy, scd2?.deletedBy, partitionBy?.column, cursor?.column].filter((name) => name !== undefined)
  return [...added, ...target.primaryKey, ...by, ...named]
}

async function createStatements(client: pg.ClientBase, target: TableSpec): Promise<string[]> {
  return [
    ...createTableSql(target, target, { storage: target.storage, partitioned: true }),
    ...createPrimaryKeySql(target, target),
    ...createIndexesSql(target, target),
    ...planGrants(target, { readers: [], ours: [], shutOut: await shutOutRoles(client, target) }),
    ...(await planPartitionsAhead(client, target)),
  ]
}

async function grantStatements(client: pg.ClientBase, target: TableSpec, { readers, owner }: TableState): Promise<string[]> {
  if (readers.length === 0 && target.grants === undefined) return []
  const ours = readers.length === 0 ? [] : await grantedBefore(client, target)
  return planGrants(target, { readers: [...readers, owner], ours, shutOut: await shutOutRoles(client, target) })
}

async function planKey(client: pg.ClientBase, target: TableSpec, state: TableState): Promise<KeyChange> {
  if (target.primaryKey.length === 0 || hasKey(state, target.primaryKey)) return { statements: [] }
  const missing = target.primaryKey.some((name) => !state.columns.some((column) => column.name === name))
  let distinct = false
  if (!state.empty && !missing && !state.indexes.some((one) => one.primary)) {
    const { rows } = await client.query<{ distinct: boolean }>(distinctKeysSql(target))
    distinct = rows[0]?.distinct ?? false
  }
  const change = planPrimaryKey(target, state, distinct)
  if (change.problem === undefined) return change
  if (target.disposition === 'merge' || leavesKnownOut(target)) await requireKey(client, target)
  throw refused(target, change.problem, false)
}

function requireSamePartitions(target: TableSpec, { partitionKey }: TableState): void {
  if (target.partitionBy === undefined) return
  const { column } = target.partitionBy
  const wanted = [`RANGE (${column})`, `RANGE ("${column.replaceAll('"', '""')}")`]
  if (partitionKey !== null && wanted.includes(partitionKey)) return
  const found = partitionKey === null ? 'is there already, and not partitioned' : `is partitioned by ${partitionKey}`
  throw refused(
    target,
    `It ${found}; the definition says by ${column}. A table cannot be partitioned afterwards: rename it, run again, and insert its rows into the new one.`,
    false,
  )
}

function refused(table: TableSpec, problem: string, frozen: boolean): DataError {
  return new DataError(`${table.schema}.${table.name} cannot take the rows of this asset: ${problem}`, {
    code: frozen ? 'SCHEMA_FROZEN' : 'SCHEMA_CHANGE_REFUSED',
    hint: frozen
      ? 'Change the asset’s columns back, alter the table by hand, or let its `schemaContract` evolve.'
      : 'Change the asset’s columns back, or alter the table by hand and run again.',
  })
}
