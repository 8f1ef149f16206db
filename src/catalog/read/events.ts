import * as z from 'zod'
import { redact, redactText } from '../../redact.ts'
import { json, readRows, time } from './row.ts'
import type { Queryable } from './row.ts'

export const eventLevels = ['debug', 'info', 'warn', 'error'] as const

const EventRow = z.object({
  /** Counts up over the whole installation. */
  id: z.string(),
  at: time,
  asset: z.string().nullable(),
  kind: z.string(),
  level: z.enum(eventLevels),
  message: z.string().transform(redactText),
  data: z.record(z.string(), json).transform((data) => z.record(z.string(), json).parse(redact(data))),
})
export type EventRead = z.output<typeof EventRow>

const columns = 'id::text AS id, at, asset, kind, level, message, data'

/** A run's events after one of them, the oldest first. */
export function readEvents(db: Queryable, runId: string, after: string, limit: number): Promise<EventRead[]> {
  return readRows(db, EventRow, `SELECT ${columns} FROM millrace.event WHERE run_id = $1 AND id > $2::bigint ORDER BY event.id LIMIT $3`, [runId, after, limit])
}

/** What a run did to tables, and what its tables did not take: the first hundred of it. */
export function readSchemaEvents(db: Queryable, runId: string): Promise<EventRead[]> {
  return readRows(db, EventRow, `SELECT ${columns} FROM millrace.event WHERE run_id = $1 AND kind = 'schema' ORDER BY event.id LIMIT 100`, [runId])
}

/** A run's newest events, the oldest of them first. */
export async function readNewestEvents(db: Queryable, runId: string, limit: number): Promise<EventRead[]> {
  const newest = await readRows(db, EventRow, `SELECT ${columns} FROM millrace.event WHERE run_id = $1 ORDER BY event.id DESC LIMIT $2`, [runId, limit])
  return newest.toReversed()
}
