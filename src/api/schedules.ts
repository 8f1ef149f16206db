import * as z from 'zod'
import { readSchedules, readScheduleTicks } from '../catalog/read/schedules.ts'
import { setScheduleStopped, tickStatuses } from '../catalog/ticks.ts'
import { knownInstead } from '../definitions/known-instead.ts'
import { MillraceError } from '../errors.ts'
import { nextTick } from '../producers/schedules.ts'
import { Failure } from './failure.ts'
import type { Parts } from './parts.ts'
import { HttpError } from './problem.ts'
import { route } from './route.ts'

const ScheduleName = z.object({ location: z.string(), name: z.string() })

const ScheduleTick = z
  .object({
    scheduledAt: z.iso.datetime().meta({ description: 'The time that it stands for.' }),
    at: z.iso.datetime(),
    cause: z.string().meta({ description: '`clock`, `first start`, `missed` or `hand`.' }),
    status: z.enum(tickStatuses),
    runId: z.uuid().nullable().meta({ description: 'The first of its runs.' }),
    runs: z.array(z.uuid()),
    known: z.int().meta({ description: 'Requests whose run key had a run already.' }),
    reason: z.string().nullable().meta({ description: 'Why there is no run, or what there is to say.' }),
    failures: z.int().meta({ description: 'How often it failed; it is tried again three times.' }),
    error: Failure.nullable().meta({ description: 'Of the last time that it failed.' }),
    log: z.array(z.record(z.string(), z.json())),
  })
  .meta({ id: 'ScheduleTick' })

const Schedule = z
  .object({
    location: z.string(),
    name: z.string(),
    cron: z.array(z.string()),
    timeZone: z.string(),
    assets: z.array(z.string()),
    job: z.string().nullable().meta({ description: 'The job that it starts, in place of assets.' }),
    partitions: z.literal('new').nullable().meta({ description: '`new`: one run for each partition that came since the slot before.' }),
    decides: z.boolean().meta({ description: 'A function says what is to be run.' }),
    stopped: z.boolean(),
    nextAt: z.iso.datetime().nullable().meta({ description: 'Null while it is stopped.' }),
    lastTick: ScheduleTick.pick({ scheduledAt: true, status: true, runId: true, runs: true, reason: true, error: true }).nullable(),
  })
  .meta({ id: 'Schedule' })
export type Schedule = z.output<typeof Schedule>

/** Every schedule of every location that is loaded: the next one first, those that are stopped last. */
export async function listSchedules({ pool, locations }: Pick<Parts, 'pool' | 'locations'>, now: Date): Promise<Schedule[]> {
  const [all, states] = await Promise.all([locations.all(pool), readSchedules(pool)])
  const schedules = all.flatMap(({ name: location, manifest }) =>
    (manifest?.schedules ?? []).map((spec): Schedule => {
      const state = states.find((one) => one.location === location && one.name === spec.name)
      const stopped = state?.stopped ?? spec.startsStopped
      const { lastTickAt: scheduledAt = null, lastTickStatus: status = null } = state ?? {}
      return {
        location,
        name: spec.name,
        cron: spec.cron,
        timeZone: spec.timeZone,
        assets: spec.assets,
        job: spec.job ?? null,
        partitions: spec.partitions ?? null,
        decides: spec.decides === true,
        stopped,
        nextAt: stopped ? null : nextTick(spec, now).toISOString(),
        lastTick:
          state === undefined || scheduledAt === null || status === null
            ? null
            : { scheduledAt, status, runId: state.lastTickRunId, runs: state.lastTickRuns ?? [], reason: state.lastTickReason, error: state.lastTickError },
      }
    }),
  )
  const order = ({ nextAt, location, name }: Schedule): string => JSON.stringify([nextAt ?? '~', location, name])
  return schedules.toSorted((a, b) => (order(a) < order(b) ? -1 : 1))
}

