import * as z from 'zod'
import { backfillStatuses, partStatuses } from '../backfills.ts'
import type { BackfillStatus } from '../backfills.ts'
import { redactText } from '../../redact.ts'
import { count, json, readRows, time } from './row.ts'
import type { Queryable } from './row.ts'

/** Parts by their status. */
export const PartCounts = z.object(Object.fromEntries(partStatuses.map((status) => [status, z.int()])) as Record<(typeof partStatuses)[number], z.ZodInt>)
export type PartCounts = z.output<typeof PartCounts>

const Counted = z
  .record(z.string(), count)
  .nullable()
  .transform((counted): PartCounts => PartCounts.parse(Object.fromEntries(partStatuses.map((status) => [status, counted?.[status] ?? 0]))))

const BackfillRow = z.object({
  id: z.uuid(),
  location: z.string(),
  assets: z.array(z.string()),
  job: z.string().nullable(),
  status: z.enum(backfillStatuses),
  /** Null: as many as follow each other. */
  perRun: z.int().nullable(),
  runsAtOnce: z.int(),
  config: z.record(z.string(), json),
  tags: z.record(z.string(), z.string()),
  launchedBy: z.string(),
  createdAt: time,
  createdText: z.string(),
  endedAt: time.nullable(),
  problem: z.string().nullable(),
  counts: Counted,
  /** The first unit that is not over, from 1; null where all are. */
  unit: z.int().nullable(),
  units: z.int(),
})
export type BackfillRead = z.output<typeof BackfillRow>

// Of assets the plan is not read: with many dynamic keys one has megabytes.
const columns = `b.id, b.location, b.assets, CASE WHEN b.assets = '{}' THEN b.plan #>> '{units,0,job}' END AS job, b.status, b.partitions_per_run AS "perRun", b.runs_at_once AS "runsAtOnce", b.config, b.tags, b.launched_by AS "launchedBy",
  b.created_at AS "createdAt", b.created_at::text AS "createdText", b.ended_at AS "endedAt", b.problem,
  (SELECT jsonb_object_agg(c.status, c.n) FROM (SELECT status, sum(parts) AS n FROM millrace.backfill_count p WHERE p.backfill_id = b.id GROUP BY status) c) AS counts,
  (SELECT min(p.unit) + 1 FROM millrace.backfill_count p WHERE p.backfill_id = b.id AND p.status IN ('waiting', 'running') AND p.parts > 0) AS unit,
  coalesce(b.units, jsonb_array_length(b.plan -> 'units')) AS units`

export interface BackfillFilter {
  readonly status?: BackfillStatus | undefined
  readonly asset?: string | undefined
  readonly location?: string | undefined
  readonly limit: number
  /** The last one of the page before. */
  readonly before?: { readonly createdText: string; readonly id: string } | undefined
}

/** Backfills, the newest first. */
export function listBackfills(db: Queryable, { status, asset, location, limit, before }: BackfillFilter): Promise<BackfillRead[]> {
  return readRows(
    db,
    BackfillRow,
    `SELECT ${columns} FROM (SELECT * FROM millrace.backfill
       WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR assets @> ARRAY[$2::text]) AND ($3::text IS NULL OR location = $3)
         AND ($4::timestamptz IS NULL OR (created_at, id) < ($4::timestamptz, $5::uuid))
       ORDER BY created_at DESC, id DESC LIMIT $6) b ORDER BY b.created_at DESC, b.id DESC`,
    [status ?? null, asset ?? null, location ?? null, before?.createdText ?? null, before?.id ?? null, limit],
  )
}

/** One backfill, or undefined. */
export async function readBackfill(db: Queryable, id: string): Promise<BackfillRead | undefined> {
  const [found] = await readRows(db, BackfillRow, `SELECT ${columns} FROM millrace.backfill b WHERE b.id = $1`, [id])
  return found
}

const UnitRow = z.object({ assets: z.array(z.string()), job: z.string().nullable(), kind: z.string().nullable(), counts: Counted })
/** What one run makes together; `kind`: of its partitions, null where it has none. */
export type BackfillUnitRead = z.output<typeof UnitRow>

/** Its units, upstream before downstream. */
export function readBackfillUnits(db: Queryable, id: string): Promise<BackfillUnitRead[]> {
  return readRows(
    db,
    UnitRow,
    `SELECT coalesce(u.unit->'assets', '[]') AS assets, u.unit->>'job' AS job, u.unit->'partitions'->>'kind' AS kind, c.counts
     FROM millrace.backfill b CROSS JOIN jsonb_array_elements(b.plan->'units') WITH ORDINALITY AS u(unit, n)
       LEFT JOIN (SELECT unit, jsonb_object_agg(status, parts) AS counts FROM millrace.backfill_count WHERE backfill_id = $1 GROUP BY unit) c ON c.unit = u.n - 1
     WHERE b.id = $1 ORDER BY u.n`,
    [id],
  )
}

const FailedPart = z.object({
  unit: z.int(),
  partition: z.string().nullable(),
  runId: z.uuid().nullable(),
  asset: z.string().nullable(),
  message: z
    .string()
    .nullable()
    .transform((text) => (text === null ? null : redactText(text))),
})
/** A part whose run failed; `asset` and `message`: of the first of its steps that did. */
export type FailedPartRead = z.output<typeof FailedPart>

/** The first parts that failed. */
export function readFailedParts(db: Queryable, id: string, limit: number): Promise<FailedPartRead[]> {
  return readRows(
    db,
    FailedPart,
    `SELECT p.unit, p.partition, p.run_id AS "runId", s.asset, s.message
     FROM (SELECT unit, ordinal, partition, run_id FROM millrace.backfill_part WHERE backfill_id = $1 AND status = 'failed' ORDER BY unit, ordinal LIMIT $2) p
       LEFT JOIN LATERAL (SELECT asset, error->>'message' AS message FROM millrace.step WHERE run_id = p.run_id AND status = 'failed' ORDER BY ended_at LIMIT 1) s ON true
     ORDER BY p.unit, p.ordinal`,
    [id, limit],
  )
}
