import type { TableSpec } from '../definitions/column-spec.ts'
import { quoteIdentifier, quoteTable } from './identifier.ts'
import { comparable, keyOf } from './keys.ts'

/** What is merged into a table. */
export interface MergeSource {
  readonly table: TableSpec
  /** How the CTE of the rows, one a key, begins. They are read more than once, and must be the same ones each time. */
  readonly rows: string
  /** How many rows those are, as SQL. */
  readonly count: string
}

/** The first Postgres whose `MERGE` says of each row what became of it, as `server_version_num`. */
export const firstToSayWhat = 170_000

/** A merge's conditions, of a target `t` and its source `s`. */
function conditionsOf({ columns, primaryKey, merge: { newestBy, deletedBy } = {} }: TableSpec) {
  const others = columns.filter((column) => !primaryKey.includes(column.name))
  const newest = newestBy === undefined ? undefined : quoteIdentifier(newestBy)
  const notOlder = (record: string) => (newest === undefined ? '' : ` AND (t.${newest} IS NULL OR ${record}.${newest} >= t.${newest})`)
  return {
    same: primaryKey.map((name) => `t.${quoteIdentifier(name)} = s.${quoteIdentifier(name)}`).join(' AND '),
    notOlder: notOlder('s'),
    stillNotOlder: notOlder('excluded'),
    differs: others.map((column) => `${comparable(column, 't.')} IS DISTINCT FROM ${comparable(column, 's.')}`).join(' OR '),
    gone: deletedBy === undefined ? 'false' : `coalesce(s.${quoteIdentifier(deletedBy)}, false)`,
    names: columns.map((column) => quoteIdentifier(column.name)),
    others: others.map((column) => quoteIdentifier(column.name)),
  }
}

const unchangedSql = ({ count }: MergeSource): string => `${count} - inserted - updated - deleted AS unchanged`

/**
 * One join says of each row what is to become of it, and each is written once. Of Postgres 17 and newer.
 * Where others insert a key meanwhile, it fails with 23505.
 */
export function mergeSql(source: MergeSource): string {
  const { table, rows } = source
  const { same, notOlder, differs, gone, names, others } = conditionsOf(table)
  const actions = [
    ...(table.merge?.deletedBy === undefined ? [] : [`WHEN MATCHED AND ${gone}${notOlder} THEN DELETE`]),
    ...(others.length === 0
      ? []
      : [`WHEN MATCHED AND NOT ${gone} AND (${differs})${notOlder} THEN UPDATE SET ${others.map((name) => `${name} = s.${name}`).join(', ')}`]),
    `WHEN NOT MATCHED AND NOT ${gone} THEN INSERT (${names.join(', ')}) VALUES (${names.map((name) => `s.${name}`).join(', ')})`,
  ]
  return `WITH source AS ${rows},
     written AS (MERGE INTO ${quoteTable(table)} t USING source s ON ${same} ${actions.join(' ')} RETURNING merge_action() AS did),
     counts AS (SELECT count(*) FILTER (WHERE did = 'INSERT') AS inserted, count(*) FILTER (WHERE did = 'UPDATE') AS updated, count(*) FILTER (WHERE did = 'DELETE') AS deleted FROM written)
   SELECT inserted, updated, deleted, ${unchangedSql(source)} FROM counts`
}

/**
 * The same for every Postgres and whatever others do to the table meanwhile; each key is looked up twice.
 * @param partitioned whether the target is
 */
export function upsertSql(source: MergeSource, partitioned: boolean): string {
  const { table, rows } = source
  const target = quoteTable(table)
  const key = keyOf(table)
  const { same, notOlder, stillNotOlder, differs, gone, names, others } = conditionsOf(table)
  // A row may have become newer meanwhile.
  const action = others.length === 0 ? 'NOTHING' : `UPDATE SET ${others.map((name) => `${name} = excluded.${name}`).join(', ')} WHERE true${stillNotOlder}`
  // Joined first: a row that ON CONFLICT leaves alone is locked all the same, which writes it.
  const standing = `EXISTS (SELECT FROM ${target} t WHERE ${same}${others.length === 0 ? '' : ` AND ((${differs})${notOlder}) IS NOT TRUE`})`
  // The rows of a partitioned table have no xmax to go by: its key, as it was before, says whether one is new.
  const fresh = partitioned ? `NOT EXISTS (SELECT FROM ${target} o WHERE ${key.map((name) => `o.${name} = t.${name}`).join(' AND ')})` : 't.xmax = 0'
  return `WITH source AS ${rows},
     gone AS (DELETE FROM ${target} t USING source s WHERE ${gone} AND ${same}${notOlder} RETURNING 1),
     written AS (INSERT INTO ${target} AS t (${names.join(', ')}) SELECT ${names.join(', ')} FROM source s WHERE NOT ${gone} AND NOT ${standing} ON CONFLICT (${key.join(', ')}) DO ${action} RETURNING ${fresh} AS fresh),
     counts AS (SELECT count(*) FILTER (WHERE fresh) AS inserted, count(*) FILTER (WHERE NOT fresh) AS updated, (SELECT count(*) FROM gone) AS deleted FROM written)
   SELECT inserted, updated, deleted, ${unchangedSql(source)} FROM counts`
}
