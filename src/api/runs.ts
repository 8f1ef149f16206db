import * as z from 'zod'
import { eventLevels, readEvents } from '../catalog/read/events.ts'
import { listRuns, readRun } from '../catalog/read/runs.ts'
import { HttpError } from './problem.ts'
import { route } from './route.ts'
import { cancelRun, startRun, unknownRun } from './run-actions.ts'
import { presentRun, Run, RunDetail, runDetail, RunStatus } from './run-view.ts'

const RunId = z.object({ id: z.uuid() })
const Position = z.tuple([z.string(), z.uuid()])

export const RunEvent = z
  .object({
    id: z.string().meta({ description: 'Counts up; pass it as `after` to go on.' }),
    at: z.iso.datetime(),
    asset: z.string().nullable(),
    kind: z.string(),
    level: z.enum(eventLevels),
    message: z.string(),
    data: z.record(z.string(), z.json()),
  })
  .meta({ id: 'RunEvent' })
export type RunEvent = z.output<typeof RunEvent>

const listRunsRoute = route({
  method: 'get',
  path: '/runs',
  operation: 'listRuns',
  summary: 'Runs, the newest first',
  query: z.object({
    status: RunStatus.optional(),
    asset: z.string().optional().meta({ description: 'Runs that materialize this asset.' }),
    location: z.string().optional(),
    limit: z.coerce.number<string>().int().min(1).max(200).default(50),
    cursor: z.string().optional().meta({ description: '`nextCursor` of the page before.' }),
  }),
  response: z.object({ runs: z.array(Run), nextCursor: z.string().nullable() }).meta({ id: 'RunPage' }),
}).handle(async ({ query: { cursor, ...filter }, parts }) => {
  const rows = await listRuns(parts.pool, { ...filter, limit: filter.limit + 1, before: cursor === undefined ? undefined : positionOf(cursor) })
  const page = rows.slice(0, filter.limit)
  const last = page.at(-1)
  const nextCursor = rows.length > filter.limit && last !== undefined ? Buffer.from(JSON.stringify([last.createdText, last.id])).toString('base64url') : null
  return { body: { runs: page.map(presentRun), nextCursor } }
})

function positionOf(cursor: string): { createdText: string; id: string } {
  try {
    const [createdText, id] = Position.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')))
    if (Number.isNaN(Date.parse(createdText))) throw new RangeError(createdText)
    return { createdText, id }
  } catch (error) {
    throw new HttpError(400, 'CURSOR_INVALID', 'The cursor is not one that this API gave out.', { hint: 'Start again without a cursor.', cause: error })
  }
}

const getRun = route({
  method: 'get',
  path: '/runs/{id}',
  operation: 'getRun',
  summary: 'A run with its steps',
  params: RunId,
  response: RunDetail,
  problems: [404],
}).handle(async ({ params, parts }) => {
  const body = await runDetail(parts, params.id)
  if (body === undefined) throw unknownRun(params.id)
  return { body }
})

const listRunEvents = route({
  method: 'get',
  path: '/runs/{id}/events',
  operation: 'listRunEvents',
  summary: "A run's log, the oldest event first",
  params: RunId,
  query: z.object({
    after: z
      .string()
      .regex(/^\d{1,18}$/, 'must be the id of an event')
      .default('0'),
    limit: z.coerce.number<string>().int().min(1).max(1000).default(200),
  }),
  response: z.object({ events: z.array(RunEvent), lastId: z.string() }).meta({ id: 'RunEventPage' }),
  problems: [404],
}).handle(async ({ params, query, parts }) => {
  const events = await readEvents(parts.pool, params.id, query.after, query.limit)
  if (events.length === 0 && (await readRun(parts.pool, params.id)) === undefined) throw unknownRun(params.id)
  return { body: { events, lastId: events.at(-1)?.id ?? query.after } }
})

const createRun = route({
  method: 'post',
  path: '/runs',
  operation: 'createRun',
  summary: 'Materialize assets',
  description: 'Launches one run. With an Idempotency-Key the same run is answered again instead of launching a second.',
  headers: z.object({ 'idempotency-key': z.string().min(1).max(200).optional() }),
  body: z
    .strictObject({
      assets: z.array(z.string().min(1)).min(1).meta({ description: 'Selections: asset keys, `group:name`, `*`, or as `+a and not tag:slow`.' }),
      location: z.string().optional().meta({ description: 'Needed where a selection could mean several locations.' }),
      config: z.record(z.string(), z.json()).default({}).meta({ description: "The chosen assets' configuration, merged into one object." }),
      tags: z.record(z.string(), z.string()).optional(),
      fullRefresh: z
        .boolean()
        .default(false)
        .meta({ description: 'Fetches everything again, whatever cursors say, and has it take the place of what is there; histories go on.' }),
    })
    .meta({ id: 'RunRequest' }),
  response: Run,
  statuses: { 201: 'Launched', 200: 'Launched before, with the same Idempotency-Key' },
  problems: [403, 404, 409, 415, 422],
}).handle(async ({ headers, body: { assets, location, config, tags, fullRefresh }, parts }) => {
  const key = headers['idempotency-key']
  const { runId, created } = await startRun(parts, {
    assets,
    config,
    fullRefresh,
    launchedBy: 'api',
    ...(location === undefined ? {} : { location }),
    ...(tags === undefined ? {} : { tags }),
    ...(key === undefined ? {} : { idempotencyKey: `api ${key}` }),
  })
  const run = await readRun(parts.pool, runId)
  if (run === undefined) throw unknownRun(runId)
  return { status: created ? 201 : 200, body: presentRun(run) }
})

const cancelRunRoute = route({
  method: 'post',
  path: '/runs/{id}/cancel',
  operation: 'cancelRun',
  summary: 'Cancel a run',
  description: 'Asks for it; the run ends as `canceled` once its workers have let go. A run that has ended stays as it is.',
  params: RunId,
  response: Run,
  statuses: { 202: 'Cancellation requested', 200: 'The run had ended' },
  problems: [403, 404],
}).handle(async ({ params, parts }) => {
  const outcome = await cancelRun(parts, params.id)
  const run = await readRun(parts.pool, params.id)
  if (run === undefined) throw unknownRun(params.id)
  return { status: outcome === 'canceling' ? 202 : 200, body: presentRun(run) }
})

export const runRoutes = [listRunsRoute, getRun, listRunEvents, createRun, cancelRunRoute]
