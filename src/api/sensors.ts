import * as z from 'zod'
import { readSensors, readSensorTicks } from '../catalog/read/sensors.ts'
import type { SensorTickRead } from '../catalog/read/sensors.ts'
import { askForEvaluation, keepMessage, sensorTickStatuses, setSensorStopped } from '../catalog/sensors.ts'
import { transaction } from '../catalog/database.ts'
import { refuseUnstorable } from '../catalog/storable.ts'
import { knownInstead } from '../definitions/known-instead.ts'
import { Watched } from '../definitions/sensor.ts'
import { Failure } from './failure.ts'
import type { Parts } from './parts.ts'
import { HttpError } from './problem.ts'
import { route } from './route.ts'

const SensorName = z.object({ location: z.string(), name: z.string() })

const SensorTick = z
  .object({
    id: z.string(),
    cause: z.string().meta({ description: '`clock`, `retry`, `webhook`, `hand`, or `more`: the one before left some of what it watches.' }),
    beganAt: z.iso.datetime(),
    endedAt: z.iso.datetime(),
    status: z.enum(sensorTickStatuses),
    reason: z.string().nullable().meta({ description: 'Why it asked for nothing, in its own words.' }),
    runs: z.array(z.uuid()),
    known: z.int().meta({ description: 'Requests whose run key had a run already.' }),
    notifications: z.int().meta({ description: 'Notifications that it asked for.' }),
    handed: z.int().meta({ description: 'Materializations or runs that it was handed.' }),
    error: Failure.nullable(),
    log: z.array(z.record(z.string(), z.json())),
    repeated: z.int().meta({ description: 'Evaluations after this one that skipped for the same reason.' }),
  })
  .meta({ id: 'SensorTick' })

export const Sensor = z
  .object({
    location: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    everyMs: z.int(),
    assets: z.array(z.string()),
    watches: Watched.nullable().meta({ description: 'What it is evaluated on; null: its function looks for itself.' }),
    stopped: z.boolean(),
    evaluating: z.boolean(),
    cursor: z.json().nullable(),
    messages: z.int().meta({ description: 'What webhooks brought and no evaluation has taken yet.' }),
    lastTick: SensorTick.nullable(),
  })
  .meta({ id: 'Sensor' })
export type Sensor = z.output<typeof Sensor>

/** Every sensor of every location that is loaded. */
export async function listSensors({ pool, locations }: Pick<Parts, 'pool' | 'locations'>): Promise<Sensor[]> {
  const [all, states] = await Promise.all([locations.all(pool), readSensors(pool)])
  return all.flatMap(({ name: location, manifest }) =>
    (manifest?.sensors ?? []).map((spec): Sensor => {
      const state = states.find((one) => one.location === location && one.name === spec.name)
      return {
        location,
        name: spec.name,
        description: spec.description ?? null,
        everyMs: spec.everyMs,
        assets: spec.assets,
        watches: spec.watches ?? null,
        stopped: state?.stopped ?? spec.startsStopped,
        evaluating: state?.evaluating ?? false,
        cursor: state?.cursor ?? null,
        messages: state?.messages ?? 0,
        lastTick: state?.lastTick === undefined || state.lastTick === null ? null : presentTick(state.lastTick),
      }
    }),
  )
}

const presentTick = (tick: SensorTickRead): z.input<typeof SensorTick> => tick

const listSensorsRoute = route({
  method: 'get',
  path: '/sensors',
  operation: 'listSensors',
  summary: 'Every sensor, with its newest evaluation',
  query: z.object({ location: z.string().optional() }),
  response: z.object({ sensors: z.array(Sensor) }).meta({ id: 'SensorList' }),
}).handle(async ({ query, parts }) => ({
  body: { sensors: (await listSensors(parts)).filter((one) => query.location === undefined || one.location === query.location) },
}))

const listTicks = route({
  method: 'get',
  path: '/sensors/{location}/{name}/ticks',
  operation: 'listSensorTicks',
  summary: 'Evaluations of a sensor, the newest first',
  params: SensorName,
  query: z.object({
    limit: z.coerce.number<string>().int().min(1).max(500).default(50),
    before: z
      .string()
      .regex(/^\d{1,18}$/, 'must be the id of a tick')
      .optional(),
  }),
  response: z.object({ ticks: z.array(SensorTick) }).meta({ id: 'SensorTickPage' }),
}).handle(async ({ params, query, parts }) => ({
  body: { ticks: (await readSensorTicks(parts.pool, params.location, params.name, query.limit, query.before)).map(presentTick) },
}))

