import type { Job } from 'bullmq'
import { evaluateTick } from '../producers/launch/tick.ts'
import type { Payload } from '../queues/jobs.ts'
import type { WorkerContext } from './context.ts'

/** Evaluates a tick. A job scheduler's job carries its slot in its id, `repeat:<schedule>:<milliseconds>`. */
export async function tick(context: WorkerContext, payload: Payload<'tick'>, job: Job, location: string): Promise<void> {
  const slot = payload.scheduledAt ?? slotOf(job)
  const launched = await evaluateTick(context, { location, schedule: payload.schedule, scheduledAt: slot, cause: payload.cause })
  if (launched?.created === true) {
    context.logger.info({ location, schedule: payload.schedule, run: launched.runId }, 'a schedule launched a run')
    context.notifier.changed(launched.runId)
  }
}

function slotOf(job: Job): string {
  const milliseconds = Number(/:(\d+)$/.exec(job.id ?? '')?.[1] ?? job.timestamp + job.delay)
  return new Date(milliseconds).toISOString()
}
