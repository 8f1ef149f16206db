import * as z from 'zod'
import { defaultDestination } from '../../definitions/destination.ts'
import { StageSums, stageSums } from '../batch-statistics.ts'
import { ColumnStatistics, StageTotals } from '../../definitions/column-statistics.ts'
import { redactText } from '../../redact.ts'
import { stepKinds, stepStatuses } from '../step-states.ts'
import type { StepStatus } from '../step-states.ts'
import { failure } from './failure.ts'
import { count, countIn, json, readRows, time } from './row.ts'
import type { Queryable } from './row.ts'

// Branches follow each other as their items do.
const stepOrder = `cardinality(step.upstream), step.started_at NULLS LAST, step.ordinal NULLS FIRST, step.asset`

const StepRow = z.object({
  id: z.uuid(),
  location: z.string(),
  asset: z.string(),
  kind: z.enum(stepKinds),
  upstream: z.array(z.string()),
  /** The pool that it needs slots of, and how many. */
  pool: z.string().nullable(),
  slots: z.int(),
  /** What its destination is called. */
  destination: z.string(),
  status: z.enum(stepStatuses),
  version: z.string(),
  attempt: z.int(),
  nextAttemptAt: time.nullable(),
  /** A live process holds it. */
  claimed: z.boolean(),
  sealed: z.boolean(),
  error: failure,
  /** Of one that was skipped: `because shop/orders failed`. Null where nobody wrote it down. */
  skippedBecause: z
    .string()
    .nullable()
    .transform((text) => (text === null ? null : redactText(text))),
  /** Why it waits for the spool, while somebody says so. */
  spoolWait: z.string().nullable(),
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  /** How many batches came as far as each stage, or further. */
  recorded: count,
  encoded: count,
  loaded: count,
  /** Raw bytes extracted. */
  bytes: count,
  records: count,
  rows: count,
  /** Records that do not fit. */
  quarantined: count,
  /** As they were written down when it was published. */
  statistics: z.object({ stages: StageTotals.array(), columns: ColumnStatistics.array().optional() }).nullable().catch(null),
  /** Of a function asset's step, what is shown of its materialization; of an op's, what it said. */
  metadata: z.record(z.string(), json).nullable(),
  /** What each stage has done so far. */
  sums: StageSums,
})
export type StepRead = z.output<typeof StepRow>

/** Which of a run's steps; without any, all. */
export interface StepFilter {
  readonly statuses?: readonly StepStatus[] | undefined
  /** The step of the graph that branches are of; null: the steps of no branch. */
  readonly template?: string | null | undefined
  readonly limit?: number | undefined
  /** How many to pass over. */
  readonly offset?: number | undefined
}

/** The steps of a run, upstream first as far as time tells. */
export function readSteps(db: Queryable, runId: string, { statuses, template, limit, offset }: StepFilter = {}): Promise<StepRead[]> {
  return readRows(
    db,
    StepRow,
    `SELECT step.id, step.location, step.asset, step.kind, step.upstream, step.pool, step.slots, coalesce(step.destination ->> 'name', $2) AS destination, step.status, step.version, step.attempt, step.next_attempt_at AS "nextAttemptAt",
            EXISTS (SELECT FROM millrace.process WHERE process.id = step.claimed_by AND process.lease_until > clock_timestamp()) AS claimed,
            step.sealed_at IS NOT NULL AS sealed, step.error, step.skipped_because AS "skippedBecause",
            -- said anew every few seconds while it is so
            CASE WHEN step.spool_waited_at > clock_timestamp() - interval '20 s' THEN step.spool_wait END AS "spoolWait", step.started_at AS "startedAt", step.ended_at AS "endedAt",
            GREATEST(stages.recorded, step.batches) AS recorded,
            -- all of a step that succeeded went the whole way, also when its batches are no longer kept
            CASE WHEN step.status = 'succeeded' THEN GREATEST(stages.recorded, step.batches) ELSE stages.encoded END AS encoded,
            CASE WHEN step.status = 'succeeded' THEN GREATEST(stages.recorded, step.batches) ELSE stages.loaded END AS loaded,
            stages.bytes, stages.records,
            coalesce(${countIn(`step.result -> 'rows'`)}, stages.rows) AS rows,
            coalesce(${countIn(`step.result -> 'quarantined'`)}, stages.quarantined) AS quarantined,
            step.result -> 'statistics' AS statistics,
            CASE WHEN step.status = 'succeeded' AND (step.kind = 'function' OR (step.kind = 'op' AND step.result - 'seconds' <> '{}')) THEN step.result END AS metadata, stages.sums
     FROM (
       SELECT * FROM millrace.step WHERE run_id = $1 AND ($3::text[] IS NULL OR status = ANY($3)) AND ($4::text IS NULL OR coalesce(template, '') = $4)
       ORDER BY ${stepOrder} LIMIT $5 OFFSET $6) step
     CROSS JOIN LATERAL (
       SELECT count(*) AS recorded, count(*) FILTER (WHERE status IN ('encoded', 'loaded')) AS encoded, count(*) FILTER (WHERE status = 'loaded') AS loaded,
              COALESCE(sum((raw ->> 'bytes')::bigint), 0) AS bytes, COALESCE(sum(batch.records), 0) AS records,
              COALESCE(sum(batch.quarantined), 0) AS quarantined,
              COALESCE(sum(batch.rows) FILTER (WHERE status = 'loaded'), 0) AS rows, ${stageSums} AS sums
       FROM millrace.batch WHERE batch.step_id = step.id AND batch.generation = step.generation
     ) stages
     ORDER BY ${stepOrder}`,
    [runId, defaultDestination, statuses ?? null, template === null ? '' : (template ?? null), limit ?? null, offset ?? 0],
  )
}

const StepCountRow = z.object({
  template: z.string().nullable(),
  status: z.enum(stepStatuses),
  steps: count,
  startedAt: time.nullable(),
  endedAt: time.nullable(),
})
/** How many steps of a run, or branches of one step of its graph, have a status; from the first that began to the last that ended. */
export type StepCountRead = z.output<typeof StepCountRow>

/** A run's steps counted, so that one of 10,000 branches is told of in a few lines. */
export function readStepCounts(db: Queryable, runId: string): Promise<StepCountRead[]> {
  return readRows(
    db,
    StepCountRow,
    `SELECT template, status, count(*) AS steps, min(started_at) AS "startedAt", CASE WHEN count(*) = count(ended_at) THEN max(ended_at) END AS "endedAt"
     FROM millrace.step WHERE run_id = $1 GROUP BY template, status ORDER BY template NULLS FIRST, status`,
    [runId],
  )
}

const StatusRow = z.object({ asset: z.string(), status: z.enum(stepStatuses) })

/** How some steps of a run stand, by their names. */
export async function readStepStatuses(db: Queryable, runId: string, names: readonly string[]): Promise<ReadonlyMap<string, StepStatus>> {
  if (names.length === 0) return new Map()
  const rows = await readRows(db, StatusRow, `SELECT asset, status FROM millrace.step WHERE run_id = $1 AND asset = ANY($2)`, [runId, names])
  return new Map(rows.map(({ asset, status }) => [asset, status]))
}
