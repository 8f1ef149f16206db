import type pg from 'pg'
import type { ChangeListener } from '../catalog/change-feed.ts'
import { requestCancel } from '../catalog/cancel.ts'
import type { RunStatus, StepStatus } from '../catalog/step-states.ts'
import type { StoredError } from '../errors.ts'

/** A step as its progress is shown. */
export interface StepProgress {
  readonly asset: string
  readonly status: StepStatus
  readonly attempt: number
  /** Records and rows so far; batches by stage. */
  readonly records: number
  readonly rows: number
  readonly recorded: number
  readonly encoded: number
  readonly loaded: number
  readonly seconds: number
  readonly error: StoredError | null
  readonly result: Readonly<Record<string, unknown>> | null
  /** ISO, in UTC. */
  readonly resumesAt: string | null
  /** Why it waits for the spool. */
  readonly spoolWait: string | null
}

export interface RunProgress {
  readonly runId: string
  readonly status: RunStatus
  readonly seconds: number
  readonly steps: readonly StepProgress[]
}

const ended: readonly RunStatus[] = ['succeeded', 'failed', 'canceled']

async function readProgress(pool: pg.Pool, runId: string): Promise<RunProgress> {
  const { rows: runs } = await pool.query<{ status: RunStatus; seconds: number }>(
    `SELECT status, extract(epoch FROM coalesce(ended_at, clock_timestamp()) - created_at)::float8 AS seconds FROM millrace.run WHERE id = $1`,
    [runId],
  )
  const { rows: steps } = await pool.query<StepProgress>(
    `SELECT s.asset, s.status, s.attempt, coalesce(sum(b.records), 0)::float8 AS records, coalesce(sum(b.rows), 0)::float8 AS rows,
        count(b.id)::int AS recorded, count(b.id) FILTER (WHERE b.status IN ('encoded', 'loaded'))::int AS encoded, count(b.id) FILTER (WHERE b.status = 'loaded')::int AS loaded,
        coalesce(extract(epoch FROM coalesce(s.ended_at, clock_timestamp()) - s.started_at), 0)::float8 AS seconds, s.error, s.result, millrace.iso_time(s.next_attempt_at) AS "resumesAt",
        CASE WHEN s.spool_waited_at > clock_timestamp() - interval '20 s' THEN s.spool_wait END AS "spoolWait"
     FROM millrace.step s LEFT JOIN millrace.batch b ON b.step_id = s.id AND b.generation = s.generation
     WHERE s.run_id = $1 GROUP BY s.id ORDER BY coalesce(s.started_at, 'infinity'), s.asset`,
    [runId],
  )
  return { runId, status: runs[0]?.status ?? 'failed', seconds: runs[0]?.seconds ?? 0, steps }
}

export interface FollowOptions {
  readonly pool: pg.Pool
  readonly listener: ChangeListener
  readonly runId: string
  readonly onProgress: (progress: RunProgress) => void
  /** Cancels the run when it resolves. */
  readonly interrupted: Promise<unknown>
}

/** Looked at again after this long, also when no change was heard of. */
const lookAgainMs = 500

/** Follows a run to its end. */
export async function followRun({ pool, listener, runId, onProgress, interrupted }: FollowOptions): Promise<RunProgress> {
  let wake: () => void = () => undefined
  const unsubscribe = listener.subscribe(() => wake(), runId)
  const cancel = async (): Promise<void> => {
    await interrupted
    await requestCancel(pool, runId)
    wake()
  }
  void cancel()
  try {
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, lookAgainMs)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      const progress = await readProgress(pool, runId)
      onProgress(progress)
      if (ended.includes(progress.status)) return progress
      await woken
    }
  } finally {
    wake()
    unsubscribe()
  }
}
