import * as z from 'zod'
import type { JsonObject } from '../definitions/json.ts'
import type { PartitionMoment } from '../definitions/partitions/partition-set.ts'
import { PartitionMapping } from '../definitions/partitions/partition-mapping.ts'
import { PartitionsSpec } from '../definitions/partitions/partitions-spec.ts'
import type { Database } from './database.ts'

export const backfillStatuses = ['running', 'canceling', 'succeeded', 'failed', 'canceled'] as const
export type BackfillStatus = (typeof backfillStatuses)[number]

export const partStatuses = ['waiting', 'running', 'succeeded', 'failed', 'skipped', 'canceled'] as const
export type PartStatus = (typeof partStatuses)[number]

/** What a backfill makes, as it was when it began: what is defined later does not change it. */
export const BackfillPlan = z.object({
  /** When, and the keys that dynamic partitions had then. */
  moment: z.object({ now: z.iso.datetime(), dynamic: z.record(z.string(), z.array(z.string())) }),
  units: z.array(
    z.object({
      /** None where a job is run. Then there is no such field, so that a process of a version that knew no such backfills launches nothing in its place. */
      assets: z.array(z.string()).default([]),
      /** The job of ops that is run once for each of its partitions: of a backfill of a job, which has this one unit. */
      job: z.string().optional(),
      partitions: PartitionsSpec.optional(),
      upstream: z.array(z.object({ unit: z.int(), mapping: PartitionMapping })),
    }),
  ),
})
export type BackfillPlan = z.output<typeof BackfillPlan>
/** As it is written down. */
export type StoredPlan = z.input<typeof BackfillPlan>

export const momentOf = ({ moment }: BackfillPlan): PartitionMoment => ({ now: new Date(moment.now), dynamic: (name) => moment.dynamic[name] ?? [] })

export interface OpenBackfill {
  readonly id: string
  readonly location: string
  readonly status: BackfillStatus
  readonly plan: BackfillPlan
  readonly perRun: number | null
  readonly runsAtOnce: number
  readonly config: JsonObject
  readonly tags: Readonly<Record<string, string>>
  readonly launchedBy: string
  /** Why it did not go on the last time. */
  readonly problem: string | null
}

/** Plans that were read: one never changes, and one of many keys takes longer to parse than a launch. */
const plans = new Map<string, BackfillPlan>()
const mostPlans = 20

/** Locks a backfill that is under way; undefined where it has ended. Whoever else advances it waits, and sees what this one did. */
export async function lockBackfill(client: Database, id: string): Promise<OpenBackfill | undefined> {
  const known = plans.get(id)
  const { rows } = await client.query<Omit<OpenBackfill, 'plan'> & { plan: unknown }>(
    `SELECT id, location, status, CASE WHEN $2 THEN NULL ELSE plan END AS plan, partitions_per_run AS "perRun", runs_at_once AS "runsAtOnce", config, tags,
       launched_by AS "launchedBy", problem
     FROM millrace.backfill WHERE id = $1 AND status IN ('running', 'canceling') FOR UPDATE`,
    [id, known !== undefined],
  )
  if (rows[0] === undefined) return undefined
  const plan = known ?? BackfillPlan.parse(rows[0].plan)
  if (plans.size >= mostPlans) plans.clear()
  plans.set(id, plan)
  return { ...rows[0], plan }
}

/** Has the parts whose runs have ended end as those did, also one that was retried by itself. Answers how many runs are still under way. */
export async function settleParts(client: Database, id: string): Promise<number> {
  // From the few parts that are under way to their runs, in steps of their own: a kept plan, made while the tables were small, would else go through all of either.
  const { rows } = await client.query<{ runs: number }>(
    `WITH under_way AS MATERIALIZED (SELECT unit, ordinal, run_id FROM millrace.backfill_part WHERE backfill_id = $1 AND status = 'running'),
       ended AS MATERIALIZED (SELECT u.unit, u.ordinal, r.id, r.status FROM under_way u
         CROSS JOIN LATERAL (SELECT id, status FROM millrace.run WHERE id = u.run_id OFFSET 0) r WHERE r.status IN ('succeeded', 'failed', 'canceled')),
       settled AS (UPDATE millrace.backfill_part p SET status = e.status FROM ended e WHERE p.backfill_id = $1 AND p.unit = e.unit AND p.ordinal = e.ordinal)
     SELECT count(DISTINCT run_id)::int AS runs FROM under_way WHERE run_id NOT IN (SELECT id FROM ended)`,
    [id],
  )
  return rows[0]?.runs ?? 0
}

/** The runs of a backfill that nobody has asked to end yet. */
export async function runsToCancel(client: Database, id: string): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `SELECT r.id FROM millrace.run r WHERE r.status IN ('queued', 'started') AND r.id IN (SELECT run_id FROM millrace.backfill_part WHERE backfill_id = $1 AND status = 'running')`,
    [id],
  )
  return rows.map((run) => run.id)
}

