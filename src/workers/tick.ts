import { setTimeout as sleep } from 'node:timers/promises'
import type { Job } from 'bullmq'
import { evaluateTick } from '../producers/launch/tick.ts'
import type { Payload } from '../queues/jobs.ts'
import type { WorkerContext } from './context.ts'
import { isConnectionLoss } from './failure.ts'

/** How long a tick is tried again while the catalogue is away; after that the leader finds its slot missed. There is no row yet that a sweep could find. */
const patienceMs = 30_000
const pauseMs = 500

/** Evaluates a tick. A job scheduler's job carries its slot in its id, `repeat:<schedule>:<milliseconds>`. */
export async function tick(context: WorkerContext, payload: Payload<'tick'>, job: Job, location: string): Promise<void> {
  const request = { location, schedule: payload.schedule, scheduledAt: payload.scheduledAt ?? slotOf(job), cause: payload.cause }
  const deadline = performance.now() + patienceMs
  for (;;) {
    try {
      const launched = await evaluateTick(context, request)
      if (launched?.created !== true) return
      context.logger.info({ location, schedule: payload.schedule, run: launched.runId }, 'a schedule launched a run')
      context.notifier.changed(launched.runId)
      return
    } catch (error) {
      if (!isConnectionLoss(error) || performance.now() > deadline) throw error
      context.logger.info({ err: error, location, schedule: payload.schedule }, 'the catalogue is away; the tick is tried again')
      await sleep(pauseMs)
    }
  }
}

function slotOf(job: Job): string {
  const milliseconds = Number(/:(\d+)$/.exec(job.id ?? '')?.[1] ?? job.timestamp + job.delay)
  return new Date(milliseconds).toISOString()
}
