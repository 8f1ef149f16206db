import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { runMigrations } from 'bullmq'
import pg from 'pg'
import { MillraceError } from '../errors.ts'
import { driverUrl } from '../postgres.ts'
import { keepAliveDelayMs } from './database.ts'

/** What a migration does that does not get its locks: it tells so, and tries again for as long as it takes. */
export interface MigrationPatience {
  /** Told, each time a migration has given up for a moment, which one it is and who holds locks. */
  readonly log?: (message: string) => void
  /** Ends the waiting. */
  readonly stopped?: Promise<unknown>
}

export interface MigrateOptions extends MigrationPatience {
  /** The catalogue. */
  readonly databaseUrl: string
  /** The destination; the catalogue's own database by default. */
  readonly destinationUrl?: string
  /** Whether the queues live in the catalogue's database too. */
  readonly queuesInPostgres: boolean
}

export interface MigrationReport {
  readonly schema: string
  readonly applied: readonly string[]
}

const catalogFolder = new URL('./migrations/', import.meta.url)
const loadFolder = new URL('../warehouse/migrations/', import.meta.url)

// Whoever wants a table that a migration waits for waits behind it, workers that renew their leases (8 s by default) as well: it lets them pass in between.
const patienceSeconds = 2
const pauseSeconds = 3

/**
 * Brings the schemas `millrace` (catalogue), `millrace_load` (destination) and, where queues live in Postgres, `bullmq` up to date.
 * Safe to run concurrently, and beside an installation that runs: nobody waits for long behind a migration that waits for a lock.
 * @throws MillraceError `MIGRATION_CHANGED` when a migration that was applied is no longer what it was, `SCHEMA_NEWER` when the database is ahead of this program,
 *   `INTERRUPTED` when it was stopped while it waited
 */
export async function migrate(options: MigrateOptions): Promise<MigrationReport[]> {
  const reports = [await withClient(options.databaseUrl, (client) => migrateSchema(client, 'millrace', catalogFolder, options))]
  reports.push(await migrateDestination(options.destinationUrl ?? options.databaseUrl, options))
  if (options.queuesInPostgres) {
    await withClient(options.databaseUrl, async (client) => {
      await runMigrations(client)
      // A bloated job table makes claiming many times slower; jobs come and go all the time.
      await client.query('ALTER TABLE bullmq.job SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500, fillfactor = 70)')
    })
  }
  return reports
}

/** The schema `millrace_load` of one destination. Safe to run concurrently. @throws as `migrate` */
export async function migrateDestination(url: string, patience: MigrationPatience = {}): Promise<MigrationReport> {
  return withClient(url, (client) => migrateSchema(client, 'millrace_load', loadFolder, patience))
}

/** Whether a destination's schema is as new as this program, or newer: then nothing is to be done, and no right to do it is needed. */
export async function hasLoadSchema(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(`SELECT to_regclass('millrace_load.migration') IS NOT NULL AS there`)
  if (rows[0]?.there !== true) return false
  const applied = await client.query<{ name: string }>(`SELECT name FROM millrace_load.migration`)
  const names = new Set(applied.rows.map((row) => row.name))
  return (await readMigrations(loadFolder)).every((one) => names.has(one.name))
}

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: driverUrl(url),
    application_name: 'millrace migrate',
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveDelayMs,
  })
  client.on('error', () => undefined) // one that breaks in a pause: its next query is told
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

interface Migration {
  readonly name: string
  readonly sql: string
  readonly checksum: string
}

async function readMigrations(folder: URL): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).toSorted()
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, folder), 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

/** The newest migration of each schema that this program knows, by file name. */
export async function latestMigrations(): Promise<{ readonly millrace: string; readonly millrace_load: string }> {
  const [catalog, load] = await Promise.all([readMigrations(catalogFolder), readMigrations(loadFolder)])
  return { millrace: catalog.at(-1)?.name ?? '', millrace_load: load.at(-1)?.name ?? '' }
}

type Schema = 'millrace' | 'millrace_load'

async function migrateSchema(client: pg.Client, schema: Schema, folder: URL, patience: MigrationPatience): Promise<MigrationReport> {
  const migrations = await readMigrations(folder)
  // One lock per schema for the whole of it: a second migrator waits and then finds nothing to do.
  await client.query(`SELECT pg_advisory_lock(hashtextextended('millrace migrate ' || $1, 0))`, [schema])
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`)
  await client.query(
    `CREATE TABLE IF NOT EXISTS ${schema}.migration (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
  )
  const { rows } = await client.query<{ name: string; checksum: string }>(`SELECT name, checksum FROM ${schema}.migration ORDER BY name`)
  refuseOthers(schema, rows, migrations)
  const done = new Set(rows.map((row) => row.name))
  const applied: string[] = []
  for (const migration of migrations.filter((one) => !done.has(one.name))) {
    while (!(await applyMigration(client, schema, migration))) await pause(client, schema, migration, patience)
    applied.push(migration.name)
  }
  return { schema, applied }
}