export interface WaitingPart {
  readonly unit: number
  readonly ordinal: number
  readonly partition: string | null
}

/** The first parts of each unit that wait, in their order. */
export async function waitingParts(client: Database, id: string, units: number, limit: number): Promise<WaitingPart[]> {
  const { rows } = await client.query<WaitingPart>(
    `SELECT w.unit, w.ordinal, w.partition FROM generate_series(0, $2::int - 1) u CROSS JOIN LATERAL
       (SELECT unit, ordinal, partition FROM millrace.backfill_part WHERE backfill_id = $1 AND status = 'waiting' AND unit = u ORDER BY ordinal LIMIT $3) w
     ORDER BY w.unit, w.ordinal`,
    [id, units, limit],
  )
  return rows
}

/** Parts of a unit that have not succeeded, from an ordinal (in) to another (out). */
export interface PartRange {
  readonly unit: number
  readonly from: number
  readonly to: number
}

/** For each of the ranges: whether all of its parts have succeeded, or whether one of them never will. */
export async function rangeStates(client: Database, id: string, ranges: readonly PartRange[]): Promise<('there' | 'awaited' | 'lost')[]> {
  if (ranges.length === 0) return []
  const { rows } = await client.query<{ lost: boolean; awaited: boolean }>(
    `SELECT EXISTS (SELECT FROM millrace.backfill_part p WHERE p.backfill_id = $1 AND p.unit = r.unit AND p.ordinal >= r.first AND p.ordinal < r.past
         AND p.status IN ('failed', 'skipped', 'canceled')) AS lost,
       EXISTS (SELECT FROM millrace.backfill_part p WHERE p.backfill_id = $1 AND p.unit = r.unit AND p.ordinal >= r.first AND p.ordinal < r.past
         AND p.status IN ('waiting', 'running')) AS awaited
     FROM unnest($2::int[], $3::int[], $4::int[]) WITH ORDINALITY AS r(unit, first, past, n) ORDER BY r.n`,
    [id, ranges.map((one) => one.unit), ranges.map((one) => one.from), ranges.map((one) => one.to)],
  )
  return rows.map(({ lost, awaited }) => (lost ? 'lost' : awaited ? 'awaited' : 'there'))
}

export async function markParts(client: Database, id: string, parts: readonly WaitingPart[], status: PartStatus, runId: string | null): Promise<void> {
  if (parts.length === 0) return
  await client.query(
    `UPDATE millrace.backfill_part p SET status = $2, run_id = coalesce($3, p.run_id) FROM unnest($4::int[], $5::int[]) AS m(unit, ordinal)
     WHERE p.backfill_id = $1 AND p.unit = m.unit AND p.ordinal = m.ordinal`,
    [id, status, runId, parts.map((one) => one.unit), parts.map((one) => one.ordinal)],
  )
}

export async function cancelWaitingParts(client: Database, id: string): Promise<void> {
  await client.query(`UPDATE millrace.backfill_part SET status = 'canceled' WHERE backfill_id = $1 AND status = 'waiting'`, [id])
}

/** Ends a backfill of which nothing waits and nothing is under way. */
export async function endBackfill(client: Database, id: string): Promise<void> {
  await client.query(
    `UPDATE millrace.backfill b SET ended_at = clock_timestamp(), problem = NULL, status = CASE
        WHEN b.status = 'canceling' THEN 'canceled'
        WHEN EXISTS (SELECT FROM millrace.backfill_part p WHERE p.backfill_id = b.id AND p.status IN ('failed', 'skipped', 'canceled')) THEN 'failed' ELSE 'succeeded' END
     WHERE id = $1 AND NOT EXISTS (SELECT FROM millrace.backfill_part p WHERE p.backfill_id = b.id AND p.status IN ('waiting', 'running'))`,
    [id],
  )
}

/** Says why a backfill does not go on, while it does not. */
export async function noteProblem(client: Database, id: string, problem: string | null): Promise<void> {
  await client.query(`UPDATE millrace.backfill SET problem = $2 WHERE id = $1 AND problem IS DISTINCT FROM $2`, [id, problem])
}

export async function openBackfills(database: Database): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>(`SELECT id FROM millrace.backfill WHERE status IN ('running', 'canceling') ORDER BY created_at`)
  return rows.map(({ id }) => id)
}

/** The backfill of a step's run, where it has one that is under way. */
export async function backfillOfStep(database: Database, stepId: string): Promise<string | undefined> {
  const { rows } = await database.query<{ id: string }>(
    `SELECT b.id FROM millrace.step s JOIN millrace.run r ON r.id = s.run_id JOIN millrace.backfill b ON b.id = r.backfill_id
     WHERE s.id = $1 AND b.status IN ('running', 'canceling')`,
    [stepId],
  )
  return rows[0]?.id
}
