import { beginPublishing } from '../catalog/steps.ts'
import { isForgottenSql } from '../catalog/forgotten.ts'
import { forgetOldProcesses } from '../catalog/processes.ts'
import { findLostBatches, findLostSteps } from './find-lost.ts'
import { freeBatches, freeSteps } from './free-claims.ts'
import type { SweepDeps } from './free-claims.ts'
import { endLateRuns } from './end-late-runs.ts'
import { enqueueStep } from './launch/enqueue-step.ts'
import { startWhatFits } from './launch/start-waiting.ts'

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
  await endLateRuns(deps)
  await startWhatFits(deps)
  await cleanEnded(deps)
  if (freed + enqueuedAgain > 0) deps.logger.info({ freed, enqueuedAgain }, 'the sweep found work that was left behind')
  return { freed, enqueuedAgain }
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
  const { rows } = await pool.query<{ id: string; location: string; enqueued: number }>(
    `UPDATE millrace.step SET enqueued_at = clock_timestamp()
     WHERE id IN (SELECT id FROM millrace.step WHERE cleaned_at IS NULL AND ended_at < clock_timestamp() - interval '30 s'
       AND NOT ${isForgottenSql('step.location')} AND (enqueued_at IS NULL OR enqueued_at < clock_timestamp() - interval '60 s') LIMIT 50)
     RETURNING id, location, enqueued`,
  )
  for (const row of rows) {
    // Where nobody works the queue the one job is enough, however long it waits.
    if ((await queues.delivery(row.location, 'clean', { stepId: row.id, enqueued: row.enqueued })).state === 'pending') continue
    const { rows: raised } = await pool.query<{ enqueued: number }>(
      `UPDATE millrace.step SET enqueued = enqueued + 1 WHERE id = $1 AND enqueued = $2 AND cleaned_at IS NULL RETURNING enqueued`,
      [row.id, row.enqueued],
    )
    if (raised[0] !== undefined) await queues.enqueue(row.location, 'clean', { stepId: row.id, enqueued: raised[0].enqueued })
  }
}
