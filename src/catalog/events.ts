import { storableText } from '../errors.ts'
import { redact } from '../redact.ts'
import type { Database } from './database.ts'
import { retentionOf } from './event-retention.ts'

export type EventLevel = 'debug' | 'info' | 'warn' | 'error'

export interface EventInput {
  readonly runId?: string | undefined
  readonly stepId?: string | undefined
  readonly asset?: string | undefined
  readonly kind: string
  readonly level?: EventLevel
  readonly message: string
  readonly data?: unknown
}

/** A line that user code logged, which waited in its worker: redacted, and its data JSON that jsonb takes. */
export interface LoggedLine {
  readonly level: EventLevel
  readonly message: string
  readonly data: string
  /** By the worker's clock, in ms as `performance.now()` has it. */
  readonly loggedAt: number
}

/** Appends to the event log, in one statement; secrets are redacted by key. */
export async function insertEvents(database: Database, events: readonly EventInput[]): Promise<void> {
  if (events.length === 0) return
  await insert(
    database,
    events.map(({ runId, stepId, asset, kind, level = 'info', message, data }) => ({
      run_id: runId,
      step_id: stepId,
      asset,
      retention: retentionOf(kind, level),
      kind,
      level,
      message: storableText(String(redact(message))).slice(0, 10_000),
      data: storableJson(redact(data ?? {})),
    })),
  )
}

export interface LineOrigin {
  readonly runId: string
  readonly stepId: string
  readonly asset: string
  readonly attempt: number
}

/** No line is dated back by more than this, in ms: readers reckon with it. */
export const mostBackdatedMs = 60_000

/** Appends lines of user code, in one statement, dated back to when they were logged. */
export async function insertLines(database: Database, { runId, stepId, asset, attempt }: LineOrigin, lines: readonly LoggedLine[]): Promise<void> {
  const now = performance.now()
  await insert(
    database,
    lines.map(({ level, message, data, loggedAt }) => ({
      run_id: runId,
      step_id: stepId,
      asset,
      attempt: Math.min(attempt, 32_767),
      retention: retentionOf('log', level),
      kind: 'log',
      level,
      message,
      data,
      age_ms: Math.min(Math.max(now - loggedAt, 0), mostBackdatedMs),
    })),
  )
}

/**
 * Events of a run are looked for in the days from its start to its end. What comes half a day or more outside of these widens them: a record that
 * leaves quarantine weeks later, a server whose clock was set back.
 */
const widenRuns = `
  UPDATE millrace.run SET events_from = least(events_from, clock_timestamp()), events_until = greatest(events_until, clock_timestamp())
  WHERE id = ANY($2::uuid[]) AND (clock_timestamp() < least(created_at, events_from) - interval '12 h'
    OR (ended_at IS NOT NULL AND clock_timestamp() > greatest(ended_at, events_until) + interval '12 h'))`

async function insert(database: Database, rows: readonly { readonly run_id: string | undefined }[]): Promise<void> {
  const runs = [...new Set(rows.map((row) => row.run_id))].filter((id) => id !== undefined)
  await database.query(
    `WITH widened AS (${widenRuns})
     INSERT INTO millrace.event (at, run_id, step_id, attempt, retention, level, kind, asset, message, data)
     SELECT clock_timestamp() - coalesce(e.age_ms, 0) * interval '1 ms', e.run_id, e.step_id, e.attempt, e.retention, e.level, e.kind, e.asset, e.message, e.data::jsonb
     FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (run_id uuid, step_id uuid, attempt smallint, retention text, level text, kind text, asset text,
       message text, data text, age_ms float8)) WITH ORDINALITY
       AS e(run_id, step_id, attempt, retention, level, kind, asset, message, data, age_ms, n) ORDER BY e.n`,
    [JSON.stringify(rows), runs],
  )
}

/** JSON text that jsonb takes: no NUL escapes, no lone surrogates. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => (typeof one === 'string' ? storableText(one) : typeof one === 'bigint' ? one.toString() : one))
}
