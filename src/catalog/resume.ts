import type pg from 'pg'
import type { BatchPointer } from './batches.ts'
import { transaction } from './database.ts'
import type { Database } from './database.ts'
import { insertEvents } from './events.ts'
import { dropGenerationsBefore, nextGeneration } from './generation.ts'
import { beginReady } from './ready-steps.ts'
import { dueColumns, toDue } from './due-step.ts'
import type { DueStep } from './due-step.ts'

export interface Resumed {
  readonly step: DueStep
  /** Batches that were recorded and not loaded: they are due again, transform or load by `encoded`. */
  readonly batches: readonly (BatchPointer & { readonly encoded: boolean })[]
}

/** Takes a step that waited for its next attempt back to where it was. Undefined when it is not due, needs a slot first, or somebody did. */
export async function resumeStep(pool: pg.Pool, stepId: string): Promise<Resumed | undefined> {
  return transaction(pool, (client) => resumeWith(client, stepId, false))
}

/** The same in a transaction; `slotsFree` for one of a pool, by whoever hands out its slots. */
export async function resumeWith(client: Database, stepId: string, slotsFree: boolean): Promise<Resumed | undefined> {
  const { rows } = await client.query<{
    id: string
    location: string
    status: DueStep['status']
    enqueued: number
    generation: number
    run_id: string
    asset: string
    attempt: number
  }>(
    `UPDATE millrace.step SET status = resume_status, resume_status = NULL, next_attempt_at = NULL, claimed_by = NULL, held_at = clock_timestamp(),
        enqueued = enqueued + 1, enqueued_at = clock_timestamp()
     WHERE id = $1 AND status = 'retrying' AND next_attempt_at <= clock_timestamp() + interval '20 ms' AND (pool IS NULL OR $2)
     RETURNING ${dueColumns}, generation, run_id, asset, attempt`,
    [stepId, slotsFree],
  )
  const row = rows[0]
  if (row === undefined) return undefined
  await insertEvents(client, [{ runId: row.run_id, stepId, asset: row.asset, kind: 'attempt', message: `Attempt ${String(row.attempt)} begins.` }])
  const batches = await client.query<{ id: string; enqueued: number; status: string }>(
    `UPDATE millrace.batch SET claimed_by = NULL, enqueued = enqueued + 1, enqueued_at = clock_timestamp()
     WHERE step_id = $1 AND generation = $2 AND status <> 'loaded' RETURNING id, enqueued, status`,
    [stepId, row.generation],
  )
  return { step: toDue(row), batches: batches.rows.map((one) => ({ batchId: one.id, enqueued: one.enqueued, encoded: one.status === 'encoded' })) }
}

/**
 * A person wants a failed step tried again: it begins afresh as a new attempt, its run goes on, and what was skipped for it waits again. Where its run
 * must wait for room, or the step for a slot, it waits: nothing is due then.
 * Undefined when it is not failed, or its run is being canceled or was tried again from its start by another: both would make the same.
 */
export async function reviveStep(pool: pg.Pool, stepId: string): Promise<{ readonly due: readonly DueStep[]; readonly waits: boolean } | undefined> {
  return transaction(pool, async (client) => {
    const { rows: runs } = await client.query<{ status: string; next: string | null }>(
      `SELECT status, retried_by AS next FROM millrace.run WHERE id = (SELECT run_id FROM millrace.step WHERE id = $1) FOR UPDATE`,
      [stepId],
    )
    if (runs[0] === undefined || runs[0].status === 'canceling' || runs[0].next !== null) return undefined
    const { rows } = await client.query<{
      id: string
      location: string
      status: DueStep['status']
      enqueued: number
      run_id: string
      asset: string
      attempt: number
    }>(
      `UPDATE millrace.step SET status = 'waiting', resume_status = NULL, attempt = attempt + 1,
          ${nextGeneration}, error = NULL, ended_at = NULL, cleaned_at = NULL, ready_at = NULL, claimed_by = NULL
       WHERE id = $1 AND status = 'failed' RETURNING ${dueColumns}, run_id, asset, attempt`,
      [stepId],
    )
    const row = rows[0]
    if (row === undefined) return undefined
    await dropGenerationsBefore(client, stepId)
    await unskip(client, row.run_id)
    await insertEvents(client, [
      { runId: row.run_id, stepId, asset: row.asset, kind: 'attempt', message: `Attempt ${String(row.attempt)} begins afresh, because a person asked for it.` },
    ])
    // A failed run has left the ones that count: it goes by the queue, as a launch would.
    if (await queueFailedRun(client, row.run_id)) return { due: [], waits: true }
    const { due, held } = await beginReady(client, [row.run_id])
    return { due, waits: held }
  })
}

/** Takes a run that has failed into the queue. False where it goes on. */
async function queueFailedRun(client: Database, runId: string): Promise<boolean> {
  const { rowCount } = await client.query(
    `UPDATE millrace.run SET status = 'queued', ended_at = NULL, error = NULL, retry_at = NULL WHERE id = $1 AND status = 'failed'`,
    [runId],
  )
  return rowCount === 1
}

/** Has what was skipped wait again, but for what hangs on another step that did not end well, however far below it: that would wait for ever. */
export async function unskip(client: Database, runId: string): Promise<void> {
  await client.query(
    `WITH RECURSIVE blocked AS (
       SELECT asset, template, unneeded FROM millrace.step WHERE run_id = $1 AND (status IN ('failed', 'canceled') OR unneeded)
       UNION SELECT s.asset, s.template, s.unneeded FROM millrace.step s
         JOIN blocked b ON b.asset = ANY(s.upstream) OR (NOT b.unneeded AND b.template = ANY(s.collects)) WHERE s.run_id = $1 AND s.status = 'skipped')
     UPDATE millrace.step SET status = 'waiting', ready_at = NULL, ended_at = NULL, cleaned_at = NULL, skipped_because = NULL
     WHERE run_id = $1 AND status = 'skipped' AND asset NOT IN (SELECT asset FROM blocked)`,
    [runId],
  )
}