const listSchedulesRoute = route({
  method: 'get',
  path: '/schedules',
  operation: 'listSchedules',
  summary: 'Every schedule, with its newest tick and its next time: the next one first, those that are stopped last',
  query: z.object({ location: z.string().optional() }),
  response: z.object({ schedules: z.array(Schedule) }).meta({ id: 'ScheduleList' }),
}).handle(async ({ query, parts }) => ({
  body: { schedules: (await listSchedules(parts, new Date())).filter((one) => query.location === undefined || one.location === query.location) },
}))

const listTicks = route({
  method: 'get',
  path: '/schedules/{location}/{name}/ticks',
  operation: 'listScheduleTicks',
  summary: 'Ticks of a schedule, the newest first',
  params: ScheduleName,
  query: z.object({ limit: z.coerce.number<string>().int().min(1).max(500).default(50), before: z.iso.datetime().optional() }),
  response: z.object({ ticks: z.array(ScheduleTick) }).meta({ id: 'ScheduleTickPage' }),
}).handle(async ({ params, query, parts }) => ({
  body: { ticks: await readScheduleTicks(parts.pool, params.location, params.name, query.limit, query.before) },
}))

const changed = z.object({ location: z.string(), name: z.string(), stopped: z.boolean() }).meta({ id: 'ScheduleState' })

const switchRoute = (operation: 'startSchedule' | 'stopSchedule', stopped: boolean) =>
  route({
    method: 'post',
    path: `/schedules/{location}/{name}/${stopped ? 'stop' : 'start'}`,
    operation,
    summary: stopped ? 'Stop a schedule' : 'Start a schedule',
    description: stopped ? 'Runs that it has launched go on.' : 'Times that went by while it was stopped are not caught up.',
    params: ScheduleName,
    response: changed,
    problems: [403, 404],
  }).handle(async ({ params, parts }) => {
    await requireSchedule(parts, params)
    // One whose definitions are new is known once the producers have looked at them.
    if (!(await setScheduleStopped(parts.pool, params.location, params.name, stopped))) throw unknownSchedule(params, [])
    return { body: { ...params, stopped } }
  })

const accepted = z.object({ scheduledAt: z.iso.datetime() }).meta({ id: 'ScheduleTickAccepted' })

const tick = route({
  method: 'post',
  path: '/schedules/{location}/{name}/tick',
  operation: 'tickSchedule',
  summary: 'Have a schedule tick now, also one that is stopped',
  params: ScheduleName,
  response: accepted,
  statuses: { 202: 'It is asked for; its tick tells how it went' },
  problems: [403, 404],
}).handle(async ({ params, parts }) => {
  await requireSchedule(parts, params)
  const scheduledAt = new Date().toISOString()
  if (!(await parts.queues.enqueue(params.location, 'tick', { schedule: params.name, scheduledAt, cause: 'hand' }))) {
    throw new MillraceError(`The queue does not take the tick of ${params.name}.`, { code: 'QUEUE_UNAVAILABLE', hint: 'Try again when the queues are back.' })
  }
  return { status: 202, body: { scheduledAt } }
})

interface Named {
  readonly location: string
  readonly name: string
}

/** A row stays when the definitions no longer have its schedule. @throws HttpError `UNKNOWN_SCHEDULE` */
async function requireSchedule({ pool, locations }: Pick<Parts, 'pool' | 'locations'>, one: Named): Promise<void> {
  const own = (await locations.all(pool)).find(({ name }) => name === one.location)?.manifest?.schedules.map(({ name }) => name) ?? []
  if (!own.includes(one.name)) throw unknownSchedule(one, own)
}

function unknownSchedule({ location, name }: Named, known: readonly string[]): HttpError {
  return new HttpError(404, 'UNKNOWN_SCHEDULE', `There is no schedule ${name} in the location ${location}.`, {
    hint: knownInstead(name, known, { what: 'schedules', list: 'GET /api/v1/schedules' }),
  })
}

export const scheduleRoutes = [listSchedulesRoute, listTicks, switchRoute('startSchedule', false), switchRoute('stopSchedule', true), tick]
