import type { StepStatus } from '../catalog/step-states.ts'
import { beginPublishing } from '../catalog/steps.ts'
import { forgetOldProcesses } from '../catalog/processes.ts'
import type { JobName, Payload } from '../queues/jobs.ts'
import type { Queues } from '../queues/queues.ts'
import { freeBatches, freeSteps } from './free-claims.ts'
import type { SweepDeps } from './free-claims.ts'
import { enqueueBatch } from './launch/enqueue-batch.ts'
import { enqueueStep, hasJob, jobOfStatus } from './launch/enqueue-step.ts'

/** A row that was due this long without anybody claiming it is asked for in its queue: its job may be lost. */
const overdueMs = 2500

/** What one sweep did; all zero on a quiet installation. */
export interface SweepReport {
  readonly freed: number
  readonly enqueuedAgain: number
}

/**
 * Repairs what crashes left behind: claims of dead processes are freed, rows whose job is lost are enqueued again, steps between
 * two states are moved on. Everything it does is a compare-and-set, so a sweep too many changes nothing.
 */
export async function sweep(deps: SweepDeps): Promise<SweepReport> {
  const freed = (await freeSteps(deps)) + (await freeBatches(deps))
  const enqueuedAgain = (await findLostSteps(deps)) + (await findLostBatches(deps))
  await moveOnLoaded(deps)
  await cleanEnded(deps)
  if (freed + enqueuedAgain > 0) deps.logger.info({ freed, enqueuedAgain }, 'the sweep found work that was left behind')
  return { freed, enqueuedAgain }
}

async function findLostSteps({ pool, queues }: SweepDeps): Promise<number> {
  const { rows } = await pool.query<{ id: string; location: string; status: StepStatus; enqueued: number }>(
    `SELECT id, location, status, enqueued FROM millrace.step
     WHERE claimed_by IS NULL AND ((status IN ('preparing', 'extracting', 'publishing', 'computing') AND (enqueued_at IS NULL OR enqueued_at < clock_timestamp() - $1 * interval '1 ms'))
       OR (status = 'retrying' AND next_attempt_at < clock_timestamp() - $1 * interval '1 ms'))
     ORDER BY enqueued_at LIMIT 200`,
    [overdueMs],
  )
  let again = 0
  for (const row of rows) {
    if (!hasJob(row.status)) continue
    const job = jobOfStatus[row.status]
    if (!(await isLost(queues, row.location, job, { stepId: row.id, enqueued: row.enqueued }))) continue
    const raised = await pool.query<{ enqueued: number }>(
      `UPDATE millrace.step SET enqueued = enqueued + 1, enqueued_at = clock_timestamp() WHERE id = $1 AND enqueued = $2 AND claimed_by IS NULL RETURNING enqueued`,
      [row.id, row.enqueued],
    )
    if (raised.rows[0] === undefined) continue
    again += 1
    await enqueueStep(queues, { stepId: row.id, location: row.location, status: row.status, enqueued: raised.rows[0].enqueued })
  }
  return again
}

async function findLostBatches({ pool, queues }: SweepDeps): Promise<number> {
  const { rows } = await pool.query<{ id: string; location: string; status: string; enqueued: number }>(
    `SELECT b.id, s.location, b.status, b.enqueued FROM millrace.batch b JOIN millrace.step s ON s.id = b.step_id AND s.generation = b.generation
     WHERE s.status IN ('extracting', 'loading') AND b.status <> 'loaded' AND b.claimed_by IS NULL
       AND (b.enqueued_at IS NULL OR b.enqueued_at < clock_timestamp() - $1 * interval '1 ms') ORDER BY b.enqueued_at LIMIT 200`,
    [overdueMs],
  )
  let again = 0
  for (const row of rows) {
    const encoded = row.status === 'encoded'
    if (!(await isLost(queues, row.location, encoded ? 'load' : 'transform', { batchId: row.id, enqueued: row.enqueued }))) continue
    const raised = await pool.query<{ enqueued: number }>(
      `UPDATE millrace.batch SET enqueued = enqueued + 1, enqueued_at = clock_timestamp() WHERE id = $1 AND enqueued = $2 AND claimed_by IS NULL RETURNING enqueued`,
      [row.id, row.enqueued],
    )
    if (raised.rows[0] === undefined) continue
    again += 1
    await enqueueBatch(queues, row.location, { batchId: row.id, enqueued: raised.rows[0].enqueued, encoded })
  }
  return again
}

async function isLost<N extends JobName>(queues: Queues, location: string, job: N, payload: Payload<N>): Promise<boolean> {
  return (await queues.delivery(location, job, payload)) !== 'pending'
}

async function moveOnLoaded({ pool, queues }: SweepDeps): Promise<void> {
  const { rows } = await pool.query<{ id: string }>(
    `SELECT id FROM millrace.step s WHERE status = 'loading'
       AND NOT EXISTS (SELECT FROM millrace.batch b WHERE b.step_id = s.id AND b.generation = s.generation AND b.status <> 'loaded') LIMIT 100`,
  )
  for (const row of rows) {
    const due = await beginPublishing(pool, row.id)
    if (due !== undefined) await enqueueStep(queues, due)
  }
}

async function cleanEnded({ pool, queues }: SweepDeps): Promise<void> {
  await forgetOldProcesses(pool)
  // Half a minute's grace: a person may be about to retry, and what runs on in an abandoned worker may still be writing.
  const { rows } = await pool.query<{ id: string; location: string; enqueued: number; status: string }>(
    `UPDATE millrace.step SET enqueued = enqueued + 1, enqueued_at = clock_timestamp()
     WHERE id IN (SELECT id FROM millrace.step WHERE cleaned_at IS NULL AND ended_at < clock_timestamp() - interval '30 s'
       AND (enqueued_at IS NULL OR enqueued_at < clock_timestamp() - interval '60 s') LIMIT 50)
     RETURNING id, location, enqueued, status`,
  )
  for (const row of rows) await queues.enqueue(row.location, 'clean', { stepId: row.id, enqueued: row.enqueued })
}
