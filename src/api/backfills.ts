import * as z from 'zod'
import { backfillStatuses } from '../catalog/backfills.ts'
import { listBackfills, PartCounts, readBackfill, readBackfillUnits, readFailedParts } from '../catalog/read/backfills.ts'
import type { BackfillRead } from '../catalog/read/backfills.ts'
import { cancelBackfill, retryBackfill } from '../producers/launch/backfill/end-backfill.ts'
import { startBackfill } from '../producers/launch/backfill/start-backfill.ts'
import { redact } from '../redact.ts'
import type { Parts } from './parts.ts'
import { pageOf, positionOf } from './position.ts'
import { HttpError } from './problem.ts'
import { route } from './route.ts'

const BackfillId = z.object({ id: z.uuid() })
const BackfillStatus = z.enum(backfillStatuses).meta({ id: 'BackfillStatus' })
const Counts = PartCounts.meta({
  id: 'BackfillCounts',
  description: 'Partitions by what became of them. `skipped`: something that they are made from failed. An asset without partitions counts as one.',
})

export const Backfill = z
  .object({
    id: z.uuid(),
    location: z.string(),
    assets: z.array(z.string()).meta({ description: 'None where a job is run.' }),
    job: z.string().nullable().meta({ description: 'The job of ops that is run once for each of its partitions.' }),
    status: BackfillStatus,
    perRun: z.union([z.int(), z.literal('all')]).meta({ description: 'Partitions that one run makes; `all`: as many as are ready and follow each other.' }),
    runsAtOnce: z.int(),
    config: z.record(z.string(), z.json()).meta({ description: 'Secrets are shown as [redacted].' }),
    tags: z.record(z.string(), z.string()),
    launchedBy: z.string(),
    createdAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
    problem: z.string().nullable().meta({ description: 'Why it does not go on, while it does not.' }),
    counts: Counts,
    progress: z.object({
      unit: z
        .int()
        .nullable()
        .meta({ description: 'Which of its units, upstream before downstream, is the first that is not over, from 1; null where all are.' }),
      units: z.int().meta({ description: 'How many it has: what one run makes together is one.' }),
    }),
  })
  .meta({ id: 'Backfill' })
export type Backfill = z.output<typeof Backfill>

export const BackfillDetail = Backfill.extend({
  units: z
    .array(
      z.object({
        assets: z.array(z.string()),
        job: z.string().nullable(),
        kind: z.string().nullable().meta({ description: 'Of its partitions; null where it has none.' }),
        counts: Counts,
      }),
    )
    .meta({ description: 'What one run makes together, upstream before downstream.' }),
  failures: z
    .array(
      z.object({
        assets: z.array(z.string()),
        partition: z.string().nullable(),
        runId: z.uuid().nullable(),
        asset: z.string().nullable().meta({ description: 'The first that failed in it.' }),
        message: z.string().nullable(),
      }),
    )
    .meta({ description: 'The first partitions that failed, at most 20.' }),
}).meta({ id: 'BackfillDetail' })
export type BackfillDetail = z.output<typeof BackfillDetail>

const mostFailures = 20

/** A backfill as the API shows it. */
export function presentBackfill(row: BackfillRead): Backfill {
  return {
    id: row.id,
    location: row.location,
    assets: row.assets,
    job: row.job,
    status: row.status,
    perRun: row.perRun ?? 'all',
    runsAtOnce: row.runsAtOnce,
    config: z.record(z.string(), z.json()).parse(redact(row.config)),
    tags: row.tags,
    launchedBy: row.launchedBy,
    createdAt: row.createdAt,
    endedAt: row.endedAt,
    problem: row.problem,
    counts: row.counts,
    progress: { unit: row.unit, units: row.units },
  }
}

/** A backfill with its units and what failed of it, or undefined. */
export async function backfillDetail({ pool }: Pick<Parts, 'pool'>, id: string): Promise<BackfillDetail | undefined> {
  const row = await readBackfill(pool, id)
  if (row === undefined) return undefined
  // After it: of one that has ended nothing may be told that is not over.
  const [units, failed] = await Promise.all([readBackfillUnits(pool, id), readFailedParts(pool, id, mostFailures)])
  return { ...presentBackfill(row), units, failures: failed.map(({ unit, ...part }) => ({ assets: units[unit]?.assets ?? [], ...part })) }
}

export function unknownBackfill(id: string): HttpError {
  return new HttpError(404, 'UNKNOWN_BACKFILL', `There is no backfill ${id}.`, { hint: 'GET /api/v1/backfills lists them.' })
}

async function found({ pool }: Parts, id: string): Promise<Backfill> {
  const row = await readBackfill(pool, id)
  if (row === undefined) throw unknownBackfill(id)
  return presentBackfill(row)
}

/** Asks for a backfill to end. @throws MillraceError `UNKNOWN_BACKFILL` */
export async function stopBackfill(parts: Parts, id: string): Promise<void> {
  await cancelBackfill(parts, id)
}

/** Makes again what failed of it. @throws MillraceError `UNKNOWN_BACKFILL`, `BACKFILL_CANCELING`, `BACKFILL_NOT_FAILED` */
export async function takeUpBackfill(parts: Parts, id: string): Promise<void> {
  await retryBackfill(parts, id)
}