/** False when it did not get its locks in time; nothing of it is kept then. */
async function applyMigration(client: pg.Client, schema: Schema, migration: Migration): Promise<boolean> {
  await client.query('BEGIN')
  try {
    await client.query(`SET LOCAL search_path TO ${schema}; SET LOCAL lock_timeout = '${String(patienceSeconds)}s'`)
    await client.query(migration.sql)
    await client.query(`INSERT INTO ${schema}.migration (name, checksum) VALUES ($1, $2)`, [migration.name, migration.checksum])
    await client.query('COMMIT')
    return true
  } catch (error) {
    await client.query('ROLLBACK')
    // The lock's time was up, or others wait for what it has and it for them.
    if (error instanceof pg.DatabaseError && (error.code === '55P03' || error.code === '40P01')) return false
    throw new MillraceError(`The migration ${migration.name} of the schema ${schema} failed: ${String(error)}`, {
      code: 'MIGRATION_FAILED',
      hint: 'Nothing of it was kept. Mend what the message names and run `millrace migrate` again.',
      cause: error,
    })
  }
}

async function pause(client: pg.Client, schema: Schema, { name }: Migration, { log, stopped }: MigrationPatience): Promise<void> {
  const holders = await lockHolders(client, schema)
  const who =
    holders.length === 0 ? 'Whoever had it has let go of it by now.' : `Transactions that are open for longer and hold locks there: ${holders.join('; ')}.`
  log?.(
    `The migration ${name} waits for a lock in the schema ${schema}: not had within ${String(patienceSeconds)} s, tried again in ${String(pauseSeconds)} s. ${who}`,
  )
  const waits: Promise<unknown>[] = [sleep(pauseSeconds * 1000)]
  if (stopped !== undefined) waits.push(stopped.then(() => Promise.reject(interrupted(name, schema))))
  await Promise.race(waits)
}

const interrupted = (name: string, schema: Schema): MillraceError =>
  new MillraceError(`The migration ${name} of the schema ${schema} was stopped while it waited for a lock.`, {
    code: 'INTERRUPTED',
    hint: 'Nothing of it was kept. Run `millrace migrate` again.',
  })

/** Who may be in a migration's way: no more than five, the oldest first. What it waited for is not known once it has given up. */
async function lockHolders(client: pg.Client, schema: Schema): Promise<string[]> {
  const { rows } = await client.query<{ pid: number; application: string; tables: string; seconds: number | null }>(
    `SELECT l.pid, coalesce(a.application_name, '') AS application, string_agg(DISTINCT c.relname, ', ') AS tables,
       extract(epoch FROM clock_timestamp() - a.xact_start)::int AS seconds
     FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'relation' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.granted
       AND c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p') AND l.pid <> pg_backend_pid()
       -- other roles' times are not shown to all
       AND coalesce(a.xact_start < clock_timestamp() - $2 * interval '1 s', true)
     GROUP BY l.pid, a.application_name, a.xact_start ORDER BY a.xact_start LIMIT 5`,
    [schema, patienceSeconds],
  )
  return rows.map(({ pid, application, tables, seconds }) => {
    const since = seconds === null ? '' : ` for ${String(seconds)} s`
    return `server process ${String(pid)}${application === '' ? '' : ` (${application})`}${since}, on ${tables}`
  })
}

function refuseOthers(schema: string, rows: readonly { name: string; checksum: string }[], migrations: readonly Migration[]): void {
  for (const row of rows) {
    const known = migrations.find((one) => one.name === row.name)
    if (known === undefined) {
      throw new MillraceError(`The schema ${schema} has the migration ${row.name}, which this program does not know.`, {
        code: 'SCHEMA_NEWER',
        hint: 'A newer Millrace migrated this database. Upgrade this one; schemas are never taken back.',
      })
    }
    if (known.checksum !== row.checksum) {
      throw new MillraceError(`The migration ${row.name} of the schema ${schema} is not the one that was applied.`, {
        code: 'MIGRATION_CHANGED',
        hint: 'Applied migrations are never edited. Restore the file, or start from an empty database.',
      })
    }
  }
}
