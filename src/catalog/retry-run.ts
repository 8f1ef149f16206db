import type pg from 'pg'
import { transaction } from './database.ts'
import type { Database } from './database.ts'
import { MillraceError } from '../errors.ts'
import { insertEvents } from './events.ts'
import { unskip } from './resume.ts'
import { dropGenerationsBefore, nextGeneration } from './generation.ts'

/**
 * Puts a run that has just failed into the queue again, where it is to be tried again: its failed steps and what was skipped for them wait anew,
 * what succeeded stays. Not a run that took too long, nor one that somebody canceled. In the transaction that ended it.
 */
export async function queueAgain(client: Database, runId: string): Promise<boolean> {
  const { rows } = await client.query<{ retried: number; retries: number; seconds: number }>(
    `UPDATE millrace.run SET status = 'queued', ended_at = NULL, retried = retried + 1,
        -- between half and the whole of it (jitter), at most ten minutes
        retry_at = clock_timestamp() + least(600000, retry_delay_ms * power(2, least(retried, 20))) * (0.5 + random() / 2) * interval '1 ms'
     WHERE id = $1 AND status = 'failed' AND error IS NULL AND cancel_requested_at IS NULL AND retried < retries
     RETURNING retried, retries, extract(epoch FROM retry_at - clock_timestamp())::float8 AS seconds`,
    [runId],
  )
  const run = rows[0]
  if (run === undefined) return false
  await reviveSteps(client, runId)
  const message = `The run failed; it is tried again from what failed in ${Math.max(0, run.seconds).toFixed(1)} s (retry ${String(run.retried)} of ${String(run.retries)}).`
  await insertEvents(client, [{ runId, kind: 'run retry', level: 'warn', message, data: { retried: run.retried, retries: run.retries } }])
  return true
}

/**
 * A person wants a failed run tried again: it goes by the queue, as a launch would; what failed begins anew and what was skipped for it waits again, what succeeded
 * stays. False when the run has not failed.
 * @throws MillraceError `LOCATION_NOT_LOADED` where its location was forgotten, or is not there
 */
export async function retryRun(pool: pg.Pool, runId: string): Promise<boolean> {
  return transaction(pool, async (client) => {
    await refuseForgotten(client, runId)
    const { rowCount } = await client.query(
      `UPDATE millrace.run SET status = 'queued', ended_at = NULL, error = NULL, retry_at = NULL WHERE id = $1 AND status = 'failed'`,
      [runId],
    )
    if (rowCount !== 1) return false
    await reviveSteps(client, runId)
    await insertEvents(client, [{ runId, kind: 'run retry', message: 'The run is tried again from what failed, because a person asked for it.' }])
    return true
  })
}

/** Locks the run's location, so that whoever forgets it waits for the run to be in the queue, and cancels it. */
async function refuseForgotten(client: Database, runId: string): Promise<void> {
  const { rows: runs } = await client.query<{ location: string }>(`SELECT location FROM millrace.run WHERE id = $1`, [runId])
  const location = runs[0]?.location
  if (location === undefined) return
  const { rows } = await client.query<{ forgotten: boolean }>(
    `SELECT forgotten_at IS NOT NULL AS forgotten FROM millrace.location WHERE name = $1 FOR KEY SHARE`,
    [location],
  )
  if (rows[0]?.forgotten === false) return
  const why = rows[0] === undefined ? `There is no location ${location} any more.` : `The location ${location} was forgotten.`
  throw new MillraceError(why, { code: 'LOCATION_NOT_LOADED', hint: 'A worker that starts with it brings it back.' })
}

async function reviveSteps(client: Database, runId: string): Promise<void> {
  const { rows } = await client.query<{ id: string; kind: string }>(
    `UPDATE millrace.step SET status = 'waiting', resume_status = NULL, attempt = attempt + 1, ${nextGeneration}, error = NULL, ended_at = NULL, cleaned_at = NULL,
        ready_at = NULL, claimed_by = NULL
     WHERE run_id = $1 AND status = 'failed' RETURNING id, kind`,
    [runId],
  )
  // Of an op nothing lies in staging, and there may be thousands of them.
  for (const row of rows) if (row.kind !== 'op') await dropGenerationsBefore(client, row.id)
  await unskip(client, runId)
}