export const BackfillQuery = z.object({
  status: BackfillStatus.optional(),
  asset: z.string().optional().meta({ description: 'Backfills that make this asset.' }),
  location: z.string().optional(),
  limit: z.coerce.number<string>().int().min(1).max(200).default(50),
  cursor: z.string().optional().meta({ description: '`nextCursor` of the page before.' }),
})
export type BackfillQuery = z.output<typeof BackfillQuery>

const BackfillPage = z.object({ backfills: z.array(Backfill), nextCursor: z.string().nullable() }).meta({ id: 'BackfillPage' })
export type BackfillPage = z.output<typeof BackfillPage>

/** A page of backfills, the newest first. @throws HttpError `CURSOR_INVALID` */
export async function backfillList({ pool }: Pick<Parts, 'pool'>, { cursor, ...filter }: BackfillQuery): Promise<BackfillPage> {
  const rows = await listBackfills(pool, { ...filter, limit: filter.limit + 1, before: cursor === undefined ? undefined : positionOf(cursor) })
  const { page, nextCursor } = pageOf(rows, filter.limit)
  return { backfills: page.map(presentBackfill), nextCursor }
}

const createRoute = route({
  method: 'post',
  path: '/backfills',
  operation: 'createBackfill',
  summary: 'Materialize many partitions, or run a job for many',
  description:
    'Finds out which partitions of the chosen assets belong together, and launches runs of them, upstream before downstream. With an Idempotency-Key the same backfill is answered again instead of starting a second.',
  headers: z.object({ 'idempotency-key': z.string().min(1).max(200).optional() }),
  body: z
    .strictObject({
      assets: z.array(z.string().min(1)).min(1).optional().meta({ description: 'Selections: asset keys, `group:name`, `*`, or as `+a and not tag:slow`.' }),
      job: z.string().min(1).optional().meta({ description: 'A job of ops with partitions, in place of `assets`: it is run once for each of them.' }),
      location: z.string().optional().meta({ description: 'Needed where a selection could mean several locations.' }),
      partitions: z
        .array(z.string().min(1))
        .min(1)
        .optional()
        .meta({ description: 'Keys, and ranges as `2026-01-01..2026-01-31`, of the assets furthest upstream; what is made from them follows. Without: all.' }),
      missing: z.boolean().default(false).meta({ description: 'Only what is not there, or failed the last time, and what is made from that.' }),
      perRun: z
        .union([z.int().min(1), z.literal('all')])
        .default(1)
        .meta({ description: 'Partitions that one run makes; `all`: as many as are ready and follow each other.' }),
      runsAtOnce: z.int().min(1).max(1000).default(20).meta({ description: 'Runs under way at the same time.' }),
      config: z.record(z.string(), z.json()).default({}),
      tags: z.record(z.string(), z.string()).default({}),
    })
    .refine(({ assets, job }) => (assets === undefined) !== (job === undefined), 'either `assets` or `job` is needed')
    .meta({ id: 'BackfillRequest' }),
  response: Backfill,
  statuses: { 201: 'Started', 200: 'Started before, with the same Idempotency-Key' },
  problems: [403, 404, 409, 415, 422],
}).handle(async ({ headers, body: { assets = [], ...asked }, parts }) => {
  const key = headers['idempotency-key']
  const { backfillId, created } = await startBackfill(parts, {
    ...asked,
    assets,
    launchedBy: 'api',
    ...(key === undefined ? {} : { idempotencyKey: `api ${key}` }),
  })
  return { status: created ? 201 : 200, body: await found(parts, backfillId) }
})

const listRoute = route({
  method: 'get',
  path: '/backfills',
  operation: 'listBackfills',
  summary: 'Backfills, the newest first',
  query: BackfillQuery,
  response: BackfillPage,
}).handle(async ({ query, parts }) => ({ body: await backfillList(parts, query) }))

const getRoute = route({
  method: 'get',
  path: '/backfills/{id}',
  operation: 'getBackfill',
  summary: 'A backfill: how far it is, and what failed of it',
  description: 'Its runs are listed by `GET /runs?backfill=`.',
  params: BackfillId,
  response: BackfillDetail,
  problems: [404],
}).handle(async ({ params, parts }) => {
  const body = await backfillDetail(parts, params.id)
  if (body === undefined) throw unknownBackfill(params.id)
  return { body }
})

const cancelRoute = route({
  method: 'post',
  path: '/backfills/{id}/cancel',
  operation: 'cancelBackfill',
  summary: 'Cancel a backfill',
  description: 'Launches nothing more, and asks its runs to end; it ends as `canceled` once they have. One that has ended stays as it is.',
  params: BackfillId,
  response: Backfill,
  statuses: { 202: 'Cancellation requested', 200: 'The backfill had ended' },
  problems: [403, 404],
}).handle(async ({ params, parts }) => {
  const outcome = await cancelBackfill(parts, params.id)
  return { status: outcome === 'canceling' ? 202 : 200, body: await found(parts, params.id) }
})

const retryRoute = route({
  method: 'post',
  path: '/backfills/{id}/retry',
  operation: 'retryBackfill',
  summary: 'Make again what of a backfill failed, was skipped or canceled',
  params: BackfillId,
  response: Backfill,
  problems: [403, 404, 409],
}).handle(async ({ params, parts }) => {
  await takeUpBackfill(parts, params.id)
  return { body: await found(parts, params.id) }
})

export const backfillRoutes = [createRoute, listRoute, getRoute, cancelRoute, retryRoute]
