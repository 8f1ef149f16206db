import type pg from 'pg'
import { currentManifests } from '../catalog/manifests.ts'
import { ensureSchedules, markGoneSchedules, openSlots, settleSchedule } from '../catalog/ticks.ts'
import type { ScheduleState } from '../catalog/ticks.ts'
import { lateMs, missedAfterMs, slotsCaughtUp, slotsOf } from '../definitions/schedule.ts'
import type { ScheduleSpec } from '../definitions/schedule.ts'
import type { Logger } from '../logger.ts'
import { jobId } from '../queues/jobs.ts'
import type { Payload } from '../queues/jobs.ts'
import type { Queues } from '../queues/queues.ts'
import { bringInLine } from './job-schedulers.ts'
import type { SeenSchedulers, WantedScheduler } from './job-schedulers.ts'
import { askForgottenSensors, wantedOfSensors } from './sensors.ts'

export interface SchedulesDeps {
  readonly pool: pg.Pool
  readonly queues: Queues
  readonly logger: Logger
}

/** As many missed slots are handed out in one round. */
const mostAtOnce = 20

/** When a schedule is due next, after a moment. */
export function nextTick(schedule: Pick<ScheduleSpec, 'cron' | 'timeZone'>, after: Date): Date {
  return new Date(slotsOf(schedule).after(after.getTime()))
}

/**
 * Brings the queue's job schedulers in line with the manifests in force, and hands out what the clock alone would not: the first start of a schedule, slots that were
 * missed, and sensors whose messages nobody took. Only the leader calls it.
 * @param seen what the last call saw on the queues: handed to each call, so that what has not changed is not read each time
 */
export async function syncTicks({ pool, queues, logger }: SchedulesDeps, now: Date, seen: SeenSchedulers): Promise<void> {
  const manifests = (await currentManifests(pool)).map(({ manifest }) => manifest)
  await markGoneSchedules(
    pool,
    manifests.flatMap(({ location, schedules }) => schedules.map(({ name }) => ({ location, schedule: name }))),
  )
  for (const manifest of manifests) {
    const { location } = manifest
    const states = await ensureSchedules(pool, location, manifest.schedules)
    const started = manifest.schedules.flatMap((schedule) => {
      const state = states.get(schedule.name)
      return state === undefined || state.stopped ? [] : [{ schedule, state }]
    })
    const wanted = [...started.flatMap(({ schedule }) => wantedOfSchedule(schedule, now)), ...(await wantedOfSensors(pool, manifest))]
    await bringInLine({ queues, logger }, location, wanted, now, seen)
    for (const { schedule, state } of started) await enqueueUnclocked({ pool, queues, location, schedule, state, now })
  }
  await askForgottenSensors(pool, queues, manifests)
}

/** The job schedulers of a schedule, one for each of its expressions. A name has no `#`. */
function wantedOfSchedule(schedule: ScheduleSpec, now: Date): WantedScheduler[] {
  const { name, cron, timeZone } = schedule
  const about = { schedule: name, next: nextTick(schedule, now).toISOString() }
  return cron.map((pattern, at) => ({
    key: at === 0 ? name : `${name}#${String(at)}`,
    repeat: { pattern, tz: timeZone },
    job: { name: 'tick', data: { schedule: name } },
    about,
  }))
}

interface Unclocked {
  readonly pool: pg.Pool
  readonly queues: Queues
  readonly location: string
  readonly schedule: ScheduleSpec
  readonly state: ScheduleState
  readonly now: Date
}

async function enqueueUnclocked({ pool, queues, location, schedule, state, now }: Unclocked): Promise<void> {
  if (!state.hasTicked && schedule.runOnFirstStart) {
    await enqueueTick(queues, location, { schedule: schedule.name, scheduledAt: state.firstSeen.toISOString(), cause: 'first start' })
    return
  }
  const settled = Math.max(state.firstSeen.getTime(), state.settledAt?.getTime() ?? 0)
  const slots = missedSlots(schedule, settled, now.getTime())
  const latest = slots[0]
  if (latest === undefined) return
  const key = { location, schedule: schedule.name }
  const { open, unsettled } = await openSlots(pool, key, slots.slice(0, handedOut(schedule, latest, now)))
  for (const { scheduledAt, failures } of open.slice(0, mostAtOnce)) {
    await enqueueTick(queues, location, { schedule: schedule.name, scheduledAt, cause: 'missed', failures })
  }
  if (unsettled === 0) await settleSchedule(pool, key, latest)
}

/** Those after one moment and well before another, the latest first; no more than could be made up for. */
function missedSlots(schedule: ScheduleSpec, after: number, now: number): Date[] {
  const slots = slotsOf(schedule)
  const found: Date[] = []
  const most = Math.max(1, slotsCaughtUp(schedule))
  for (let slot = slots.before(now - missedAfterMs); slot !== undefined && slot > after && found.length < most; slot = slots.before(slot))
    found.push(new Date(slot))
  return found
}

/** How many of the latest slots get a tick. One of new partitions launches those of the slots before as well. */
function handedOut(schedule: ScheduleSpec, latest: Date, now: Date): number {
  if (slotsCaughtUp(schedule) === 0) return now.getTime() - latest.getTime() < lateMs ? 1 : 0
  return schedule.partitions === 'new' ? 1 : slotsCaughtUp(schedule)
}

/** There is no row of this tick: a delivery of it that is over did nothing, and would keep its id taken. */
async function enqueueTick(queues: Queues, location: string, payload: Payload<'tick'>): Promise<void> {
  if ((await queues.delivery(location, 'tick', payload)).state === 'finished') await queues.queue(location, 'ticks').remove(jobId('tick', payload))
  await queues.enqueue(location, 'tick', payload)
}
