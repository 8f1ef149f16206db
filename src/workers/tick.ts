import { setTimeout as sleep } from 'node:timers/promises'
import type { Job } from 'bullmq'
import type { JsonObject } from '../definitions/json.ts'
import { slotsOf } from '../definitions/schedule.ts'
import type { ScheduleSpec } from '../definitions/schedule.ts'
import { DecisionError, evaluateTick, recordFailure } from '../producers/launch/tick.ts'
import type { Decision, TickDeps, TickRequest } from '../producers/launch/tick.ts'
import type { Payload } from '../queues/jobs.ts'
import { askSchedule } from './ask-schedule.ts'
import type { WorkerContext } from './context.ts'
import { isConnectionLoss, UserCodeError } from './failure.ts'
import { keepLine } from './tick-log.ts'

/** How long a tick is tried again while the catalogue is away; after that the leader finds its slot missed. There is no row yet that a sweep could find. */
const patienceMs = 30_000
const pauseMs = 500

/** Evaluates a tick. A job scheduler's job carries its slot in its id, `repeat:<schedule>:<milliseconds>`. */
export async function tick(context: WorkerContext, payload: Payload<'tick'>, job: Job, location: string): Promise<void> {
  const { schedule, cause, scheduledAt } = payload
  const slot = scheduledAt === undefined ? slotOf(job) : Date.parse(scheduledAt)
  const spec = context.locations.get(location)?.manifest.schedules.find((one) => one.name === schedule)
  if (scheduledAt === undefined && spec !== undefined && !isSlot(spec, slot)) {
    context.logger.info({ location, schedule, at: new Date(slot).toISOString() }, 'the queue ticked at a time that is none of the schedule’s')
    return
  }
  const request: TickRequest = { location, schedule, scheduledAt: new Date(slot).toISOString(), cause }
  const deps: TickDeps = { ...context, ask: (...asked) => ask(context, location, ...asked) }
  const deadline = performance.now() + patienceMs
  for (;;) {
    try {
      const { runs } = await evaluateTick(deps, request)
      if (runs.length > 0) context.logger.info({ location, schedule, runs: runs.length, first: runs[0] }, 'a schedule launched runs')
      for (const runId of runs) context.notifier.changed(runId)
      return
    } catch (error) {
      if (!isConnectionLoss(error)) return recordFailure(deps, request, error)
      if (performance.now() > deadline) throw error
      context.logger.info({ err: error, location, schedule }, 'the catalogue is away; the tick is tried again')
      await sleep(pauseMs)
    }
  }
}

function slotOf(job: Job): number {
  return Number(/:(\d+)$/.exec(job.id ?? '')?.[1] ?? job.timestamp + job.delay)
}

/** Where clocks are changed the queue may tick once too often. */
const isSlot = (spec: ScheduleSpec, utc: number): boolean => slotsOf(spec).after(utc - 1) === utc

async function ask(context: WorkerContext, location: string, { name }: ScheduleSpec, scheduledAt: string, log: JsonObject[]): Promise<Decision | undefined> {
  const own = context.locations.get(location)?.location.schedules.find((one) => one.spec.name === name)
  if (own?.run === undefined) return undefined
  try {
    return await askSchedule(own, {
      location,
      scheduledAt,
      resources: context.resources,
      throttles: context.throttles,
      log: (message, fields) => {
        context.logger.info({ schedule: name, location, ...fields }, message)
        keepLine(log, message, fields)
      },
    })
  } catch (error) {
    throw error instanceof UserCodeError ? new DecisionError('the schedule’s function threw', { cause: error.cause }) : error
  }
}
