import pg from 'pg'
import { sessionSettings } from '../catalog/database.ts'
import { hasLoadSchema, migrateDestination } from '../catalog/migrate.ts'
import { ConfigError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { oldestVersion, reasonOf } from '../postgres.ts'
import { downKindOf } from './destination-down.ts'

/** Other connections of this process may come between a turn or two. */
const turns = 6

/**
 * Makes a fresh connection one of ours. Settings are made here and not as it starts, because a pooler in between would refuse them there.
 * @throws ConfigError `DESTINATION_TOO_OLD`; Error when the server is a standby: another may be the primary in a moment
 */
export async function makeSession(client: pg.ClientBase): Promise<void> {
  const settings = Object.entries(sessionSettings).map(([name, value]) => `SET ${name} = ${value};`)
  // Several statements in one go are answered one by one, though the types know of one.
  const answers = (await client.query(
    `${settings.join(' ')} SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version, pg_is_in_recovery() AS standby`,
  )) as unknown as readonly pg.QueryResult<{ number: number; version: string; standby: boolean }>[]
  const server = answers.at(-1)?.rows[0]
  if (server === undefined || server.number < oldestVersion * 10_000) {
    throw new ConfigError(`The destination is a PostgreSQL ${server?.version ?? 'of an unknown version'}, which is too old.`, {
      code: 'DESTINATION_TOO_OLD',
      hint: `Use PostgreSQL ${String(oldestVersion)} or newer.`,
    })
  }
  if (server.standby) throw new Error('the server is a standby, which takes no writes')
}

/**
 * Looks at a destination once, before its first work: brings its schema up to date, and sees what is in between.
 * @throws ConfigError `POOLER_UNFIT`, `DESTINATION_SCHEMA`
 */
export async function checkServer(client: pg.PoolClient, url: string, logger: Logger): Promise<void> {
  await refuseTransactionPooling(client, url)
  if (await hasLoadSchema(client)) return
  try {
    await migrateDestination(url, { log: (message) => logger.warn(message) })
  } catch (error) {
    // What is not the server's word is its silence: that passes.
    if (!(error instanceof pg.DatabaseError) || downKindOf(error) !== undefined) throw error
    throw new ConfigError(`The schema millrace_load of the destination cannot be brought up to date: ${reasonOf(error)}.`, {
      code: 'DESTINATION_SCHEMA',
      hint: 'Run `millrace migrate` as a role that may create schemas there, or let this one: GRANT CREATE ON DATABASE … TO ….',
      cause: error,
    })
  }
}

/**
 * A pooler that lends its connections for one transaction hands each of ours whichever is free. So two are made to take turns at being in
 * a transaction: with sessions of their own both stay what they are.
 */
async function refuseTransactionPooling(client: pg.PoolClient, url: string): Promise<void> {
  const other = new pg.Client({ connectionString: url, application_name: 'millrace load', connectionTimeoutMillis: 10_000 })
  other.on('error', () => undefined)
  await other.connect()
  try {
    const seen = { own: new Set<number>(), other: new Set<number>() }
    for (let turn = 0; turn < turns; turn += 1) {
      const [first, second] = turn % 2 === 0 ? ([client, other] as const) : ([other, client] as const)
      await first.query('BEGIN')
      for (const one of [first, second]) seen[one === client ? 'own' : 'other'].add(await pidOf(one))
      await first.query('COMMIT')
    }
    if (seen.own.size === 1 && seen.other.size === 1 && [...seen.own].every((pid) => !seen.other.has(pid))) return
    throw new ConfigError('The destination is behind a pooler that lends its connections for one transaction only.', {
      code: 'POOLER_UNFIT',
      hint: 'Loads need a session of their own: set the pooler to session mode (pool_mode = session), or name the server itself.',
    })
  } finally {
    await other.end().catch(() => undefined)
  }
}

async function pidOf(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ pid: number }>(`SELECT pg_backend_pid() AS pid`)
  return rows[0]?.pid ?? 0
}
