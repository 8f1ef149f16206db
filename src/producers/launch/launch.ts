import type pg from 'pg'
import { transaction } from '../../catalog/database.ts'
import { faultPoint } from '../../fault-point.ts'
import type { Logger } from '../../logger.ts'
import type { Queues } from '../../queues/queues.ts'
import { enqueueSteps } from './enqueue-step.ts'
import { insertRun, NotWantedError } from './insert-run.ts'
import type { InsertedRun, LaunchCompanion, RunOrigin } from './insert-run.ts'
import { planJob } from './plan-job.ts'
import { planRun } from './plan-run.ts'
import { startWaiting } from './start-waiting.ts'
import type { PlanRequest } from './plan-run.ts'

export interface LaunchRequest extends PlanRequest, RunOrigin {
  /** The job to be run, in place of chosen assets. */
  readonly job?: string | undefined
}

export interface Launched {
  readonly runId: string
  /** False when the idempotency key was known already. */
  readonly created: boolean
}

export interface LaunchDeps {
  readonly pool: pg.Pool
  readonly queues: Queues
  readonly logger: Logger
}

/**
 * Plans a run and starts it: the run and its steps are written in one transaction, then the steps that are ready are enqueued. A run that limits or a
 * pause may hold back goes by the queue, and is started in a second transaction if there is room.
 * @throws MillraceError as `planRun` and FencedError as `insertRun`
 */
export async function launch(deps: LaunchDeps, request: LaunchRequest, companion?: LaunchCompanion): Promise<Launched> {
  const { job } = request
  const planned = job === undefined ? await planRun(deps.pool, request) : await planJob(deps.pool, { ...request, job })
  const inserted = await transaction(deps.pool, (client) => insertRun(client, planned, request, companion)).catch((error: unknown): InsertedRun => {
    if (error instanceof NotWantedError) return { known: '' }
    throw error
  })
  if ('known' in inserted) return { runId: inserted.known, created: false }
  faultPoint('launch.committed')
  await enqueueSteps(deps.queues, inserted.due)
  if (inserted.waits) await startWaiting(deps)
  return { runId: inserted.runId, created: true }
}
