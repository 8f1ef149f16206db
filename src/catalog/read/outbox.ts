import * as z from 'zod'
import { outboxKinds, outboxStatuses } from '../outbox.ts'
import type { OutboxKind, OutboxStatus } from '../outbox.ts'
import { redact } from '../../redact.ts'
import { failure } from './failure.ts'
import { count, readRows, time } from './row.ts'
import type { Queryable } from './row.ts'

const OutboxRow = z.object({
  id: z.uuid(),
  location: z.string(),
  kind: z.enum(outboxKinds),
  target: z.string(),
  status: z.enum(outboxStatuses),
  /** Of a notification its title, of a hook what it is called for. */
  title: z.string().transform((text) => String(redact(text))),
  causedBy: z.string(),
  runId: z.uuid().nullable(),
  attempt: z.number(),
  createdAt: time,
  /** createdAt to the microsecond, as the cursor needs it. */
  createdText: z.string(),
  /** Of one that waits: when it is tried next. */
  dueAt: time,
  endedAt: time.nullable(),
  error: failure,
})
export type OutboxRead = z.output<typeof OutboxRow>

export interface OutboxFilter {
  readonly location?: string | undefined
  readonly kind?: OutboxKind | undefined
  /** Any where absent. */
  readonly statuses?: readonly OutboxStatus[] | undefined
  readonly runId?: string | undefined
  /** The last one of the page before. */
  readonly before?: { readonly createdText: string; readonly id: string } | undefined
}

/** What is in the outbox, the newest first. */
export function readOutbox(db: Queryable, { location, kind, statuses, runId, before }: OutboxFilter, limit: number): Promise<OutboxRead[]> {
  return readRows(
    db,
    OutboxRow,
    `SELECT id, location, kind, target, status, caused_by AS "causedBy", run_id AS "runId", attempt, created_at AS "createdAt", created_at::text AS "createdText", due_at AS "dueAt", ended_at AS "endedAt", error,
       coalesce(content ->> 'title', coalesce(content #>> '{step,name}', content #>> '{run,job}', 'the run') || ': ' || (content ->> 'outcome'), '') AS title
     FROM millrace.outbox WHERE ($1::text IS NULL OR location = $1) AND ($2::text IS NULL OR kind = $2) AND ($3::text[] IS NULL OR status = ANY($3))
       AND ($4::uuid IS NULL OR run_id = $4)
       AND ($6::timestamptz IS NULL OR created_at < $6 OR (created_at = $6 AND id > $7::uuid))
     ORDER BY created_at DESC, id LIMIT $5`,
    [location ?? null, kind ?? null, statuses ?? null, runId ?? null, limit, before?.createdText ?? null, before?.id ?? null],
  )
}

/** How much of the outbox was given up. */
export async function countGivenUp(db: Queryable): Promise<number> {
  const [found] = await readRows(db, z.object({ failed: count }), `SELECT count(*) AS failed FROM millrace.outbox WHERE status = 'failed'`)
  return found?.failed ?? 0
}
