import { forgottenAndScheduled, markUnscheduled } from '../catalog/forgotten.ts'
import type { SchedulesDeps } from './schedules.ts'

/** Takes the job schedulers of forgotten locations off the queues. What one of them has left behind meets no definitions, and does nothing. Only the leader calls it. */
export async function unscheduleForgotten({ pool, queues, logger }: SchedulesDeps): Promise<void> {
  for (const forgotten of await forgottenAndScheduled(pool)) {
    const queue = queues.queue(forgotten.name, 'ticks')
    const schedulers = await queue.getJobSchedulers(0, -1)
    for (const { key } of schedulers) await queue.removeJobScheduler(key)
    await markUnscheduled(pool, forgotten)
    logger.info({ location: forgotten.name, schedulers: schedulers.length }, 'a location was forgotten: its schedules and sensors are off the queue')
  }
}
