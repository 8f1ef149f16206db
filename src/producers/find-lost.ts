import { insertEvents } from '../catalog/events.ts'
import { instanceLives } from '../catalog/processes.ts'
import { claimedInSql } from '../catalog/step-states.ts'
import type { StepStatus } from '../catalog/step-states.ts'
import { jobId, jobs } from '../queues/jobs.ts'
import type { JobName, Payload } from '../queues/jobs.ts'
import type { SweepDeps } from './free-claims.ts'
import { enqueueBatch } from './launch/enqueue-batch.ts'
import { enqueueStep, hasJob, jobOfStatus } from './launch/enqueue-step.ts'

/** A row that was due this long without anybody claiming it is asked for in its queue: its job may be lost. */
const overdueMs = 2500

interface DueRow {
  readonly id: string
  readonly runId: string
  readonly location: string
  readonly asset: string
  readonly enqueued: number
}

/** Enqueues steps that are due and have no job. Drawn by lot, so that many that wait for a worker do not hide one that is lost. */
export async function findLostSteps(deps: SweepDeps): Promise<number> {
  const { pool, queues } = deps
  const { rows } = await pool.query<DueRow & { status: StepStatus }>(
    `SELECT id, run_id AS "runId", location, asset, status, enqueued FROM millrace.step
     WHERE claimed_by IS NULL AND ((status IN ${claimedInSql} AND (enqueued_at IS NULL OR enqueued_at < clock_timestamp() - $1 * interval '1 ms'))
       OR (status = 'retrying' AND pool IS NULL AND next_attempt_at < clock_timestamp() - $1 * interval '1 ms'))
     ORDER BY random() LIMIT 200`,
    [overdueMs],
  )
  let again = 0
  for (const row of rows) {
    if (!hasJob(row.status)) continue
    const job = jobOfStatus[row.status]
    if (!(await isLost(deps, row, row.id, job, { stepId: row.id, enqueued: row.enqueued }))) continue
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

/** The same for batches. */
export async function findLostBatches(deps: SweepDeps): Promise<number> {
  const { pool, queues } = deps
  const { rows } = await pool.query<DueRow & { stepId: string; status: string }>(
    `SELECT b.id, s.run_id AS "runId", s.id AS "stepId", s.location, s.asset, b.status, b.enqueued
     FROM millrace.batch b JOIN millrace.step s ON s.id = b.step_id AND s.generation = b.generation
     WHERE s.status IN ('extracting', 'loading') AND b.status <> 'loaded' AND b.claimed_by IS NULL
       AND (b.enqueued_at IS NULL OR b.enqueued_at < clock_timestamp() - $1 * interval '1 ms') ORDER BY random() LIMIT 200`,
    [overdueMs],
  )
  let again = 0
  for (const row of rows) {
    const encoded = row.status === 'encoded'
    if (!(await isLost(deps, row, row.stepId, encoded ? 'load' : 'transform', { batchId: row.id, enqueued: row.enqueued }))) continue
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

/**
 * Whether a delivery is over, was never there, or was taken by a worker that died before it claimed the row. One that failed before it could claim its row (the
 * destination refuses the login, for one) is taken off the queue, so that a night of it leaves no heap of jobs, and its run's log says why it does not go on.
 */
async function isLost<N extends JobName>({ pool, queues, logger }: SweepDeps, row: DueRow, stepId: string, name: N, payload: Payload<N>): Promise<boolean> {
  const { state, takenBy } = await queues.delivery(row.location, name, payload)
  // Its queue gives a dead worker's job out again when its lock has run out, which takes longer than a lease.
  if (state === 'pending') return takenBy !== undefined && !(await instanceLives(pool, takenBy))
  if (state === 'missing') return true
  const queue = queues.queue(row.location, jobs[name].queue)
  const job = await queue.getJob(jobId(name, payload))
  const reason = job?.failedReason
  await job?.remove()
  if (reason !== undefined && reason !== '') {
    logger.error({ run: row.runId, step: stepId, asset: row.asset, job: name, reason }, 'a job failed before it could begin; it is enqueued again')
    // The 1st, 2nd, 4th, 8th … time: a night of failures is a dozen lines.
    if ((row.enqueued & (row.enqueued - 1)) === 0) {
      const message = `The ${name} job of ${row.asset} failed before it could begin: ${reason} It is tried again until it can.`
      await insertEvents(pool, [{ runId: row.runId, stepId, asset: row.asset, kind: 'job failed', level: 'error', message }])
    }
  }
  return true
}
