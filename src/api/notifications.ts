import * as z from 'zod'
import { outboxKinds, outboxStatuses, retryOutbox } from '../catalog/outbox.ts'
import { readOutbox } from '../catalog/read/outbox.ts'
import { Failure } from './failure.ts'
import type { Parts } from './parts.ts'
import { pageOf, positionOf } from './position.ts'
import { HttpError } from './problem.ts'
import { route } from './route.ts'

const Entry = z
  .object({
    id: z.uuid().meta({ description: 'Also its idempotency key.' }),
    location: z.string(),
    kind: z.enum(outboxKinds),
    target: z.string().meta({ description: 'The resource that sends it, or the hook that is called.' }),
    status: z.enum(outboxStatuses).meta({ description: '`failed`: it was given up, and waits for somebody to try it again.' }),
    title: z.string(),
    causedBy: z.string(),
    runId: z.uuid().nullable(),
    attempt: z.int().meta({ description: 'Tries so far.' }),
    createdAt: z.iso.datetime(),
    dueAt: z.iso.datetime().meta({ description: 'Of one that waits: when it is tried next.' }),
    endedAt: z.iso.datetime().nullable(),
    error: Failure.nullable().meta({ description: 'Why the last try came to nothing.' }),
  })
  .meta({ id: 'OutboxEntry' })
export type Entry = z.output<typeof Entry>

export const OutboxQuery = z.object({
  location: z.string().optional(),
  kind: z.enum(outboxKinds).optional(),
  status: z.enum(outboxStatuses).optional(),
  run: z.uuid().optional(),
  limit: z.coerce.number<string>().int().min(1).max(500).default(50),
  cursor: z.string().optional().meta({ description: '`nextCursor` of the page before.' }),
})
export type OutboxQuery = z.output<typeof OutboxQuery>

const Outbox = z.object({ notifications: z.array(Entry), nextCursor: z.string().nullable() }).meta({ id: 'Outbox' })
export type Outbox = z.output<typeof Outbox>

/** A page of the outbox. @throws HttpError `CURSOR_INVALID` */
export async function listOutbox({ pool }: Pick<Parts, 'pool'>, { location, kind, status, run, limit, cursor }: OutboxQuery): Promise<Outbox> {
  const before = cursor === undefined ? undefined : positionOf(cursor)
  const rows = await readOutbox(pool, { location, kind, statuses: status === undefined ? undefined : [status], runId: run, before }, limit + 1)
  const { page, nextCursor } = pageOf(rows, limit)
  return { notifications: page, nextCursor }
}

const listNotifications = route({
  method: 'get',
  path: '/notifications',
  operation: 'listNotifications',
  summary: 'The outbox: notifications and calls of hooks, the newest first',
  query: OutboxQuery,
  response: Outbox,
}).handle(async ({ query, parts }) => ({ body: await listOutbox(parts, query) }))

/** Has what was given up tried again. @throws HttpError `NOTIFICATION_NOT_FAILED` */
export async function sendAgain({ pool }: Pick<Parts, 'pool'>, id: string): Promise<string[]> {
  const retried = await retryOutbox(pool, { id })
  if (retried.length === 0) throw notGivenUp(id)
  return retried
}

export function notGivenUp(id: string): HttpError {
  return new HttpError(404, 'NOTIFICATION_NOT_FAILED', `Nothing that was given up has the id ${id}.`, {
    hint: 'GET /api/v1/notifications?status=failed lists what was.',
  })
}

const retryNotification = route({
  method: 'post',
  path: '/notifications/{id}/retry',
  operation: 'retryNotification',
  summary: 'Try again what was given up',
  params: z.object({ id: z.uuid() }),
  response: z.object({ retried: z.array(z.uuid()) }).meta({ id: 'RetriedNotifications' }),
  problems: [403, 404],
}).handle(async ({ params, parts }) => ({ body: { retried: await sendAgain(parts, params.id) } }))

export const notificationRoutes = [listNotifications, retryNotification]
