import type pg from 'pg'
import type { TableName } from '../definitions/asset-key.ts'

/** Puts writers of one target in order, to the end of the transaction. Readers never meet this lock. */
export async function lockTarget(client: pg.ClientBase, target: TableName): Promise<void> {
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('millrace target ' || $1 || '.' || $2, 0))`, [target.schema, target.name])
}

/** The advisory lock, as SQL, under which the batches of the step $1 go straight into their target, one after the other. */
export const directLoadLock = `hashtextextended('millrace direct load ' || $1::text, 0)`

/** CREATE SCHEMA IF NOT EXISTS that two sessions may run at once. */
export async function ensureSchema(client: pg.ClientBase, schema: string, quoted: string): Promise<void> {
  const { rows } = await client.query<{ found: boolean }>(`SELECT to_regnamespace($1) IS NOT NULL AS found`, [quoted])
  if (rows[0]?.found === true) return
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('millrace schema ' || $1, 0))`, [schema])
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${quoted}`)
}
