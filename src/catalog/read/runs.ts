import * as z from 'zod'
import { failure } from './failure.ts'
import { count, countIn, json, readRows, time } from './row.ts'
import type { Queryable } from './row.ts'

export const runStatuses = ['queued', 'started', 'canceling', 'succeeded', 'failed', 'canceled'] as const

const RunRow = z.object({
  id: z.uuid(),
  location: z.string(),
  version: z.string(),
  status: z.enum(runStatuses),
  job: z.string().nullable(),
  assets: z.array(z.string()),
  config: z.record(z.string(), json),
  tags: z.record(z.string(), z.string()),
  /** What it is to make of assets with partitions. */
  partitions: z.array(z.string()).nullable(),
  backfillId: z.uuid().nullable(),
  launchedBy: z.string(),
  createdAt: time,
  /** createdAt to the microsecond, as the cursor needs it. */
  createdText: z.string(),
  cancelRequestedAt: time.nullable(),
  priority: z.int(),
  /** When it left the queue. */
  startedAt: time.nullable(),
  /** How often it was tried again as a whole, of how often it may be. */
  retried: z.int(),
  retries: z.int(),
  retryAt: time.nullable(),
  retryFrom: z.enum(['failure', 'start']),
  retriedBy: z.uuid().nullable(),
  timeoutMs: count.nullable(),
  /** Why it ended, where that is no step's failure. */
  error: failure,
  endedAt: time.nullable(),
  steps: count,
  stepsEnded: count,
  stepsSucceeded: count,
  /** Rows loaded so far. */
  rows: count,
})
export type RunRead = z.output<typeof RunRow>

export interface RunFilter {
  readonly status?: (typeof runStatuses)[number] | undefined
  readonly asset?: string | undefined
  readonly location?: string | undefined
  readonly backfill?: string | undefined
  /** 1 to 200. */
  readonly limit: number
  /** The last run of the page before. */
  readonly before?: { readonly createdText: string; readonly id: string } | undefined
}

// The rows of steps that ended are in their results; those of steps under way are counted from their batches, which only tables have: of 10,000 ops none is looked for.
const columns = `
  run.id, run.location, run.version, run.status, run.job, run.assets, run.config, run.tags, run.partitions, run.backfill_id AS "backfillId", run.launched_by AS "launchedBy",
  run.created_at AS "createdAt", run.created_at::text AS "createdText", run.cancel_requested_at AS "cancelRequestedAt", run.priority,
  CASE WHEN run.status <> 'queued' THEN coalesce(run.started_at, run.created_at) END AS "startedAt", run.retried, run.retries, run.retry_at AS "retryAt", run.retry_from AS "retryFrom", run.retried_by AS "retriedBy", run.timeout_ms AS "timeoutMs", run.error, run.ended_at AS "endedAt",
  progress.steps, progress.ended AS "stepsEnded", progress.succeeded AS "stepsSucceeded", progress.rows`
const progress = `
  CROSS JOIN LATERAL (
    SELECT count(*) AS steps, count(ended_at) AS ended, count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
           COALESCE(sum(COALESCE(${countIn(`result -> 'rows'`)},
             CASE WHEN kind = 'table' THEN (SELECT sum(batch.rows) FROM millrace.batch
               WHERE batch.step_id = step.id AND batch.generation = step.generation AND batch.status = 'loaded') END)), 0) AS rows
    FROM millrace.step WHERE step.run_id = run.id
  ) progress`

/** Runs, the newest first. */
export function listRuns(db: Queryable, filter: RunFilter): Promise<RunRead[]> {
  return readRows(
    db,
    RunRow,
    `SELECT ${columns} FROM (
       SELECT * FROM millrace.run
       WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR assets @> ARRAY[$2::text]) AND ($3::text IS NULL OR location = $3) AND ($7::uuid IS NULL OR backfill_id = $7)
         AND ($4::timestamptz IS NULL OR (created_at, id) < ($4::timestamptz, $5::uuid))
       ORDER BY created_at DESC, id DESC LIMIT $6
     ) run ${progress} ORDER BY run.created_at DESC, run.id DESC`,
    [
      filter.status ?? null,
      filter.asset ?? null,
      filter.location ?? null,
      filter.before?.createdText ?? null,
      filter.before?.id ?? null,
      filter.limit,
      filter.backfill ?? null,
    ],
  )
}

/** One run, or undefined. */
export async function readRun(db: Queryable, id: string): Promise<RunRead | undefined> {
  const [run] = await readRows(db, RunRow, `SELECT ${columns} FROM millrace.run ${progress} WHERE run.id = $1`, [id])
  return run
}