const changed = z.object({ location: z.string(), name: z.string(), stopped: z.boolean() }).meta({ id: 'SensorState' })

const switchRoute = (operation: 'startSensor' | 'stopSensor', stopped: boolean) =>
  route({
    method: 'post',
    path: `/sensors/{location}/{name}/${stopped ? 'stop' : 'start'}`,
    operation,
    summary: stopped ? 'Stop a sensor' : 'Start a sensor',
    params: SensorName,
    response: changed,
    problems: [403, 404],
  }).handle(async ({ params, parts }) => {
    await requireSensor(parts, params)
    // One whose definitions are new is known once the producers have looked at them.
    if (!(await setSensorStopped(parts.pool, { location: params.location, sensor: params.name }, stopped))) throw unknownSensor(params, [])
    return { body: { ...params, stopped } }
  })

export const Accepted = z.object({ accepted: z.literal(true) }).meta({ id: 'Accepted' })

const evaluate = route({
  method: 'post',
  path: '/sensors/{location}/{name}/evaluate',
  operation: 'evaluateSensor',
  summary: 'Evaluate a sensor now, also one that is stopped',
  params: SensorName,
  response: Accepted,
  statuses: { 202: 'It is asked for; its tick tells how it went' },
  problems: [403, 404],
}).handle(async ({ params, parts }) => {
  await requireSensor(parts, params)
  const asked = await askForEvaluation(parts.pool, { location: params.location, sensor: params.name })
  if (asked === undefined) throw unknownSensor(params, [])
  await parts.queues.enqueue(params.location, 'sense', { sensor: params.name, cause: 'hand', asked, failures: 0 })
  return { status: 202, body: { accepted: true as const } }
})

const message = route({
  method: 'post',
  path: '/sensors/{location}/{name}/messages',
  operation: 'messageSensor',
  summary: 'The webhook of a sensor',
  description:
    'Keeps the body, a JSON object or array, for its next evaluation, which is begun at once. It is kept until an evaluation has succeeded with it, also while the sensor is stopped.',
  params: SensorName,
  body: z.union([z.record(z.string(), z.json()), z.array(z.json())]),
  response: Accepted,
  statuses: { 202: 'It is kept' },
  problems: [403, 404, 413, 415, 422],
}).handle(async ({ params, body, parts }) => {
  const key = { location: params.location, sensor: params.name }
  await requireSensor(parts, params)
  refuseUnstorable('The message', 'TEXT_INVALID', body)
  const asked = await transaction(parts.pool, async (client) => {
    const number = await askForEvaluation(client, key)
    if (number === undefined) throw unknownSensor(params, [])
    await keepMessage(client, key, body)
    return number
  })
  await parts.queues.enqueue(params.location, 'sense', { sensor: params.name, cause: 'webhook', asked, failures: 0 })
  return { status: 202, body: { accepted: true as const } }
})

interface Named {
  readonly location: string
  readonly name: string
}

/** A row stays when the definitions no longer have its sensor; what a webhook brings then would never be taken. @throws HttpError `UNKNOWN_SENSOR` */
async function requireSensor({ pool, locations }: Pick<Parts, 'pool' | 'locations'>, one: Named): Promise<void> {
  const own = (await locations.all(pool)).find(({ name }) => name === one.location)?.manifest?.sensors.map(({ name }) => name) ?? []
  if (!own.includes(one.name)) throw unknownSensor(one, own)
}

function unknownSensor({ location, name }: Named, known: readonly string[]): HttpError {
  return new HttpError(404, 'UNKNOWN_SENSOR', `There is no sensor ${name} in the location ${location}.`, {
    hint: knownInstead(name, known, { what: 'sensors', list: 'GET /api/v1/sensors' }),
  })
}

export const sensorRoutes = [listSensorsRoute, listTicks, switchRoute('startSensor', false), switchRoute('stopSensor', true), evaluate, message]
