import type { RateLimit } from '../definitions/rate-limit.ts'
import type { Database } from './database.ts'

/** Reserves so many turns of a limit, by the database's clock, and answers how many milliseconds each of them is away. One that is not used is lost. */
export async function reserveTurns(database: Database, location: string, limit: RateLimit, turns: number): Promise<number[]> {
  const everyMs = 1000 / limit.perSecond
  const { rows } = await database.query<{ next_in: string }>(
    `INSERT INTO millrace.rate_limit AS r (location, name, next_at) VALUES ($1, $2, clock_timestamp() + $3 * interval '1 ms')
     ON CONFLICT (location, name) DO UPDATE SET next_at = greatest(r.next_at, clock_timestamp()) + $3 * interval '1 ms'
     RETURNING extract(epoch FROM next_at - clock_timestamp()) * 1000 AS next_in`,
    [location, limit.name, turns * everyMs],
  )
  const last = Number(rows[0]?.next_in ?? 0) - everyMs * (limit.burst ?? 1)
  return Array.from({ length: turns }, (_, index) => Math.max(0, last - (turns - 1 - index) * everyMs))
}

/** Gives nobody a turn for so many milliseconds from now; after that they come one by one. */
export async function pauseTurns(database: Database, location: string, limit: RateLimit, ms: number): Promise<void> {
  await database.query(
    `INSERT INTO millrace.rate_limit AS r (location, name, next_at, paused_until)
     VALUES ($1, $2, clock_timestamp() + ($3::float8 + $4::float8) * interval '1 ms', clock_timestamp() + $3 * interval '1 ms')
     ON CONFLICT (location, name) DO UPDATE SET
       next_at = greatest(r.next_at, excluded.next_at), paused_until = greatest(r.paused_until, excluded.paused_until)`,
    [location, limit.name, ms, (1000 / limit.perSecond) * ((limit.burst ?? 1) - 1)],
  )
}

/** Whether somebody paused a limit meanwhile, so that a turn that was waited for is none any more. */
export async function isPaused(database: Database, location: string, limit: RateLimit): Promise<boolean> {
  const { rows } = await database.query(`SELECT FROM millrace.rate_limit WHERE location = $1 AND name = $2 AND paused_until > clock_timestamp()`, [
    location,
    limit.name,
  ])
  return rows.length > 0
}
