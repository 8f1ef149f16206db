import { storableText } from '../errors.ts'
import { redact } from '../redact.ts'
import type { Database } from './database.ts'

export interface EventInput {
  readonly runId?: string | undefined
  readonly stepId?: string | undefined
  readonly asset?: string | undefined
  readonly kind: string
  readonly level?: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly data?: unknown
}

/** Appends to the event log, in one statement; secrets are redacted by key. */
export async function insertEvents(database: Database, events: readonly EventInput[]): Promise<void> {
  if (events.length === 0) return
  const rows = events.map((event) => ({
    run_id: event.runId,
    step_id: event.stepId,
    asset: event.asset,
    kind: event.kind,
    level: event.level ?? 'info',
    message: storableText(String(redact(event.message))).slice(0, 10_000),
    data: redact(event.data ?? {}),
  }))
  await database.query(
    `INSERT INTO millrace.event (run_id, step_id, asset, kind, level, message, data)
     SELECT e.run_id, e.step_id, e.asset, e.kind, e.level, e.message, e.data
     FROM ROWS FROM (jsonb_to_recordset($1::jsonb)
       AS (run_id uuid, step_id uuid, asset text, kind text, level text, message text, data jsonb)) WITH ORDINALITY
       AS e(run_id, step_id, asset, kind, level, message, data, n) ORDER BY e.n`,
    [storableJson(rows)],
  )
}

/** JSON text that jsonb takes: no NUL escapes, no lone surrogates. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => (typeof one === 'string' ? storableText(one) : typeof one === 'bigint' ? one.toString() : one))
}
