import { MillraceError } from '../errors.ts'
import type { Database } from './database.ts'

/** Whether a location was forgotten, in SQL. What is known of it is kept for a worker that brings it back, and shown nowhere. @param location as a column: `s.location` */
export const isForgottenSql = (location: string): string =>
  `EXISTS (SELECT FROM millrace.location forgotten WHERE forgotten.name = ${location} AND forgotten.forgotten_at IS NOT NULL)`

/** How a location that was forgotten comes back. */
export const comesBack = 'A worker that starts with it brings it back.'

/** Something is asked of a location that was forgotten. */
export const forgottenError = (location: string): MillraceError =>
  new MillraceError(`The location ${location} was forgotten.`, { code: 'LOCATION_NOT_LOADED', hint: comesBack })

/** Whether a location was forgotten. */
export async function isForgotten(database: Database, location: string): Promise<boolean> {
  const { rowCount } = await database.query(`SELECT FROM millrace.location WHERE name = $1 AND forgotten_at IS NOT NULL`, [location])
  return rowCount === 1
}

/**
 * Brings locations back that were forgotten and that somebody holds: each under the version that he has, if its manifest is known.
 * @param versions location → version
 */
export async function bringBack(database: Database, versions: Readonly<Record<string, string>>): Promise<void> {
  await database.query(
    `UPDATE millrace.location l SET forgotten_at = NULL, forgotten_by = NULL, version = m.version, updated_at = clock_timestamp()
     FROM jsonb_each_text($1::jsonb) held JOIN millrace.manifest m ON m.location = held.key AND m.version = held.value
     WHERE l.name = held.key AND l.forgotten_at IS NOT NULL`,
    [JSON.stringify(versions)],
  )
}

/** Forgotten locations whose schedules and sensors may still be on the queue. */
export async function forgottenAndScheduled(database: Database): Promise<{ readonly name: string; readonly forgottenAt: string }[]> {
  const { rows } = await database.query<{ name: string; forgottenAt: string }>(
    `SELECT name, forgotten_at::text AS "forgottenAt" FROM millrace.location WHERE forgotten_at IS NOT NULL AND NOT unscheduled ORDER BY name`,
  )
  return rows
}

/** Writes down that nothing of a forgotten location is on the queue any more. */
export async function markUnscheduled(database: Database, { name, forgottenAt }: { readonly name: string; readonly forgottenAt: string }): Promise<void> {
  await database.query(`UPDATE millrace.location SET unscheduled = true WHERE name = $1 AND forgotten_at = $2::timestamptz`, [name, forgottenAt])
}
