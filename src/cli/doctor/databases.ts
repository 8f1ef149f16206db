import { assertSchemaCompatibility } from 'bullmq'
import type pg from 'pg'
import { latestMigrations } from '../../catalog/migrate.ts'
import type { Config } from '../../config.ts'
import type { Installation } from '../installation.ts'
import { oldestVersion, placeOf, reasonOf } from '../../postgres.ts'
import { fault, ok, warning } from './finding.ts'
import type { Finding } from './finding.ts'

const migrateFix = 'Run `millrace migrate`.'

/** Catalogue: version, clock, schemas. */
export async function examineCatalog(client: pg.Client, { databaseUrl, embedded }: Installation, config: Config): Promise<Finding[]> {
  const place = `${placeOf(databaseUrl)}${embedded ? ', embedded' : ''}`
  return [
    await versionFinding('database', place, client),
    await clockFinding(client),
    await schemaFinding('catalogue schema', client, 'millrace'),
    ...(config.redisUrl === undefined ? [await queueSchema(client)] : []),
  ]
}

export interface DestinationExamination {
  /** What its findings are called. */
  readonly check: string
  readonly url: string
  /** Whether a worker makes its schema when it first uses it. */
  readonly atFirstUse: boolean
}

/** Destination: version, rights, schema. */
export async function examineDestination(client: pg.Client, { check, url, atFirstUse }: DestinationExamination): Promise<Finding[]> {
  const { rows } = await client.query<{ create: boolean; user: string; database: string }>(
    `SELECT has_database_privilege(current_database(), 'CREATE') AS create, current_user AS user, current_database() AS database`,
  )
  const right = rows[0]
  return [
    await versionFinding(check, placeOf(url), client),
    ...(right === undefined || right.create
      ? []
      : [fault(check, `${right.user} may not create schemas in ${right.database}`, `GRANT CREATE ON DATABASE "${right.database}" TO "${right.user}"`)]),
    await loadSchemaFinding(client, check, atFirstUse),
  ]
}

async function loadSchemaFinding(client: pg.Client, check: string, atFirstUse: boolean): Promise<Finding> {
  if (!atFirstUse) return schemaFinding('load schema', client, 'millrace_load')
  const found = await schemaFinding(check, client, 'millrace_load')
  const behind = found.fix === migrateFix
  return behind ? warning(check, found.message, 'A worker sees to it when it first uses it; or run `millrace migrate`.') : found
}

async function versionFinding(check: string, place: string, client: pg.Client): Promise<Finding> {
  const { rows } = await client.query<{ number: number; version: string; standby: boolean }>(
    `SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version, pg_is_in_recovery() AS standby`,
  )
  const server = rows[0]
  if (server === undefined || server.number < oldestVersion * 10_000) {
    return fault(check, `${place}: PostgreSQL ${server?.version ?? 'of an unknown version'} is too old`, `Use PostgreSQL ${String(oldestVersion)} or newer.`)
  }
  if (server.standby) return fault(check, `${place} is a standby, which takes no writes`, 'Name the primary server.')
  return ok(check, `${place}: PostgreSQL ${server.version}`)
}

async function schemaFinding(check: string, client: pg.Client, schema: 'millrace' | 'millrace_load'): Promise<Finding> {
  const newest = (await latestMigrations())[schema]
  const { rows: found } = await client.query<{ there: boolean }>(`SELECT to_regclass($1) IS NOT NULL AS there`, [`${schema}.migration`])
  if (found[0]?.there !== true) return fault(check, `The schema ${schema} is not there`, migrateFix)
  const { rows } = await client.query<{ name: string | null }>(`SELECT max(name) AS name FROM ${schema}.migration`)
  const applied = rows[0]?.name ?? ''
  if (applied === newest) return ok(check, `${schema} is at ${applied}`)
  return applied > newest
    ? fault(check, `${schema} is at ${applied}, which this version does not know`, 'Upgrade this Millrace; schemas are never taken back.')
    : fault(check, `${schema} is at ${applied || 'no migration'}, the newest is ${newest}`, migrateFix)
}

async function queueSchema(client: pg.Client): Promise<Finding> {
  try {
    return ok('queues', `in Postgres, BullMQ’s schema is at ${String(await assertSchemaCompatibility(client))}`)
  } catch (error) {
    return fault('queues', `BullMQ’s schema cannot be used: ${reasonOf(error)}`, 'Run `millrace migrate`.')
  }
}

async function clockFinding(client: pg.Client): Promise<Finding> {
  const before = Date.now()
  const { rows } = await client.query<{ now: Date }>('SELECT clock_timestamp() AS now')
  return clockDifference((rows[0]?.now.getTime() ?? before) - (before + Date.now()) / 2)
}

/** @param ms how far the database's clock is ahead of ours */
export function clockDifference(ms: number): Finding {
  const seconds = Math.abs(ms) / 1000
  const message = `this machine’s clock and the database’s are ${seconds.toFixed(1)} s apart`
  // Leases are the database's time alone; schedules and what a person reads are not.
  return seconds < 5 ? ok('clock', message) : warning('clock', message, 'Set both by NTP: schedules tick by the clock of their machine.')
}
