import * as z from 'zod'
import { readSchedules, readScheduleTicks } from '../catalog/read/schedules.ts'
import { setScheduleStopped } from '../catalog/ticks.ts'
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
    cause: z.string().meta({ description: '`clock`, `first start` or `missed`.' }),
    status: z.enum(['launched', 'failed']),
    runId: z.uuid().nullable(),
    error: Failure.nullable(),
  })
  .meta({ id: 'ScheduleTick' })

const Schedule = z
  .object({
    location: z.string(),
    name: z.string(),
    cron: z.string(),
    timeZone: z.string(),
    assets: z.array(z.string()),
    stopped: z.boolean(),
    nextAt: z.iso.datetime().nullable().meta({ description: 'Null while it is stopped.' }),
    lastTick: ScheduleTick.omit({ at: true, cause: true }).nullable(),
  })
  .meta({ id: 'Schedule' })
export type Schedule = z.output<typeof Schedule>

/** Every schedule of every location that is loaded. */
export async function listSchedules({ pool, locations }: Pick<Parts, 'pool' | 'locations'>, now: Date): Promise<Schedule[]> {
  const [all, states] = await Promise.all([locations.all(pool), readSchedules(pool)])
  return all.flatMap(({ name: location, manifest }) =>
    (manifest?.schedules ?? []).map((spec): Schedule => {
      const state = states.find((one) => one.location === location && one.name === spec.name)
      const stopped = state?.stopped ?? spec.startsStopped
      const { lastTickAt = null, lastTickStatus = null, lastTickRunId = null, lastTickError = null } = state ?? {}
      return {
        location,
        name: spec.name,
        cron: spec.cron,
        timeZone: spec.timeZone,
        assets: spec.assets,
        stopped,
        nextAt: stopped ? null : nextTick(spec, now).toISOString(),
        lastTick:
          lastTickAt === null || lastTickStatus === null
            ? null
            : { scheduledAt: lastTickAt, status: lastTickStatus, runId: lastTickRunId, error: lastTickError },
      }
    }),
  )
}

const listSchedulesRoute = route({
  method: 'get',
  path: '/schedules',
  operation: 'listSchedules',
  summary: 'Every schedule, with its newest tick and its next time',
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
    if (!(await setScheduleStopped(parts.pool, params.location, params.name, stopped))) {
      throw new HttpError(404, 'UNKNOWN_SCHEDULE', `There is no schedule ${params.name} in the location ${params.location}.`, {
        hint: 'GET /api/v1/schedules lists them.',
      })
    }
    return { body: { ...params, stopped } }
  })

export const scheduleRoutes = [listSchedulesRoute, listTicks, switchRoute('startSchedule', false), switchRoute('stopSchedule', true)]
