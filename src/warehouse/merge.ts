import type pg from 'pg'
import type { TableSpec } from '../definitions/column-spec.ts'
import { DataError } from '../errors.ts'
import { quoteIdentifier, quoteTable } from './identifier.ts'
import { comparable, hasKeysTwice, keyOf, refuseDifferent } from './keys.ts'
import { replaceTarget } from './replace.ts'
import type { ReplaceRequest } from './replace.ts'

export interface MergeRequest extends ReplaceRequest {
  readonly asset: string
  /** How many rows staging holds. */
  readonly rows: number
  /** What staging does not have is to go. */
  readonly fullRefresh?: boolean
}

/** What became of a load's keys: each is counted once. */
export interface MergeCounts {
  readonly inserted: number
  readonly updated: number
  readonly deleted: number
  /** Alike already, older than what was there, or to be deleted and not there. */
  readonly unchanged: number
}

/**
 * Merges staging into the target by primary key, inside the caller's transaction: only rows that differ are written. Of several
 * records with one key the newest counts; without `newestBy` they must be alike.
 * @throws DataError `KEY_TWICE`
 */
export async function mergeIntoTarget(client: pg.ClientBase, request: MergeRequest): Promise<MergeCounts & { readonly how?: string }> {
  const { asset, table, fullRefresh = false } = request
  const source = quoteTable(request.staging)
  const twice = await hasKeysTwice(client, table, source)
  if (twice && table.merge?.newestBy === undefined) await refuseDifferent(client, asset, table, source)
  // Into an empty table there is nothing to merge with: the load becomes the table, and its index is built at once.
  if (!twice && !(await hasFlagged(client, table, source)) && (fullRefresh || (await holdsNothing(client, table)))) {
    return { inserted: request.rows, updated: 0, deleted: 0, unchanged: 0, how: await replaceTarget(client, request) }
  }
  if (fullRefresh) await client.query(`DELETE FROM ${quoteTable(table)}`)
  const { rows } = await client.query<CountsRow>(
    mergeSql(table, await isPartitioned(client, table), twice ? `MATERIALIZED (${newestSql(table, source)})` : `NOT MATERIALIZED (TABLE ${source})`),
  )
  await client.query(`DROP TABLE ${source}`)
  return countsOf(rows[0])
}

/** Counts as Postgres answers them, in bigint. */
export type CountsRow = Readonly<Record<keyof MergeCounts, string>>

export function countsOf(row: CountsRow | undefined): MergeCounts {
  const { inserted = 0, updated = 0, deleted = 0, unchanged = 0 } = row ?? {}
  return { inserted: Number(inserted), updated: Number(updated), deleted: Number(deleted), unchanged: Number(unchanged) }
}

async function hasFlagged(client: pg.ClientBase, { merge }: TableSpec, source: string): Promise<boolean> {
  if (merge?.deletedBy === undefined) return false
  const { rows } = await client.query<{ found: boolean }>(`SELECT EXISTS (SELECT FROM ${source} WHERE ${quoteIdentifier(merge.deletedBy)}) AS found`)
  return rows[0]?.found ?? true
}

/** Whether the target is empty, and stays so until this transaction ends: nobody else may write to it then. */
export async function holdsNothing(client: pg.ClientBase, table: TableSpec): Promise<boolean> {
  const empty = async (): Promise<boolean> => {
    const { rows } = await client.query<{ empty: boolean }>(`SELECT NOT EXISTS (SELECT FROM ${quoteTable(table)}) AS empty`)
    return rows[0]?.empty ?? false
  }
  if (!(await empty())) return false
  await client.query('SAVEPOINT before_lock')
  try {
    await client.query(`SET LOCAL lock_timeout = '200ms'`)
    await client.query(`LOCK TABLE ${quoteTable(table)} IN SHARE ROW EXCLUSIVE MODE`)
    await client.query(`SET LOCAL lock_timeout = 0`)
    return await empty()
  } catch (error) {
    await client.query('ROLLBACK TO SAVEPOINT before_lock')
    if (!(error instanceof Error && 'code' in error && error.code === '55P03')) throw error
    return false
  }
}

/**
 * A table that was there before its asset was written by merge may lack the key.
 * @throws DataError `MERGE_KEY_MISSING`
 */
