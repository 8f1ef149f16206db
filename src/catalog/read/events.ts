import * as z from 'zod'
import { redact, redactText } from '../../redact.ts'
import { json, readRows, time } from './row.ts'
import type { Queryable } from './row.ts'
import { readSettled } from './settled.ts'

/** From the least to the most serious. */
export const eventLevels = ['debug', 'info', 'warn', 'error'] as const

const EventRow = z.object({
  /** Counts up over the whole installation. */
  id: z.string(),
  at: time,
  stepId: z.string().nullable(),
  /** Of a line that user code logged: the try that it belongs to. */
  attempt: z.number().nullable(),
  asset: z.string().nullable(),
  kind: z.string(),
  level: z.enum(eventLevels),
  message: z.string().transform(redactText),
  data: z.record(z.string(), json).transform((data) => redact(data) as typeof data),
})
export type EventRead = z.output<typeof EventRow>

/** Which of a run's events; without any, all. */
export interface EventFilter {
  readonly kinds?: readonly string[] | undefined
  /** Those as serious as this, or more. */
  readonly level?: (typeof eventLevels)[number] | undefined
  readonly stepId?: string | undefined
  readonly asset?: string | undefined
  /** What their message has in it, in capitals or not. */
  readonly text?: string | undefined
}

export interface EventPageRequest extends EventFilter {
  /** The number of the event before the page. */
  readonly after: string
  readonly limit: number
  /** How long to wait for somebody who writes events and does not finish, in ms. */
  readonly patienceMs?: number
}

export interface EventPage {
  /** The oldest first. */
  readonly events: readonly EventRead[]
  /** The number to go on from: that of the last event, or, where none are left, the number that nothing is missing up to. */
  readonly next: string
  /** Whether these are all there were when the page was asked for. */
  readonly complete: boolean
}

const columns = 'id::text AS id, at, step_id::text AS "stepId", attempt, asset, kind, level, message, data'

const Range = z.object({ from: z.string(), until: z.string() })
type Range = z.output<typeof Range>

/** The days that have events of a run, so that no partition of others is looked at; undefined when there is no such run. */
async function rangeOf(db: Queryable, runId: string): Promise<Range | undefined> {
  const [range] = await readRows(
    db,
    Range,
    `SELECT (least(created_at, events_from) - interval '1 day')::text AS "from",
       (CASE WHEN ended_at IS NULL THEN 'infinity' ELSE greatest(ended_at, events_until) + interval '1 day' END)::text AS until
     FROM millrace.run WHERE id = $1`,
    [runId],
  )
  return range
}

const ofRun = 'FROM millrace.event WHERE run_id = $1 AND at >= $2::timestamptz AND at < $3::timestamptz'

/** A run's events after one of them; undefined when there is no such run. None that is still to come has a number below one that was answered. */
export async function readEventPage(db: Queryable, runId: string, request: EventPageRequest): Promise<EventPage | undefined> {
  const { after, limit, kinds, level, stepId, asset, text } = request
  const range = await rangeOf(db, runId)
  if (range === undefined) return undefined
  const settled = await readSettled(db, request.patienceMs)
  const rows = await readRows(
    db,
    EventRow,
    `SELECT ${columns} ${ofRun} AND id > $4::bigint AND id <= $5::bigint
       AND ($6::text[] IS NULL OR kind = ANY($6)) AND ($7::text[] IS NULL OR level = ANY($7)) AND ($8::uuid IS NULL OR step_id = $8)
       AND ($9::text IS NULL OR asset = $9) AND ($10::text IS NULL OR strpos(lower(message), lower($10)) > 0)
       AND ($11::timestamptz IS NULL OR id < (SELECT coalesce(min(id), $5::bigint + 1) ${ofRun} AND id > $4::bigint AND at >= $11::timestamptz))
     ORDER BY event.id LIMIT $12`,
    [
      runId,
      range.from,
      range.until,
      after,
      settled.last,
      kinds ?? null,
      level === undefined ? null : eventLevels.slice(eventLevels.indexOf(level)),
      stepId ?? null,
      asset ?? null,
      text ?? null,
      settled.before,
      limit,
    ],
  )
  const full = rows.length === limit
  const last = rows.at(-1)?.id ?? after
  const complete = !full && settled.before === null
  return { events: rows, next: complete && BigInt(settled.last) > BigInt(last) ? settled.last : last, complete }
}

/** What a run did to tables, and what its tables did not take: the first hundred of it. */
export async function readSchemaEvents(db: Queryable, runId: string): Promise<EventRead[]> {
  const range = await rangeOf(db, runId)
  if (range === undefined) return []
  const sql = `SELECT ${columns} ${ofRun} AND retention = 'history' AND kind = 'schema' ORDER BY event.id LIMIT 100`
  return readRows(db, EventRow, sql, [runId, range.from, range.until])
}

/** A run's newest events, the oldest of them first. */
export async function readNewestEvents(db: Queryable, runId: string, limit: number): Promise<EventRead[]> {
  const range = await rangeOf(db, runId)
  if (range === undefined) return []
  const newest = await readRows(db, EventRow, `SELECT ${columns} ${ofRun} ORDER BY event.id DESC LIMIT $4`, [runId, range.from, range.until, limit])
  return newest.toReversed()
}
