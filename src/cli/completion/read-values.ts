import pg from 'pg'
import { readConfig, readEnvFile } from '../../config.ts'
import { driverUrl } from '../../postgres.ts'
import { findInstallation } from '../installation.ts'
import type { ValueKind } from './value-kind.ts'

export interface Value {
  readonly value: string
  /** A few words that stand beside it. */
  readonly about: string
}

const inForce = `FROM millrace.location l JOIN millrace.manifest m ON (m.location, m.version) = (l.name, l.version)`

/** What each kind is read by: `value` and `about`, for a value that begins with $1. */
const statements: Readonly<Record<ValueKind, string>> = {
  assets: `SELECT a ->> 'key' AS value, coalesce(a ->> 'kind', '') || ' of ' || l.name AS about
    ${inForce} CROSS JOIN jsonb_array_elements(m.document -> 'assets') a WHERE starts_with(a ->> 'key', $1) ORDER BY 1 LIMIT 1000`,
  groups: `SELECT DISTINCT a ->> 'group' AS value, 'group of ' || l.name AS about
    ${inForce} CROSS JOIN jsonb_array_elements(m.document -> 'assets') a WHERE starts_with(a ->> 'group', $1) ORDER BY 1 LIMIT 1000`,
  locations: `SELECT name AS value, 'code location' AS about FROM millrace.location WHERE forgotten_at IS NULL AND starts_with(name, $1) ORDER BY 1 LIMIT 1000`,
  runs: `SELECT left(id::text, greatest(8, length($1))) AS value, status || ' of ' || to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC' || ', ' || left(array_to_string(assets, ' '), 60) AS about
    FROM (SELECT * FROM millrace.run ORDER BY created_at DESC LIMIT 500) r WHERE starts_with(id::text, lower($1)) ORDER BY created_at DESC LIMIT 50`,
  schedules: `SELECT s ->> 'name' AS value, coalesce(s -> 'cron' ->> 0, '') || ' of ' || l.name AS about
    ${inForce} CROSS JOIN jsonb_array_elements(m.document -> 'schedules') s WHERE starts_with(s ->> 'name', $1) ORDER BY 1 LIMIT 1000`,
}

/** Names that begin so, within some milliseconds, from the installation's database; none where there is none, where it does not answer at once, and where anything is wrong. */
export async function readValues(kind: ValueKind, beginning: string, withinMs: number): Promise<readonly Value[]> {
  // `+raw/orders`: what is upstream too.
  const [, sign = '', start = ''] = kind === 'assets' ? (/^(\+?)(.*)$/s.exec(beginning) ?? []) : ['', '', beginning]
  // Whatever still waits then, a host's name for one, must not keep the person waiting.
  const late = setTimeout(() => process.exit(0), withinMs)
  try {
    const found = await query(statements[kind], start, withinMs)
    return found.map(({ value, about }) => ({ value: `${sign}${value}`, about }))
  } catch {
    return []
  } finally {
    clearTimeout(late)
  }
}

async function query(statement: string, start: string, withinMs: number): Promise<Value[]> {
  const installation = await findInstallation(readConfig({ ...readEnvFile(process.cwd()), ...process.env }))
  if (installation === undefined) return []
  const client = new pg.Client({
    connectionString: driverUrl(installation.databaseUrl),
    application_name: 'millrace completion',
    statement_timeout: withinMs,
  })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<{ value: string; about: string }>(statement, [start])).rows
  } finally {
    await client.end()
  }
}
