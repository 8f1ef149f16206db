import type pg from 'pg'
import type { TableSpec } from '../definitions/column-spec.ts'
import { DataError } from '../errors.ts'
import { quoteIdentifier, quoteLiteral, quoteTable } from './identifier.ts'
import type { TableState } from './table-state.ts'

/** What an existing table changes to be kept as its definition says. What the definition does not say is let be. */
export function planStorage(table: TableSpec, state: TableState): string[] {
  const { unlogged, tablespace, fillfactor } = table.storage ?? {}
  const alter = `ALTER TABLE ${quoteTable(table)}`
  const statements: string[] = []
  // Of a partitioned table only its partitions have a place on disk; they are made with it.
  if (state.partitionKey !== null) return statements
  if (fillfactor !== undefined && !state.options.includes(`fillfactor=${String(fillfactor)}`))
    statements.push(`${alter} SET (fillfactor=${String(fillfactor)})`)
  if (unlogged !== undefined && unlogged !== state.unlogged) statements.push(`${alter} SET ${unlogged ? 'UNLOGGED' : 'LOGGED'}`)
  if (tablespace !== undefined && tablespace !== state.tablespace) statements.push(`${alter} SET TABLESPACE ${quoteIdentifier(tablespace)}`)
  return statements
}

/** A table's comment, where it changed. */
export function planComment(table: TableSpec, state: TableState): string[] {
  if (table.comment === undefined || table.comment === state.comment) return []
  return [`COMMENT ON TABLE ${quoteTable(table)} IS ${quoteLiteral(table.comment)}`]
}

/** Looks for the tablespace. @throws DataError `TABLESPACE_UNKNOWN` */
export async function requireTablespace(client: pg.ClientBase, { schema, name, storage }: TableSpec): Promise<string | undefined> {
  const tablespace = storage?.tablespace
  if (tablespace === undefined) return undefined
  const { rows } = await client.query<{ may: boolean; is_default: boolean }>(
    `SELECT has_tablespace_privilege(t.oid, 'CREATE') AS may, t.oid = (SELECT dattablespace FROM pg_database WHERE datname = current_database()) AS is_default
     FROM pg_tablespace t WHERE t.spcname = $1`,
    [tablespace],
  )
  const found = rows[0]
  if (found?.may === true || found?.is_default === true) return found.is_default ? undefined : tablespace
  const why = found === undefined ? 'there is no such tablespace' : 'this role may not create in it'
  throw new DataError(`${schema}.${name} is to be kept in the tablespace ${tablespace}, but ${why}.`, {
    code: 'TABLESPACE_UNKNOWN',
    hint: 'CREATE TABLESPACE, or GRANT CREATE ON TABLESPACE, is for the database’s administrator; or change the asset’s `tablespace`.',
  })
}
