import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { runMigrations } from 'bullmq'
import pg from 'pg'
import { MillraceError } from '../errors.ts'
import { driverUrl } from '../postgres.ts'
import { keepAliveDelayMs } from './database.ts'

export interface MigrateOptions {
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

/**
 * Brings the schemas `millrace` (catalogue), `millrace_load` (destination) and, where queues live in Postgres, `bullmq` up to date.
 * Safe to run concurrently.
 * @throws MillraceError `MIGRATION_CHANGED` when a migration that was applied is no longer what it was, `SCHEMA_NEWER` when the database is ahead of this program.
 */
export async function migrate(options: MigrateOptions): Promise<MigrationReport[]> {
  const reports = [await withClient(options.databaseUrl, (client) => migrateSchema(client, 'millrace', catalogFolder))]
  reports.push(await migrateDestination(options.destinationUrl ?? options.databaseUrl))
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
export async function migrateDestination(url: string): Promise<MigrationReport> {
  return withClient(url, (client) => migrateSchema(client, 'millrace_load', loadFolder))
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

async function migrateSchema(client: pg.Client, schema: 'millrace' | 'millrace_load', folder: URL): Promise<MigrationReport> {
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
    await client.query('BEGIN')
    try {
      await client.query(`SET LOCAL search_path TO ${schema}`)
      await client.query(migration.sql)
      await client.query(`INSERT INTO ${schema}.migration (name, checksum) VALUES ($1, $2)`, [migration.name, migration.checksum])
      await client.query('COMMIT')
    } catch (error) {
      await client.query('ROLLBACK')
      throw new MillraceError(`The migration ${migration.name} of the schema ${schema} failed: ${String(error)}`, {
        code: 'MIGRATION_FAILED',
        hint: 'Nothing of it was kept. Mend what the message names and run `millrace migrate` again.',
        cause: error,
      })
    }
    applied.push(migration.name)
  }
  return { schema, applied }
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
