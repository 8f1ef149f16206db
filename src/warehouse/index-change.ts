import type { TableSpec } from '../definitions/column-spec.ts'
import { createIndexesSql, createPrimaryKeySql, indexName, nameWithSuffix } from './create-table.ts'
import { quoteIdentifier, quoteTable } from './identifier.ts'
import type { ExistingIndex, TableState } from './table-state.ts'

const sameSet = (one: readonly string[], other: readonly string[]): boolean => one.length === other.length && one.every((name) => other.includes(name))
const sameList = (one: readonly string[], other: readonly string[]): boolean => one.length === other.length && one.every((name, at) => name === other[at])

const list = (columns: readonly string[]): string => columns.map(quoteIdentifier).join(', ')

/** An index that an asset's `indexes` had made: its name says so. */
function isOurs({ name, columns, constraint }: ExistingIndex, table: TableSpec): boolean {
  return constraint === null && columns !== null && name === indexName(table, columns)
}

/** Statements that give a table the indexes of its definition, and take away those of ours that it no longer has. Others are let be. */
export function planIndexes(table: TableSpec, { indexes }: TableState): { readonly create: string[]; readonly drop: string[] } {
  const wanted = (columns: readonly string[]): boolean => table.indexes.some((one) => sameList(one, columns))
  const there = (columns: readonly string[]): boolean =>
    indexes.some((one) => one.constraint === null && one.plain && one.columns !== null && sameList(one.columns, columns))
  return {
    create: createIndexesSql({ ...table, indexes: table.indexes.filter((columns) => !there(columns)) }, table),
    drop: indexes
      .filter((one) => isOurs(one, table) && !wanted(one.columns ?? []))
      .map(({ name }) => `DROP INDEX ${quoteTable({ schema: table.schema, name })}`),
  }
}

export interface KeyChange {
  /** What lets readers be. */
  readonly early?: readonly string[]
  readonly statements: readonly string[]
  /** Why the table cannot have the key, and what to do. */
  readonly problem?: string
}

/**
 * How a table gets the primary key of its definition. An empty table gets any; one with rows gets one where it had none, if its rows have no
 * such key twice (`distinct`); a key is never taken away.
 */
export function planPrimaryKey(table: TableSpec, state: TableState, distinct: boolean): KeyChange {
  const { primaryKey } = table
  if (primaryKey.length === 0 || hasKey(state, primaryKey)) return { statements: [] }
  const present = state.indexes.find((one) => one.primary)
  const name = quoteTable(table)
  if (present !== undefined && state.empty) {
    return { statements: [`ALTER TABLE ${name} DROP CONSTRAINT ${quoteIdentifier(present.constraint ?? present.name)}`, ...createPrimaryKeySql(table, table)] }
  }
  const add = `ALTER TABLE ${name} ADD PRIMARY KEY (${list(primaryKey)})`
  if (present !== undefined) {
    const drop = `ALTER TABLE ${name} DROP CONSTRAINT ${quoteIdentifier(present.constraint ?? present.name)}`
    return {
      statements: [],
      problem:
        `Its primary key is (${(present.columns ?? []).join(', ')}) in the table and (${primaryKey.join(', ')}) in the definition. ` +
        `Change the definition back, or the table: ${drop}; ${add}.`,
    }
  }
  if (!state.empty && !distinct) {
    return {
      statements: [],
      problem: `It has no primary key, the definition says (${primaryKey.join(', ')}), and there are rows without it, or with the same one. Mend them, then: ${add}.`,
    }
  }
  if (state.empty || state.partitionKey !== null) return { statements: [add] }
  // Built first, while the table is read; taken for the key in a moment.
  const index = quoteIdentifier(nameWithSuffix(table.name, '_pkey'))
  return {
    early: [`CREATE UNIQUE INDEX ${index} ON ${name} (${list(primaryKey)})`],
    statements: [`ALTER TABLE ${name} ADD CONSTRAINT ${index} PRIMARY KEY USING INDEX ${index}`],
  }
}

/** Whether a key, or a unique index that does for one, is there already. */
export function hasKey({ indexes }: TableState, primaryKey: readonly string[]): boolean {
  return indexes.some((one) => one.arbiter && one.columns !== null && sameSet(one.columns, primaryKey))
}

/** A query that answers `distinct`: whether every row has the key, and none the same one. */
export function distinctKeysSql(table: TableSpec): string {
  const missing = table.primaryKey.map((name) => `${quoteIdentifier(name)} IS NULL`).join(' OR ')
  const name = quoteTable(table)
  return `SELECT NOT EXISTS (SELECT FROM ${name} WHERE ${missing}) AND NOT EXISTS (SELECT FROM ${name} GROUP BY ${list(table.primaryKey)} HAVING count(*) > 1) AS "distinct"`
}
