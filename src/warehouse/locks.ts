import type pg from 'pg'
import type { TableName } from '../definitions/asset-key.ts'
import { quoteIdentifier } from './identifier.ts'

/** Puts writers of one target in order, to the end of the transaction. Readers never meet this lock. */
export async function lockTarget(client: pg.ClientBase, target: TableName): Promise<void> {
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('millrace target ' || $1 || '.' || $2, 0))`, [target.schema, target.name])
}

/** The advisory lock, as SQL, under which the batches of the step $1 go straight into their target, one after the other. */
export const directLoadLock = `hashtextextended('millrace direct load ' || $1::text, 0)`
/** The statement that makes a schema; none where it is there. */
export async function planSchema(client: pg.ClientBase, schema: string): Promise<string[]> {
  const quoted = quoteIdentifier(schema)
  const { rows } = await client.query<{ found: boolean }>(`SELECT to_regnamespace($1) IS NOT NULL AS found`, [quoted])
  return rows[0]?.found === true ? [] : [`CREATE SCHEMA IF NOT EXISTS ${quoted}`]
}

/** CREATE SCHEMA IF NOT EXISTS that two sessions may run at once. Answers the statement, if it ran. */
export async function ensureSchema(client: pg.ClientBase, schema: string): Promise<string[]> {
  const statements = await planSchema(client, schema)
  if (statements.length === 0) return []
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('millrace schema ' || $1, 0))`, [schema])
  // Who waited for the lock may find it made. Names are looked up in a session's cache, which no advisory lock refreshes: only the catalog itself knows.
  const { rows } = await client.query<{ found: boolean }>(`SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1) AS found`, [schema])
  if (rows[0]?.found === true) return []
  for (const statement of statements) await client.query(statement)
  return statements
}
