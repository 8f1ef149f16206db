import type { Database } from './database.ts'
import { insertEvents } from './events.ts'
import { countOpenRuns, createRoom, readLimits } from './run-limits.ts'
import type { Limited, Room } from './run-limits.ts'
import { beginReady } from './ready-steps.ts'
import type { DueStep } from './due-step.ts'

/** Most runs that leave the queue in one transaction. */
const atOnce = 200
/** How many are looked at together: under a limit few of them fit. */
const page = 25

/** Runs in the order in which they leave the queue. */
export const queueOrder = 'priority DESC, created_at, id'

/** How many runs are in the queue. */
export async function countQueuedRuns(database: Database): Promise<number> {
  const { rows } = await database.query<{ queued: number }>(`SELECT count(*)::int AS queued FROM millrace.run WHERE status = 'queued'`)
  return rows[0]?.queued ?? 0
}

/** Whether anything may wait for room; cheap, and asked after the commit that made the room. */
export async function anythingWaits(database: Database): Promise<{ readonly runs: boolean; readonly steps: boolean }> {
  const { rows } = await database.query<{ runs: boolean; steps: boolean }>(
    `SELECT EXISTS (SELECT FROM millrace.run WHERE status = 'queued') AS runs,
            EXISTS (SELECT FROM millrace.step WHERE status = 'waiting' AND ready_at IS NOT NULL)
         OR EXISTS (SELECT FROM millrace.step WHERE status = 'retrying' AND pool IS NOT NULL AND next_attempt_at <= clock_timestamp()) AS steps`,
  )
  return rows[0] ?? { runs: false, steps: false }
}

/** Has no run leave the queue until the transaction ends. */
export async function lockRunQueue(client: Database): Promise<void> {
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('millrace run queue', 0))`)
}

/**
 * Takes runs out of the queue as far as limits and pauses let them, by priority and age; one that a limit holds back is passed by those that it
 * does not concern. In a transaction, which holds a lock until its end: whoever else decides sees what was decided here, so no limit is ever exceeded.
 * @returns the steps that are due, and whether there may be more
 */
export async function startQueued(client: Database): Promise<{ readonly due: readonly DueStep[]; readonly held: boolean; readonly more: boolean }> {
  await lockRunQueue(client)
  const limits = await readLimits(client)
  const room = createRoom(limits, limits.some((one) => one.runs !== null) ? await countOpenRuns(client) : [])
  const started: string[] = []
  while (started.length < atOnce) {
    const candidates = await readCandidates(client, room)
    if (candidates.length === 0) break
    const fitting: string[] = []
    for (const run of candidates) {
      if (room.holding(run) !== undefined) continue
      room.take(run)
      fitting.push(run.id)
    }
    started.push(...(await markStarted(client, fitting)))
  }
  if (started.length === 0) return { due: [], held: false, more: false }
  return { ...(await beginReady(client, started)), more: started.length >= atOnce }
}

async function readCandidates(client: Database, room: Room): Promise<(Limited & { readonly id: string })[]> {
  const { locations, tags } = room.full()
  if (locations.includes('')) return []
  const { rows } = await client.query<Limited & { id: string }>(
    `SELECT id, location, tags FROM millrace.run
     WHERE status = 'queued' AND (retry_at IS NULL OR retry_at <= clock_timestamp()) AND location <> ALL($1)
       AND NOT EXISTS (SELECT FROM jsonb_to_recordset($2) AS f(location text, tags jsonb) WHERE f.location IN ('', run.location) AND run.tags @> f.tags)
       AND NOT EXISTS (SELECT FROM millrace.pause p WHERE p.location IN ('', run.location))
     ORDER BY ${queueOrder} LIMIT $3`,
    [locations, JSON.stringify(tags), page],
  )
  return rows
}

async function markStarted(client: Database, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const { rows } = await client.query<{ id: string; retried: number; waited: number }>(
    `UPDATE millrace.run SET status = 'started', started_at = coalesce(started_at, clock_timestamp()), retry_at = NULL,
        deadline_at = clock_timestamp() + timeout_ms * interval '1 ms'
     WHERE id = ANY($1) AND status = 'queued' RETURNING id, retried, extract(epoch FROM clock_timestamp() - created_at)::float8 AS waited`,
    [ids],
  )
  await insertEvents(
    client,
    rows.map(({ id, retried, waited }) => ({
      runId: id,
      kind: 'run started',
      message: retried === 0 ? `The run left the queue after ${waited.toFixed(1)} s.` : `The run begins again (retry ${String(retried)}).`,
    })),
  )
  return rows.map((row) => row.id)
}
