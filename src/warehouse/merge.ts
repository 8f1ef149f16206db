import type pg from 'pg'
import type { TableSpec } from '../definitions/column-spec.ts'
import { DataError } from '../errors.ts'
import { quoteIdentifier, quoteTable } from './identifier.ts'
import { becomeTarget } from './become-target.ts'
import { hasKeyIndex, hasKeysTwice, keyOf, refuseDifferent } from './keys.ts'
import { firstToSayWhat, mergeSql, upsertSql } from './merge-sql.ts'
import type { MergeSource } from './merge-sql.ts'
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

// With the server's own, usually 4 MB, the join of a hundred thousand rows goes to disk.
const workMemory = '32MB'

/**
 * Merges staging into the target by primary key, inside the caller's transaction: only rows that differ are written. Of several
 * records with one key the newest counts; without `newestBy` they must be alike.
 * @throws DataError `KEY_TWICE`
 */
export async function mergeIntoTarget(client: pg.ClientBase, request: MergeRequest): Promise<MergeCounts & { readonly how?: string }> {
  const { asset, table, fullRefresh = false } = request
  const source = quoteTable(request.staging)
  await client.query(`SELECT set_config('work_mem', $1, true) WHERE pg_size_bytes(current_setting('work_mem')) < pg_size_bytes($1)`, [workMemory])
  // Into an empty table there is nothing to merge with: the load becomes the table, and its index is built at once.
  const alone = !(await hasFlagged(client, table, source)) && (fullRefresh || (await holdsNothing(client, table)))
  const how = alone ? await becomeTarget(client, request) : undefined
  if (how !== undefined) return { inserted: request.rows, updated: 0, deleted: 0, unchanged: 0, how }
  const twice = alone || (await hasKeysTwice(client, table, source))
  if (twice && table.merge?.newestBy === undefined) await refuseDifferent(client, asset, table, source)
  if (fullRefresh) await client.query(`DELETE FROM ${quoteTable(table)}`)
  const counts = await writeRows(client, {
    table,
    rows: twice ? `MATERIALIZED (${newestSql(table, source)})` : `NOT MATERIALIZED (TABLE ${source})`,
    count: twice ? '(SELECT count(*) FROM source)' : `${String(request.rows)}::bigint`,
  })
  await client.query(`DROP TABLE ${source}`)
  return countsOf(counts)
}

async function writeRows(client: pg.ClientBase, source: MergeSource): Promise<CountsRow | undefined> {
  const { partitioned, version } = await askTarget(client, source.table)
  if (version >= firstToSayWhat) {
    await client.query('SAVEPOINT before_merge')
    try {
      const { rows } = await client.query<CountsRow>(mergeSql(source))
      await client.query('RELEASE SAVEPOINT before_merge')
      return rows[0]
    } catch (error) {
      // Somebody inserted one of the keys meanwhile, which the other statement sees to.
      if (!(error instanceof Error && 'code' in error && error.code === '23505')) throw error
      await client.query('ROLLBACK TO SAVEPOINT before_merge')
    }
  }
  const { rows } = await client.query<CountsRow>(upsertSql(source, partitioned))
  return rows[0]
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
  if (await hasKeyIndex(client, table)) return
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

async function askTarget(client: pg.ClientBase, table: TableSpec): Promise<{ readonly partitioned: boolean; readonly version: number }> {
  const { rows } = await client.query<{ partitioned: boolean; version: number }>(
    `SELECT relkind = 'p' AS partitioned, current_setting('server_version_num')::int AS version FROM pg_class WHERE oid = $1::regclass`,
    [quoteTable(table)],
  )
  return rows[0] ?? { partitioned: false, version: 0 }
}
