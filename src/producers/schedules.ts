import { CronExpressionParser } from 'cron-parser'
import type pg from 'pg'
import { currentManifests } from '../catalog/manifests.ts'
import { ensureSchedule } from '../catalog/ticks.ts'
import type { ScheduleSpec } from '../definitions/schedule.ts'
import type { Logger } from '../logger.ts'
import { jobId } from '../queues/jobs.ts'
import type { Payload } from '../queues/jobs.ts'
import type { Queues } from '../queues/queues.ts'
import { isSensorScheduler } from './sensors.ts'

export interface SchedulesDeps {
  readonly pool: pg.Pool
  readonly queues: Queues
  readonly logger: Logger
}

/** A slot older than this without a tick was missed; younger ones may be on their way through the queue. */
const missedAfterMs = 30_000

/** When a schedule is due next, after a moment. */
export function nextTick(schedule: Pick<ScheduleSpec, 'cron' | 'timeZone'>, after: Date): Date {
  return CronExpressionParser.parse(schedule.cron, { tz: schedule.timeZone, currentDate: after }).next().toDate()
}

function previousTick(schedule: ScheduleSpec, before: Date): Date {
  return CronExpressionParser.parse(schedule.cron, { tz: schedule.timeZone, currentDate: before }).prev().toDate()
}

/**
 * Brings the queue's job schedulers in line with the manifests in force, and hands out ticks that the clock alone would not:
 * the first start, and slots that were missed. Only the leader calls it; a scheduler is upserted only when it differs, because each
 * upsert may move its next time.
 */
export async function syncSchedules({ pool, queues, logger }: SchedulesDeps, now: Date): Promise<void> {
  for (const { manifest } of await currentManifests(pool)) {
    const queue = queues.queue(manifest.location, 'ticks')
    const existing = new Map((await queue.getJobSchedulers(0, -1)).filter(({ key }) => !isSensorScheduler(key)).map((one) => [one.key, one]))
    for (const schedule of manifest.schedules) {
      const state = await ensureSchedule(pool, manifest.location, schedule.name, schedule.startsStopped)
      const known = existing.get(schedule.name)
      existing.delete(schedule.name)
      if (state.stopped) {
        if (known !== undefined) await queue.removeJobScheduler(schedule.name)
        continue
      }
      if (known?.pattern !== schedule.cron || known.tz !== schedule.timeZone) {
        await queue.upsertJobScheduler(schedule.name, { pattern: schedule.cron, tz: schedule.timeZone }, { name: 'tick', data: { schedule: schedule.name } })
        logger.info({ location: manifest.location, schedule: schedule.name, next: nextTick(schedule, now).toISOString() }, 'scheduled')
      }
      await enqueueUnclocked(queues, manifest.location, schedule, state, now)
    }
    for (const gone of existing.keys()) await queue.removeJobScheduler(gone)
  }
}

async function enqueueUnclocked(
  queues: Queues,
  location: string,
  schedule: ScheduleSpec,
  state: { firstSeen: Date; lastTick: Date | undefined },
  now: Date,
): Promise<void> {
  if (state.lastTick === undefined && schedule.runOnFirstStart) {
    await enqueueTick(queues, location, { schedule: schedule.name, scheduledAt: state.firstSeen.toISOString(), cause: 'first start' })
    return
  }
  // Of several missed slots the latest is caught up: one run brings the assets up to date.
  const slot = previousTick(schedule, new Date(now.getTime() - missedAfterMs))
  if (slot > state.firstSeen && (state.lastTick === undefined || slot > state.lastTick)) {
    await enqueueTick(queues, location, { schedule: schedule.name, scheduledAt: slot.toISOString(), cause: 'missed' })
  }
}

/** There is no row of this tick: a delivery of it that is over did nothing, and would keep its id taken. */
async function enqueueTick(queues: Queues, location: string, payload: Payload<'tick'>): Promise<void> {
  if ((await queues.delivery(location, 'tick', payload)) === 'finished') await queues.queue(location, 'ticks').remove(jobId('tick', payload))
  await queues.enqueue(location, 'tick', payload)
}
