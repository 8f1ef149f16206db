import * as z from 'zod'
import { forgetLocation, unknownLocation } from '../catalog/forget-location.ts'
import type { ForgottenLocation } from '../catalog/forget-location.ts'
import { countUnfinished, describeUnfinished, locationStates, readLocationStandings } from '../catalog/read/locations.ts'
import { Failure } from './failure.ts'
import type { Parts } from './parts.ts'
import { route } from './route.ts'

const Location = z
  .object({
    name: z.string(),
    version: z.string().nullable().meta({ description: 'Of the definitions in force, which new runs are planned from; null where none ever loaded.' }),
    state: z.enum(locationStates).meta({
      description: '`no worker`: what is launched waits until one starts. `failed to load`: the version in force, if there is one, stays.',
    }),
    notice: z.string().nullable().meta({ description: 'What a person should know of it: that a simulator stands in, for one.' }),
    error: Failure.nullable().meta({
      description: 'Why its definitions did not load the last time, with file, line and column; the version in force stays. Null once they load.',
    }),
    updatedAt: z.iso.datetime().meta({ description: 'When a worker last loaded it, or tried to.' }),
    lastSeenAt: z.iso.datetime().meta({ description: 'When a worker that holds it was last alive.' }),
    workers: z.record(z.string(), z.int()).meta({ description: 'Live workers by the version that they hold.' }),
  })
  .meta({ id: 'Location' })

const listLocations = route({
  method: 'get',
  path: '/locations',
  operation: 'listLocations',
  summary: 'Every code location: its version in force, its workers, and why its definitions do not load',
  response: z.object({ locations: z.array(Location) }).meta({ id: 'LocationList' }),
}).handle(async ({ parts }) => ({ body: { locations: await readLocationStandings(parts.pool) } }))

/** A location that somebody may want forgotten. */
export interface ForgetView {
  readonly name: string
  readonly lastSeenAt: string
  /** A worker of it is alive. */
  readonly worked: boolean
  /** What of it has not ended, in words. */
  readonly ends: string
}

/** What there is to know before a location is forgotten. @throws MillraceError `LOCATION_UNKNOWN` */
export async function forgetView({ pool }: Pick<Parts, 'pool'>, name: string): Promise<ForgetView> {
  const all = await readLocationStandings(pool)
  const location = all.find((one) => one.name === name)
  if (location === undefined)
    throw unknownLocation(
      name,
      all.map((one) => one.name),
    )
  const { lastSeenAt, workers } = location
  return { name, lastSeenAt, worked: Object.keys(workers).length > 0, ends: describeUnfinished(await countUnfinished(pool, name)) }
}

/** Forgets a location, and says so in the log. @throws MillraceError `LOCATION_UNKNOWN`, `LOCATION_IN_USE` */
export async function forget({ pool, logger }: Pick<Parts, 'pool' | 'logger'>, name: string, by: string): Promise<ForgottenLocation> {
  const forgotten = await forgetLocation(pool, name, by)
  logger.warn({ ...forgotten, by }, 'a location was forgotten')
  return forgotten
}

const forgetRoute = route({
  method: 'post',
  path: '/locations/{name}/forget',
  operation: 'forgetLocation',
  summary: 'Forget a location that nobody works any more',
  description:
    'Its schedules, sensors and automation stop, what of it waits is canceled with a reason, and nothing of it is listed; its history stays. Refused while a worker of it is alive. A worker that starts with it brings it back.',
  params: z.object({ name: z.string() }),
  body: z
    .strictObject({ by: z.string().min(1).max(200).default('api').meta({ description: 'Who wants it; told in the reason.' }) })
    .default({ by: 'api' })
    .meta({ id: 'ForgetLocationRequest' }),
  response: z
    .object({
      location: z.string(),
      runs: z.int().meta({ description: 'Runs that were canceled.' }),
      backfills: z.int().meta({ description: 'Backfills that were canceled.' }),
      notifications: z.int().meta({ description: 'Calls of hooks and notifications that were given up.' }),
    })
    .meta({ id: 'ForgottenLocation' }),
  problems: [403, 404, 409, 415],
}).handle(async ({ params, body, parts }) => ({ body: await forget(parts, params.name, body.by) }))

export const locationRoutes = [listLocations, forgetRoute]
