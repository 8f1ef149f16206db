import type pg from 'pg'
import { claimedInSql } from '../catalog/step-states.ts'
import type { StepStatus } from '../catalog/step-states.ts'
import { failStep } from '../catalog/steps.ts'
import type { FailureGuard } from '../catalog/steps.ts'
import { RetryPolicy } from '../definitions/retry.ts'
import { MillraceError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Queues } from '../queues/queues.ts'
import { enqueueBatch } from './launch/enqueue-batch.ts'
import { enqueueStep } from './launch/enqueue-step.ts'

/** What a sweep works with. */
export interface SweepDeps {
  readonly pool: pg.Pool
  readonly queues: Queues
  readonly logger: Logger
}

/** A step whose workers died this often, with nothing moving in between, is what kills them. */
const maxLostClaims = 10

const holderIsDead = (row: string): string =>
  `${row}.claimed_by IS NOT NULL AND NOT EXISTS (SELECT FROM millrace.process p WHERE p.id = ${row}.claimed_by AND p.lease_until > clock_timestamp())`

/** Frees steps whose worker died and asks for them again; gives up those that kill their workers. */
export async function freeSteps({ pool, queues, logger }: SweepDeps): Promise<number> {
  const { rows } = await pool.query<{ id: string; location: string; status: StepStatus; enqueued: number; lost: number; claim: number; asset: string }>(
    `UPDATE millrace.step s SET claimed_by = NULL, enqueued = enqueued + 1, enqueued_at = clock_timestamp(), lost_claims = lost_claims + 1
     WHERE status IN ${claimedInSql} AND ${holderIsDead('s')}
     RETURNING id, location, status, enqueued, lost_claims AS lost, claim, asset`,
  )
  for (const row of rows) {
    logger.warn({ step: row.id, asset: row.asset, status: row.status }, 'its worker is gone; the step goes on elsewhere')
    if (row.lost > maxLostClaims) await giveUp(pool, { ...row, guard: { stepId: row.id, claim: row.claim + 1 } })
    else await enqueueStep(queues, { stepId: row.id, location: row.location, status: row.status, enqueued: row.enqueued })
  }
  return rows.length
}

/** The same for batches. What they lost counts at their step. */
export async function freeBatches({ pool, queues, logger }: SweepDeps): Promise<number> {
  const { rows } = await pool.query<{ id: string; stepId: string; location: string; asset: string; status: string; enqueued: number; claim: number }>(
    `UPDATE millrace.batch b SET claimed_by = NULL, enqueued = b.enqueued + 1, enqueued_at = clock_timestamp()
     FROM millrace.step s WHERE s.id = b.step_id AND s.generation = b.generation AND s.status IN ('extracting', 'loading') AND b.status <> 'loaded' AND ${holderIsDead('b')}
     RETURNING b.id, b.step_id AS "stepId", s.location, s.asset, b.status, b.enqueued, b.claim`,
  )
  for (const [stepId, batches] of Map.groupBy(rows, (row) => row.stepId)) {
    const [first] = batches
    if (first === undefined) continue
    logger.warn({ step: stepId, asset: first.asset, batches: batches.length }, 'their worker is gone; the batches go on elsewhere')
    const { rows: counted } = await pool.query<{ lost: number }>(
      `UPDATE millrace.step SET lost_claims = lost_claims + 1 WHERE id = $1 RETURNING lost_claims AS lost`,
      [stepId],
    )
    const lost = counted[0]?.lost ?? 0
    if (lost > maxLostClaims) await giveUp(pool, { asset: first.asset, lost, guard: { stepId, batchId: first.id, claim: first.claim + 1 } })
  }
  await Promise.all(rows.map((row) => enqueueBatch(queues, row.location, { batchId: row.id, enqueued: row.enqueued, encoded: row.status === 'encoded' })))
  return rows.length
}

interface Deadly {
  readonly asset: string
  readonly lost: number
  /** The claim that is drawn here, in nobody's name. */
  readonly guard: FailureGuard
}

async function giveUp(pool: pg.Pool, { asset, lost, guard }: Deadly): Promise<void> {
  const [table, id] = 'batchId' in guard ? ['millrace.batch', guard.batchId] : ['millrace.step', guard.stepId]
  await pool.query(`UPDATE ${table} SET claimed_by = gen_random_uuid(), claim = claim + 1 WHERE id = $1 AND claim = $2 AND claimed_by IS NULL`, [
    id,
    guard.claim - 1,
  ])
  await pool.query(`UPDATE millrace.step SET lost_claims = 0 WHERE id = $1`, [guard.stepId])
  const error = new MillraceError(`${String(lost)} workers in a row died while they worked on ${asset}.`, {
    code: 'WORKERS_LOST',
    hint: 'Look at the last lines of their logs for what kills them: memory, or a function that never gives the event loop back.',
  })
  await failStep(pool, guard, error, RetryPolicy.parse({}))
}
