import type pg from 'pg'
import { holdsLead } from '../../catalog/leader.ts'
import type { Database } from '../../catalog/database.ts'
import { insertEvents, storableJson } from '../../catalog/events.ts'
import { forgottenError } from '../../catalog/forgotten.ts'
import { refuseUnstorable } from '../../catalog/storable.ts'
import type { StepStatus } from '../../catalog/step-states.ts'
import type { DueStep } from '../../catalog/due-step.ts'
import { FencedError } from '../../errors.ts'
import { faultPoint } from '../../fault-point.ts'
import type { PlannedRun } from './plan-run.ts'

/** Who starts a run, and by what it is known again. */
export interface RunOrigin {
  readonly tags?: Readonly<Record<string, string>>
  /** `api`, `page`, `cli`, or `schedule NAME`. */
  readonly launchedBy: string
  /** A second launch with the same key answers with the first one's run. */
  readonly idempotencyKey?: string | undefined
  /** The backfill that it is of. */
  readonly backfillId?: string
  /** Set by the leader: the launch is refused when it no longer leads. */
  readonly epoch?: string
}

/** Something else that belongs to the launch and commits with it: a tick's row. Answers false when the launch is not wanted after all. */
export type LaunchCompanion = (client: pg.PoolClient, runId: string) => Promise<boolean>

/** The transaction is to be rolled back: its companion did not want the run. */
export class NotWantedError extends Error {}

/** `waits`: it is in the queue, or a step of it waits for a slot. */
export type InsertedRun = { readonly runId: string; readonly due: readonly DueStep[]; readonly waits: boolean } | { readonly known: string }

// Whether there is room is decided by whoever holds the queue's lock, and in turn; without a limit or a pause nobody needs to ask.
const statusSql = `CASE WHEN $8 OR EXISTS (SELECT FROM millrace.run_limit WHERE location IN ('', $1) AND runs IS NOT NULL)
  OR EXISTS (SELECT FROM millrace.pause WHERE location IN ('', $1)) THEN 'queued' ELSE 'started' END`

// Locked so that whoever forgets the location waits for this run, and cancels it; one that is forgotten gets none.
const placeSql = `SELECT FROM millrace.location WHERE name = $1 AND forgotten_at IS NULL FOR KEY SHARE`

/**
 * Writes a run with its steps, in the transaction of `client`: `queued` where something may hold it back, else `started`.
 * @throws FencedError under an older epoch; MillraceError `LOCATION_NOT_LOADED` where its location was forgotten meanwhile, `RUN_KEY_INVALID`; NotWantedError
 */
export async function insertRun(client: pg.PoolClient, planned: PlannedRun, origin: RunOrigin, companion?: LaunchCompanion): Promise<InsertedRun> {
  refuseUnstorable('The key by which a run is known again', 'RUN_KEY_INVALID', origin.idempotencyKey)
  if (origin.epoch !== undefined && !(await holdsLead(client, 'producers', origin.epoch))) throw new FencedError('the producers’ lead')
  const { location, version, assets, config, job, limited } = planned
  const { priority, timeoutMs, retries, retryDelayMs, retryFrom } = planned.options
  const { rows } = await client.query<{ id: string; status: 'queued' | 'started' }>(
    `WITH place AS (${placeSql})
     INSERT INTO millrace.run (location, version, assets, config, tags, launched_by, idempotency_key, status, priority, timeout_ms, retries, retry_delay_ms, deadline_at, partitions, backfill_id, job, hooks, retry_from)
     SELECT $1, $2, $3, $4, $5, $6, $7, ${statusSql}, $9, $10::bigint, $11, $12, clock_timestamp() + $10::bigint * interval '1 ms', $13, $14, $15, $16, $17 FROM place
     ON CONFLICT (idempotency_key) DO NOTHING RETURNING id, status`,
    [
      location,
      version,
      assets,
      storableJson(config),
      JSON.stringify({ ...planned.tags, ...origin.tags }),
      origin.launchedBy,
      origin.idempotencyKey ?? null,
      limited,
      priority,
      timeoutMs,
      retries,
      retryDelayMs,
      planned.partitions ?? null,
      origin.backfillId ?? null,
      job ?? null,
      planned.hooks === undefined ? null : JSON.stringify(planned.hooks),
      retryFrom,
    ],
  )
  const run = rows[0]
  const runId = run?.id
  if (run === undefined || runId === undefined) return { known: await runWithKey(client, origin.idempotencyKey, location) }
  if (companion !== undefined && !(await companion(client, runId))) throw new NotWantedError()
  const queued = run.status === 'queued'
  const { due, held } = await insertSteps(client, runId, planned, queued)
  const what = queued ? ({ kind: 'run queued', verb: 'queued' } as const) : ({ kind: 'run started', verb: 'started' } as const)
  await insertEvents(client, [
    { runId, kind: what.kind, message: `A run of ${job ?? assets.join(', ')} was ${what.verb} by ${origin.launchedBy}.`, data: { config } },
    ...(planned.notes ?? []).map((message) => ({ runId, kind: 'plan', message })),
  ])
  faultPoint('launch.middle')
  return { runId, due, waits: queued || held }
}

