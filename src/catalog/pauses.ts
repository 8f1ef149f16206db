import type { Database } from './database.ts'
import { isForgottenSql } from './forgotten.ts'

/** An operator's word that nothing new starts. */
export interface Pause {
  /** `''`: everywhere. */
  readonly location: string
  readonly by: string
  readonly reason: string | null
  readonly since: Date
}

/** All pauses there are, that of everything first. That of a location that was forgotten is over with it, unless it comes back. */
export async function readPauses(database: Database): Promise<Pause[]> {
  const { rows } = await database.query<Pause>(
    `SELECT location, paused_by AS by, reason, paused_at AS since FROM millrace.pause WHERE NOT ${isForgottenSql('pause.location')} ORDER BY location`,
  )
  return rows
}

/** Has nothing new start, in a location or everywhere (`''`). What runs goes on. False where it was paused already. */
export async function pauseRuns(database: Database, location: string, by: string, reason: string | undefined): Promise<boolean> {
  const { rowCount } = await database.query(`INSERT INTO millrace.pause (location, paused_by, reason) VALUES ($1, $2, $3) ON CONFLICT (location) DO NOTHING`, [
    location,
    by,
    reason ?? null,
  ])
  return rowCount === 1
}

/** Ends a pause; whatever waits for it may start. False where there was none. */
export async function resumeRuns(database: Database, location: string): Promise<boolean> {
  const { rowCount } = await database.query(`DELETE FROM millrace.pause WHERE location = $1`, [location])
  return rowCount === 1
}
