import type pg from 'pg'
import type { TableName } from '../../definitions/asset-key.ts'
import { quoteLiteral, quoteTable } from '../../warehouse/identifier.ts'
import { ensureSchema } from '../../warehouse/locks.ts'
import { TableMissingError } from './fault.ts'
import type { PostgresStore } from './store.ts'

/** A table that an I/O manager makes by itself. */
export interface OwnTable extends TableName {
  /** Columns and keys, as SQL between the parentheses. */
  readonly columns: string
  /** What stands at it in the database. */
  readonly comment: string
}

/** Stores something in a table; where it is not there it is made first, by one of all workers that find so at once. */
export async function withTable<T>(store: PostgresStore, table: OwnTable, signal: AbortSignal, use: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  try {
    return await store.transaction(signal, use)
  } catch (error) {
    if (!(error instanceof TableMissingError)) throw error
    await store.transaction(signal, (client) => makeTable(client, table))
    return store.transaction(signal, use)
  }
}

async function makeTable(client: pg.ClientBase, table: OwnTable): Promise<void> {
  const name = quoteTable(table)
  await ensureSchema(client, table.schema)
  // IF NOT EXISTS alone fails where two find at once that it does not.
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('millrace io ' || $1, 0))`, [name])
  // Not by to_regclass: it asks the session's cache, which may still say what it said before the lock.
  const { rows } = await client.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2) AS found`,
    [table.schema, table.name],
  )
  if (rows[0]?.found === true) return
  await client.query(`CREATE TABLE ${name} (${table.columns})`)
  await client.query(`COMMENT ON TABLE ${name} IS ${quoteLiteral(table.comment)}`)
}

/** What is answered instead where the table is not there. */
export async function unlessMissing<T>(work: Promise<T>, instead: T): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof TableMissingError) return instead
    throw error
  }
}