async function runWithKey(client: Database, key: string | undefined, location: string): Promise<string> {
  const { rows } = key === undefined ? { rows: [] } : await client.query<{ id: string }>(`SELECT id FROM millrace.run WHERE idempotency_key = $1`, [key])
  if (rows[0] !== undefined) return rows[0].id
  throw forgottenError(location)
}

async function insertSteps(client: pg.PoolClient, runId: string, planned: PlannedRun, queued: boolean): Promise<{ due: DueStep[]; held: boolean }> {
  const { location, version, steps, redrive, fullRefresh } = planned
  const rows = steps.map(({ eachBatch, pool, partOf, ...step }) => {
    const status = queued ? 'waiting' : step.status
    const held = !queued && status === 'waiting' && step.upstream.length === 0
    return { ...step, status, enqueued: status === 'waiting' ? 0 : 1, each_batch: eachBatch, part_of: partOf, pool: pool?.name, slots: pool?.slots ?? 1, held }
  })
  const inserted = await client.query<{ id: string; status: StepStatus; enqueued: number }>(
    `INSERT INTO millrace.step (run_id, location, version, asset, kind, destination, upstream, status, enqueued, each_batch, redrive, full_refresh, partitions, part_of, collects, makes, enqueued_at, pool, slots, ready_at, hooks)
     SELECT $1, $2, $3, s.asset, s.kind, s.destination, array(SELECT jsonb_array_elements_text(s.upstream)), s.status, s.enqueued, s.each_batch, $5, $6, CASE WHEN s.partitioned THEN $7::text[] END, s.part_of, array(SELECT jsonb_array_elements_text(s.collects)), CASE WHEN s.makes IS NOT NULL THEN array(SELECT jsonb_array_elements_text(s.makes)) END, CASE WHEN s.enqueued = 1 THEN clock_timestamp() END, s.pool, s.slots, CASE WHEN s.held THEN clock_timestamp() END, s.hooks
     FROM jsonb_to_recordset($4::jsonb) AS s(asset text, kind text, destination jsonb, upstream jsonb, status text, enqueued int, each_batch boolean, partitioned boolean, part_of text, collects jsonb, makes jsonb, pool text, slots int, held boolean, hooks jsonb)
     RETURNING id, status, enqueued`,
    [runId, location, version, JSON.stringify(rows), redrive, fullRefresh, planned.partitions ?? null],
  )
  const due = inserted.rows.filter((row) => row.status !== 'waiting').map((row) => ({ stepId: row.id, location, status: row.status, enqueued: row.enqueued }))
  return { due, held: rows.some((row) => row.held) }
}
