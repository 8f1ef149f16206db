import type { Database } from './database.ts'
import { claimedInSql } from './step-states.ts'

/** Work that runs a user's code, as a delivery of it points at it. */
export interface Leftover {
  readonly job: 'extract' | 'execute' | 'transform'
  /** Of a step; of a batch where the job is `transform`. */
  readonly id: string
  readonly enqueued: number
}

/** What is due of user code of one version of a location: what only a worker of that version should do while there is one. */
export async function dueOfVersion(database: Database, location: string, version: string): Promise<Leftover[]> {
  const { rows } = await database.query<Leftover>(
    `SELECT CASE status WHEN 'running' THEN 'execute' ELSE 'extract' END AS job, id::text, enqueued FROM millrace.step
     WHERE location = $1 AND version = $2 AND status IN ('extracting', 'running') AND claimed_by IS NULL
     UNION ALL
     SELECT 'transform', b.id::text, b.enqueued FROM millrace.batch b JOIN millrace.step s ON s.id = b.step_id AND s.generation = b.generation
     WHERE s.location = $1 AND s.version = $2 AND s.status IN ('extracting', 'loading') AND b.status = 'recorded' AND b.claimed_by IS NULL`,
    [location, version],
  )
  return rows
}

/**
 * Whether steps of a version are under way, and no worker but this one's session goes on with the version. One that waits for its next attempt is not: it takes the new
 * definitions. Nor is one of a location that nobody else holds: there nobody would load what this one makes, and the run waits for a worker that comes with the location.
 */
export async function isLastOf(database: Database, location: string, version: string, session: string): Promise<boolean> {
  const { rows } = await database.query<{ needed: boolean }>(
    `SELECT EXISTS (SELECT FROM millrace.step WHERE location = $1 AND version = $2 AND (status = 'loading' OR status IN ${claimedInSql}))
       AND NOT EXISTS (SELECT FROM millrace.process WHERE id <> $3 AND role = 'worker' AND lease_until > clock_timestamp() AND problem IS NULL
         AND NOT temporary AND versions->>$1 = $2)
       AND EXISTS (SELECT FROM millrace.process WHERE id <> $3 AND role = 'worker' AND lease_until > clock_timestamp() AND problem IS NULL
         AND NOT temporary AND versions ? $1) AS needed`,
    [location, version, session],
  )
  return rows[0]?.needed ?? false
}