export async function requireKey(client: pg.ClientBase, table: TableSpec): Promise<void> {
  const { rows } = await client.query(
    `SELECT 1 FROM pg_index i WHERE i.indrelid = $1::regclass AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
       AND (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
         = (SELECT array_agg(name ORDER BY name) FROM unnest($2::text[]) name)`,
    [quoteTable(table), table.primaryKey],
  )
  if (rows.length > 0) return
  const key = table.primaryKey.map(quoteIdentifier).join(', ')
  throw new DataError(`${table.schema}.${table.name} cannot be merged into: it has no primary key or unique index of ${table.primaryKey.join(', ')}.`, {
    code: 'MERGE_KEY_MISSING',
    hint: `The table is older than this definition. Give it its key: ALTER TABLE ${quoteTable(table)} ADD PRIMARY KEY (${key}).`,
  })
}

/** One row a key: the newest. Of rows of one age any is taken, since nothing says which came later. */
function newestSql(table: TableSpec, source: string): string {
  const key = keyOf(table)
  const newest = table.merge?.newestBy
  const order = newest === undefined ? key : [...key, `${quoteIdentifier(newest)} DESC NULLS LAST`]
  return `SELECT DISTINCT ON (${key.join(', ')}) * FROM ${source} ORDER BY ${order.join(', ')}`
}

async function isPartitioned(client: pg.ClientBase, table: TableSpec): Promise<boolean> {
  const { rows } = await client.query<{ partitioned: boolean }>(`SELECT relkind = 'p' AS partitioned FROM pg_class WHERE oid = $1::regclass`, [
    quoteTable(table),
  ])
  return rows[0]?.partitioned ?? false
}

/** @param source how the CTE of the rows begins: they are read three times, and must be the same ones each time */
function mergeSql(table: TableSpec, partitioned: boolean, source: string): string {
  const target = quoteTable(table)
  const key = keyOf(table)
  const names = table.columns.map((column) => quoteIdentifier(column.name)).join(', ')
  const { newestBy, deletedBy } = table.merge ?? {}
  const same = key.map((name) => `t.${name} = s.${name}`).join(' AND ')
  const newest = newestBy === undefined ? undefined : quoteIdentifier(newestBy)
  const notOlder = newest === undefined ? '' : ` AND (t.${newest} IS NULL OR s.${newest} >= t.${newest})`
  const others = table.columns.filter((column) => !table.primaryKey.includes(column.name))
  const differs = others.map((column) => `${comparable(column, 't.')} IS DISTINCT FROM ${comparable(column, 's.')}`).join(' OR ')
  const sets = others.map(({ name }) => `${quoteIdentifier(name)} = excluded.${quoteIdentifier(name)}`).join(', ')
  const action = others.length === 0 ? 'NOTHING' : `UPDATE SET ${sets}`
  // Joined first: a row that ON CONFLICT leaves alone is locked all the same, which writes it.
  const standing = `EXISTS (SELECT FROM ${target} t WHERE ${same}${others.length === 0 ? '' : ` AND ((${differs})${notOlder}) IS NOT TRUE`})`
  const gone = deletedBy === undefined ? 'false' : `coalesce(s.${quoteIdentifier(deletedBy)}, false)`
  // The rows of a partitioned table have no xmax to go by: its key, as it was before, says whether one is new.
  const fresh = partitioned ? `NOT EXISTS (SELECT FROM ${target} o WHERE ${key.map((name) => `o.${name} = t.${name}`).join(' AND ')})` : 't.xmax = 0'
  return `WITH source AS ${source},
     gone AS (DELETE FROM ${target} t USING source s WHERE ${gone} AND ${same}${notOlder} RETURNING 1),
     written AS (INSERT INTO ${target} AS t (${names}) SELECT ${names} FROM source s WHERE NOT ${gone} AND NOT ${standing} ON CONFLICT (${key.join(', ')}) DO ${action} RETURNING ${fresh} AS fresh),
     counts AS (SELECT count(*) FILTER (WHERE fresh) AS inserted, count(*) FILTER (WHERE NOT fresh) AS updated, (SELECT count(*) FROM gone) AS deleted FROM written)
   SELECT inserted, updated, deleted, (SELECT count(*) FROM source) - inserted - updated - deleted AS unchanged FROM counts`
}
