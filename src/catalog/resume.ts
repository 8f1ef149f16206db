import type pg from 'pg'
import type { BatchPointer } from './batches.ts'
import { transaction } from './database.ts'
import { insertEvents } from './events.ts'
import { dropGenerationsBefore, nextGeneration } from './generation.ts'
import { beginSql } from './step-states.ts'
import { dueColumns, toDue } from './steps.ts'
import type { DueStep } from './steps.ts'

export interface Resumed {
  readonly step: DueStep
  /** Batches that were recorded and not loaded: they are due again, transform or load by `encoded`. */
  readonly batches: readonly (BatchPointer & { readonly encoded: boolean })[]
}

/** Takes a step that waited for its next attempt back to where it was. Undefined when it is not due, or somebody did. */
export async function resumeStep(pool: pg.Pool, stepId: string): Promise<Resumed | undefined> {
  return transaction(pool, async (client) => {
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
      `UPDATE millrace.step SET status = resume_status, resume_status = NULL, next_attempt_at = NULL, claimed_by = NULL,
          enqueued = enqueued + 1, enqueued_at = clock_timestamp()
       WHERE id = $1 AND status = 'retrying' AND next_attempt_at <= clock_timestamp() + interval '20 ms'
       RETURNING ${dueColumns}, generation, run_id, asset, attempt`,
      [stepId],
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
  })
}

/**
 * A person wants a failed step tried again: it begins afresh as a new attempt, its run goes on, and what was skipped for it waits again.
 * Undefined when it is not failed, or its run is being canceled.
 */
export async function reviveStep(pool: pg.Pool, stepId: string): Promise<DueStep | undefined> {
  return transaction(pool, async (client) => {
    const { rows: runs } = await client.query<{ status: string }>(
      `SELECT status FROM millrace.run WHERE id = (SELECT run_id FROM millrace.step WHERE id = $1) FOR UPDATE`,
      [stepId],
    )
    if (runs[0]?.status === 'canceling') return undefined
    const { rows } = await client.query<{
      id: string
      location: string
      status: DueStep['status']
      enqueued: number
      run_id: string
      asset: string
      attempt: number
    }>(
      `UPDATE millrace.step SET status = ${beginSql('kind')}, resume_status = NULL, attempt = attempt + 1,
          ${nextGeneration}, error = NULL, ended_at = NULL, cleaned_at = NULL,
          claimed_by = NULL, enqueued = enqueued + 1, enqueued_at = clock_timestamp()
       WHERE id = $1 AND status = 'failed' RETURNING ${dueColumns}, run_id, asset, attempt`,
      [stepId],
    )
    const row = rows[0]
    if (row === undefined) return undefined
    await dropGenerationsBefore(client, stepId)
    await client.query(`UPDATE millrace.run SET status = 'started', ended_at = NULL WHERE id = $1 AND status = 'failed'`, [row.run_id])
    // What hangs on another step that did not end well, however far below it, would wait for ever.
    await client.query(
      `WITH RECURSIVE blocked AS (
         SELECT asset FROM millrace.step WHERE run_id = $1 AND status IN ('failed', 'canceled')
         UNION SELECT s.asset FROM millrace.step s JOIN blocked b ON b.asset = ANY(s.upstream) WHERE s.run_id = $1)
       UPDATE millrace.step SET status = 'waiting', ended_at = NULL, cleaned_at = NULL
       WHERE run_id = $1 AND status = 'skipped' AND asset NOT IN (SELECT asset FROM blocked)`,
      [row.run_id],
    )
    await insertEvents(client, [
      { runId: row.run_id, stepId, asset: row.asset, kind: 'attempt', message: `Attempt ${String(row.attempt)} begins afresh, because a person asked for it.` },
    ])
    return toDue(row)
  })
}
