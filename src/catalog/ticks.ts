import type { Database } from './database.ts'
import type { StoredError } from '../errors.ts'

export interface TickKey {
  readonly location: string
  readonly schedule: string
  /** ISO 8601. */
  readonly scheduledAt: string
}

/** Writes a tick that launched a run, in the launch's transaction. False when this tick is there already: it is never started twice. */
export async function insertTick(database: Database, key: TickKey, cause: string, runId: string): Promise<boolean> {
  const { rowCount } = await database.query(
    `INSERT INTO millrace.tick (location, schedule, scheduled_at, cause, status, run_id) VALUES ($1, $2, $3, $4, 'launched', $5)
     ON CONFLICT (location, schedule, scheduled_at) DO NOTHING`,
    [key.location, key.schedule, key.scheduledAt, cause, runId],
  )
  return rowCount === 1
}

/** Writes a tick that could not launch its run. */
export async function insertFailedTick(database: Database, key: TickKey, cause: string, error: StoredError): Promise<void> {
  await database.query(
    `INSERT INTO millrace.tick (location, schedule, scheduled_at, cause, status, error) VALUES ($1, $2, $3, $4, 'failed', $5)
     ON CONFLICT (location, schedule, scheduled_at) DO NOTHING`,
    [key.location, key.schedule, key.scheduledAt, cause, JSON.stringify(error)],
  )
}

export interface ScheduleState {
  readonly stopped: boolean
  readonly firstSeen: Date
  readonly lastTick: Date | undefined
}

/** Makes a schedule known and answers its state. */
export async function ensureSchedule(database: Database, location: string, name: string, startsStopped: boolean): Promise<ScheduleState> {
  await database.query(`INSERT INTO millrace.schedule (location, name, stopped) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, [location, name, startsStopped])
  const { rows } = await database.query<{ stopped: boolean; first_seen: Date; last_tick: Date | null }>(
    `SELECT stopped, first_seen, (SELECT max(scheduled_at) FROM millrace.tick t WHERE t.location = s.location AND t.schedule = s.name) AS last_tick
     FROM millrace.schedule s WHERE location = $1 AND name = $2`,
    [location, name],
  )
  const row = rows[0]
  return { stopped: row?.stopped ?? startsStopped, firstSeen: row?.first_seen ?? new Date(), lastTick: row?.last_tick ?? undefined }
}

/**
 * Stops a schedule, or starts it. What went by while it was stopped was not missed, and is not caught up: it counts as first seen now.
 * @returns false where there is no such schedule
 */
export async function setScheduleStopped(database: Database, location: string, name: string, stopped: boolean): Promise<boolean> {
  const { rowCount } = await database.query(
    `UPDATE millrace.schedule SET first_seen = CASE WHEN stopped AND NOT $3 THEN clock_timestamp() ELSE first_seen END, stopped = $3 WHERE location = $1 AND name = $2`,
    [location, name, stopped],
  )
  return rowCount === 1
}
