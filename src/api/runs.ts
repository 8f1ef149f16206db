import * as z from 'zod'
import { eventLevels, readEventPage } from '../catalog/read/events.ts'
import { listRuns, readRun } from '../catalog/read/runs.ts'
import { RunOptions } from '../definitions/run-limits.ts'
import { pageOf, positionOf } from './position.ts'
import { route } from './route.ts'
import { cancelRun, relaunchRun, retryRun, startRun, unknownRun } from './run-actions.ts'
import { presentRun, Run, RunDetail, runDetail, RunStatus } from './run-view.ts'

const RunId = z.object({ id: z.uuid() })

export const RunEvent = z
  .object({
    id: z.string().meta({ description: 'Counts up.' }),
    at: z.iso.datetime(),
    stepId: z.string().nullable(),
    attempt: z.int().nullable().meta({ description: 'Of a line that user code logged: the try that it belongs to.' }),
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
    backfill: z.uuid().optional().meta({ description: 'Runs of this backfill.' }),
    limit: z.coerce.number<string>().int().min(1).max(200).default(50),
    cursor: z.string().optional().meta({ description: '`nextCursor` of the page before.' }),
  }),
  response: z.object({ runs: z.array(Run), nextCursor: z.string().nullable() }).meta({ id: 'RunPage' }),
}).handle(async ({ query: { cursor, ...filter }, parts }) => {
  const rows = await listRuns(parts.pool, { ...filter, limit: filter.limit + 1, before: cursor === undefined ? undefined : positionOf(cursor) })
  const { page, nextCursor } = pageOf(rows, filter.limit)
  return { body: { runs: page.map(presentRun), nextCursor } }
})

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
  description: 'Pass `lastId` as `after` to go on. No event that is still to come has a lower number than `lastId`, so none is missed.',
  params: RunId,
  query: z.object({
    after: z
      .string()
      .regex(/^\d{1,18}$/, 'must be the id of an event')
      .default('0'),
    limit: z.coerce.number<string>().int().min(1).max(1000).default(200),
    kind: z.string().min(1).optional().meta({ description: 'Only these kinds, separated by commas.' }),
    level: z.enum(eventLevels).optional().meta({ description: 'Only what is as serious as this, or more.' }),
    step: z.uuid().optional().meta({ description: 'Only what this step did.' }),
    asset: z.string().min(1).optional().meta({ description: 'Only what concerns this asset.' }),
    text: z.string().min(1).max(200).optional().meta({ description: 'Only what has this in its message, in capitals or not.' }),
  }),
  response: z.object({ events: z.array(RunEvent), lastId: z.string() }).meta({ id: 'RunEventPage' }),
  problems: [404],
}).handle(async ({ params, query, parts }) => {
  const { after, limit, kind, level, step, asset, text } = query
  const page = await readEventPage(parts.pool, params.id, { after, limit, kinds: kind?.split(','), level, stepId: step, asset, text })
  if (page === undefined) throw unknownRun(params.id)
  return { body: { events: [...page.events], lastId: page.next } }
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
      config: z
        .record(z.string(), z.json())
        .default({})
        .meta({ description: "The chosen assets' configuration, merged into one object, and `ops: { step: { config: { … } } }` for one step alone." }),
      tags: z.record(z.string(), z.string()).optional(),
      partitions: z
        .array(z.string().min(1))
        .min(1)
        .optional()
        .meta({ description: 'Of assets that have partitions: keys, and ranges as `2026-01-01..2026-01-31`. One run makes all of them.' }),
      ...RunOptions.shape,
      fullRefresh: z
        .boolean()
        .default(false)
        .meta({ description: 'Fetches everything again, whatever cursors say, and has it take the place of what is there; histories go on.' }),
    })
    .meta({ id: 'RunRequest' }),
  response: Run,
  statuses: { 201: 'Launched', 200: 'Launched before, with the same Idempotency-Key' },
  problems: [403, 404, 409, 415, 422],
}).handle(async ({ headers, body: { assets, location, config, tags, partitions, fullRefresh, ...options }, parts }) => {
  const key = headers['idempotency-key']
  const { runId, created } = await startRun(parts, {
    ...options,
    assets,
    config,
    fullRefresh,
    partitions,
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

const retryRunRoute = route({
  method: 'post',
  path: '/runs/{id}/retry',
  operation: 'retryRun',
  summary: 'Try a failed run again',
  description: 'From where it failed: steps that have succeeded are kept, of a mapped step all branches but the failed ones.',
  params: RunId,
  response: Run,
  statuses: { 202: 'It goes on' },
  problems: [403, 404, 409],
}).handle(async ({ params, parts }) => {
  await retryRun(parts, params.id)
  const run = await readRun(parts.pool, params.id)
  if (run === undefined) throw unknownRun(params.id)
  return { status: 202, body: presentRun(run) }
})

const relaunchRunRoute = route({
  method: 'post',
  path: '/runs/{id}/relaunch',
  operation: 'relaunchRun',
  summary: 'Launch a run like one that has ended',
  description:
    'With the same job or assets, partitions, configuration and tags, and all of its steps, by the definitions in force. Its tag `dagster/parent_run_id` is the id of the other, which stays as it is.',
  params: RunId,
  headers: z.object({ 'idempotency-key': z.string().min(1).max(200).optional() }),
  response: Run,
  statuses: { 201: 'Launched', 200: 'Launched before, with the same Idempotency-Key' },
  problems: [403, 404, 409, 422],
}).handle(async ({ params, headers, parts }) => {
  const key = headers['idempotency-key']
  const { runId, created } = await relaunchRun(parts, params.id, {
    launchedBy: 'api',
    ...(key === undefined ? {} : { idempotencyKey: `api relaunch ${params.id} ${key}` }),
  })
  const run = await readRun(parts.pool, runId)
  if (run === undefined) throw unknownRun(runId)
  return { status: created ? 201 : 200, body: presentRun(run) }
})

export const runRoutes = [listRunsRoute, getRun, listRunEvents, createRun, cancelRunRoute, retryRunRoute, relaunchRunRoute]
