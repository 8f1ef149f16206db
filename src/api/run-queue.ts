import * as z from 'zod'
import { pauseRuns, readPauses, resumeRuns } from '../catalog/pauses.ts'
import { readPools, resetPoolSize, setPoolSize } from '../catalog/pools.ts'
import { readLimitUses, resetLimit, setLimit } from '../catalog/run-limits.ts'
import { knownInstead } from '../definitions/known-instead.ts'
import { startWaiting } from '../producers/launch/start-waiting.ts'
import { explainRun, Explanation } from './explain.ts'
import { HttpError } from './problem.ts'
import { route } from './route.ts'
import { unknownRun } from './run-actions.ts'

const by = z.string().min(1).max(200).default('api').meta({ description: 'Who says so; shown to whoever asks why nothing starts.' })
const place = z.string().default('').meta({ description: 'A code location; absent: all of them together.' })

const Limit = z
  .object({
    location: z.string(),
    tag: z.string(),
    value: z.string(),
    runs: z.int().nullable().meta({ description: 'How many may go on at once; null: as many as there are.' }),
    declared: z.int().nullable().meta({ description: 'What the definitions say.' }),
    setBy: z.string().nullable(),
    used: z.int(),
  })
  .meta({ id: 'RunLimit' })
const Limits = z.object({ limits: z.array(Limit) }).meta({ id: 'RunLimits' })

const Pool = z
  .object({
    location: z.string(),
    name: z.string(),
    slots: z.int(),
    declared: z.int().nullable(),
    setBy: z.string().nullable(),
    used: z.int(),
    waiting: z.int().meta({ description: 'Steps that are ready, and wait for slots.' }),
  })
  .meta({ id: 'Pool' })
const PoolList = z.object({ pools: z.array(Pool) }).meta({ id: 'Pools' })

const Pause = z.object({ location: z.string(), by: z.string(), reason: z.string().nullable(), since: z.iso.datetime() }).meta({ id: 'Pause' })
const Pauses = z.object({ pauses: z.array(Pause) }).meta({ id: 'Pauses' })

type Catalog = Parameters<typeof readPools>[0]

const limitsBody = async (pool: Catalog) => ({ body: { limits: await readLimitUses(pool) } })
const poolsBody = async (pool: Catalog) => ({ body: { pools: await readPools(pool) } })
const pausesBody = async (pool: Catalog) => ({ body: { pauses: (await readPauses(pool)).map((one) => ({ ...one, since: one.since.toISOString() })) } })

const listLimits = route({
  method: 'get',
  path: '/limits',
  operation: 'listLimits',
  summary: 'How many runs may go on at once, and how many do',
  response: Limits,
}).handle(({ parts }) => limitsBody(parts.pool))

const setLimitRoute = route({
  method: 'post',
  path: '/limits',
  operation: 'setLimit',
  summary: 'Limit runs',
  description: 'Takes the place of what definitions declare, until it is reset. A limit below what goes on ends nothing.',
  body: z
    .strictObject({
      location: place,
      tag: z.string().default('').meta({ description: 'Only runs with this tag.' }),
      value: z.string().default('').meta({ description: "The tag's value; absent: those of each value by themselves." }),
      runs: z.int().min(0).nullable().optional().meta({ description: 'Null lifts the limit; absent goes back to what is declared.' }),
      by,
    })
    .meta({ id: 'LimitRequest' }),
  response: Limits,
  problems: [403, 415],
}).handle(async ({ body: { runs, by: who, ...limit }, parts }) => {
  if (limit.tag === '' && limit.value !== '')
    throw new HttpError(400, 'REQUEST_INVALID', 'A value needs the tag whose value it is.', { hint: 'Name the tag too.' })
  if (runs === undefined) await resetLimit(parts.pool, limit)
  else await setLimit(parts.pool, { ...limit, runs }, who)
  await startWaiting(parts)
  return limitsBody(parts.pool)
})

const listPools = route({
  method: 'get',
  path: '/pools',
  operation: 'listPools',
  summary: 'Pools of slots for steps, and how far they are used',
  response: PoolList,
}).handle(({ parts }) => poolsBody(parts.pool))

const setPoolRoute = route({
  method: 'post',
  path: '/pools',
  operation: 'setPool',
  summary: 'Set how many slots a pool has',
  body: z
    .strictObject({
      location: z.string(),
      name: z.string(),
      slots: z.int().min(0).optional().meta({ description: 'Absent goes back to what is declared.' }),
      by,
    })
    .meta({ id: 'PoolRequest' }),
  response: PoolList,
  problems: [403, 404, 415],
}).handle(async ({ body: { by: who, slots, ...one }, parts }) => {
  const known = (await readPools(parts.pool)).filter((pool) => pool.location === one.location).map(({ name }) => name)
  if (!known.includes(one.name)) {
    throw new HttpError(404, 'UNKNOWN_POOL', `The location ${one.location} has no pool ${one.name}.`, {
      hint: knownInstead(one.name, known, { what: 'pools', list: 'GET /api/v1/pools' }),
    })
  }
  if (slots === undefined) await resetPoolSize(parts.pool, one)
  else await setPoolSize(parts.pool, { ...one, slots }, who)
  await startWaiting(parts)
  return poolsBody(parts.pool)
})

const listPauses = route({
  method: 'get',
  path: '/pauses',
  operation: 'listPauses',
  summary: 'What is paused, by whom and since when',
  response: Pauses,
}).handle(({ parts }) => pausesBody(parts.pool))

const pauseRoute = route({
  method: 'post',
  path: '/pause',
  operation: 'pause',
  summary: 'Have nothing new start',
  description: 'Runs stay in the queue and steps that are ready wait; what runs goes on.',
  body: z.strictObject({ location: place, reason: z.string().max(500).optional(), by }).meta({ id: 'PauseRequest' }),
  response: Pauses,
  problems: [403, 415],
}).handle(async ({ body, parts }) => {
  await pauseRuns(parts.pool, body.location, body.by, body.reason)
  return pausesBody(parts.pool)
})

const resumeRoute = route({
  method: 'post',
  path: '/resume',
  operation: 'resume',
  summary: 'End a pause',
  body: z.strictObject({ location: place }).meta({ id: 'ResumeRequest' }),
  response: Pauses,
  problems: [403, 415],
}).handle(async ({ body, parts }) => {
  await resumeRuns(parts.pool, body.location)
  await startWaiting(parts)
  return pausesBody(parts.pool)
})

const explainRoute = route({
  method: 'get',
  path: '/runs/{id}/explain',
  operation: 'explainRun',
  summary: 'What holds a run and its steps, or what became of them',
  params: z.object({ id: z.uuid() }),
  response: Explanation,
  problems: [404],
}).handle(async ({ params, parts }) => {
  const body = await explainRun(parts, params.id)
  if (body === undefined) throw unknownRun(params.id)
  return { body }
})

export const runQueueRoutes = [listLimits, setLimitRoute, listPools, setPoolRoute, listPauses, pauseRoute, resumeRoute, explainRoute]
