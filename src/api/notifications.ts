import * as z from 'zod'
import { outboxKinds, outboxStatuses, retryOutbox } from '../catalog/outbox.ts'
import { readOutbox } from '../catalog/read/outbox.ts'
import { Failure } from './failure.ts'
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

const listNotifications = route({
  method: 'get',
  path: '/notifications',
  operation: 'listNotifications',
  summary: 'The outbox: notifications and calls of hooks, the newest first',
  query: z.object({
    location: z.string().optional(),
    kind: z.enum(outboxKinds).optional(),
    status: z.enum(outboxStatuses).optional(),
    run: z.uuid().optional(),
    limit: z.coerce.number<string>().int().min(1).max(500).default(50),
  }),
  response: z.object({ notifications: z.array(Entry) }).meta({ id: 'Outbox' }),
}).handle(async ({ query: { location, kind, status, run, limit }, parts }) => ({
  body: { notifications: await readOutbox(parts.pool, { location, kind, statuses: status === undefined ? undefined : [status], runId: run }, limit) },
}))

const retryNotification = route({
  method: 'post',
  path: '/notifications/{id}/retry',
  operation: 'retryNotification',
  summary: 'Try again what was given up',
  params: z.object({ id: z.uuid() }),
  response: z.object({ retried: z.array(z.uuid()) }).meta({ id: 'RetriedNotifications' }),
  problems: [403, 404],
}).handle(async ({ params, parts }) => {
  const retried = await retryOutbox(parts.pool, params)
  if (retried.length > 0) return { body: { retried } }
  throw new HttpError(404, 'NOTIFICATION_NOT_FAILED', `Nothing that was given up has the id ${params.id}.`, {
    hint: 'GET /api/v1/notifications?status=failed lists what was.',
  })
})

export const notificationRoutes = [listNotifications, retryNotification]
