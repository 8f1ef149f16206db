import type { JsonObject } from '../definitions/json.ts'
import type { Json } from '../definitions/json.ts'
import type { Backend, Database } from './database.ts'
import type { StepKind, StepStatus } from './step-states.ts'

/** The cursor of a step's target when its extraction began, and as the extractor is handed it: less the lag, or the one to begin with. */
export interface CursorFrom {
  readonly stored: Json
  readonly given: Json
}

/** Where in a location's definitions the op of a step is: in the graph of an asset, or of the run's job. */
export interface OpPlace {
  readonly job: string | undefined
  readonly partOf: string | undefined
  /** Of a branch's step: what it was made from, and for which item. */
  readonly branch: { readonly template: string; readonly map: string; readonly ordinal: number } | undefined
}

/** A step that this process holds, with what its work needs to know. */
export interface ClaimedStep {
  readonly stepId: string
  readonly runId: string
  readonly location: string
  readonly asset: string
  readonly kind: StepKind
  /** Of an op: where its definition is. */
  readonly place: OpPlace
  readonly status: StepStatus
  readonly version: string
  readonly attempt: number
  /** The fencing token: every write compares it. */
  readonly claim: number
  readonly generation: number
  readonly batches: number
  readonly position: Json | undefined
  /** Whether its records come from quarantine. */
  readonly redrive: boolean
  /** Whether its batches go straight into the target. */
  readonly eachBatch: boolean
  /** Whether all is fetched again, and takes the place of what is there. */
  readonly fullRefresh: boolean
  /** Of a function of several assets: those that it is asked for. */
  readonly makes: readonly string[]
  /** What it is to make; undefined where its asset has no partitions. Of an op of a job: what the run is of. */
  readonly partitions: readonly string[] | undefined
  /** Undefined before it was prepared, and where the asset keeps no cursor. */
  readonly cursorFrom: CursorFrom | undefined
  /** The last one that a recorded page carried. */
  readonly cursor: Json | undefined
  /** What its table cannot take, as preparing found it. */
  readonly limits: readonly unknown[]
  readonly config: JsonObject
  readonly runStartedAt: string
  /** The destination session of the holder before, if one was written down. */
  readonly previousBackend: Backend | undefined
}

export interface ClaimedBatch {
  readonly batchId: string
  readonly stepId: string
  readonly runId: string
  readonly location: string
  readonly asset: string
  readonly version: string
  readonly claim: number
  readonly generation: number
  readonly ordinal: number
  readonly raw: unknown
  readonly encoded: unknown
  readonly records: string | null
  readonly filtered: string | null
  readonly rows: string | null
  /** The last one that its pages carried. */
  readonly cursor: Json | undefined
  /** Whether its records come from quarantine. */
  readonly redrive: boolean
  readonly fullRefresh: boolean
  readonly cursorFrom: CursorFrom | undefined
  /** What its table cannot take, as preparing found it. */
  readonly limits: readonly unknown[]
  readonly config: JsonObject
  readonly runStartedAt: string
  readonly previousBackend: Backend | undefined
}

interface BackendColumns {
  previous_pid: number | null
  previous_start: string | null
}

function backendOf(row: BackendColumns): Backend | undefined {
  return row.previous_pid === null || row.previous_start === null ? undefined : { pid: row.previous_pid, start: row.previous_start }
}

// A holder counts only while its session's lease lasts; the claimer must have a lease itself, so that one just thawed gets nothing.
const claimable = (row: string, session: string): string => `
  (${row}.claimed_by IS NULL OR NOT EXISTS (SELECT FROM millrace.process h WHERE h.id = ${row}.claimed_by AND h.lease_until > clock_timestamp()))
  AND EXISTS (SELECT FROM millrace.process me WHERE me.id = ${session} AND me.lease_until > clock_timestamp())`

// Batches that go straight into a target are loaded one after the other: what is loaded is then always a beginning of the source.
const inOrder = `(NOT s.each_batch OR $3 <> 'encoded' OR NOT EXISTS (SELECT FROM millrace.batch p
  WHERE p.step_id = b.step_id AND p.generation = b.generation AND p.ordinal < b.ordinal AND p.status <> 'loaded'))`

export interface StepClaimRequest {
  readonly stepId: string
  readonly enqueued: number
  readonly status: StepStatus
  readonly session: string
  readonly backend?: Backend
}

/** Claims a step for one piece of work; undefined when this delivery is stale or another holds it. */
export async function claimStep(database: Database, request: StepClaimRequest): Promise<ClaimedStep | undefined> {
  interface Row extends BackendColumns {
    run_id: string
    location: string
    asset: string
    kind: StepKind
    job: string | null
    part_of: string | null
    template: string | null
    map: string | null
    ordinal: number | null
    version: string
    attempt: number
    claim: number
    generation: number
    batches: number
    position: Json | null
    redrive: boolean
    each_batch: boolean
    full_refresh: boolean
    makes: string[] | null
    partitions: string[] | null
    cursor_from: CursorFrom | null
    cursor: Json | null
    limits: unknown[] | null
    config: JsonObject
    created_at: Date
  }
  const { rows } = await database.query<Row>(
    `UPDATE millrace.step s SET claim = s.claim + 1, claimed_by = $4, claimed_at = clock_timestamp(),
        started_at = coalesce(s.started_at, clock_timestamp()), backend_pid = $5, backend_start = $6
     FROM (SELECT id, backend_pid, backend_start FROM millrace.step WHERE id = $1 FOR UPDATE) old, millrace.run r
     WHERE s.id = old.id AND r.id = s.run_id AND s.enqueued = $2 AND s.status = $3 AND ${claimable('s', '$4')}
     RETURNING s.run_id, s.location, s.asset, s.kind, r.job, s.part_of, s.template, s.map, s.ordinal, s.version, s.attempt, s.claim, s.generation, s.batches, s.position, s.redrive, s.each_batch, s.full_refresh,
       s.makes, CASE WHEN s.kind = 'op' AND s.part_of IS NULL THEN r.partitions ELSE s.partitions END AS partitions, s.cursor_from, s.cursor, s.result -> 'limits' AS limits, r.config, coalesce(r.started_at, r.created_at) AS created_at,
       old.backend_pid AS previous_pid, old.backend_start::text AS previous_start`,
    [request.stepId, request.enqueued, request.status, request.session, request.backend?.pid ?? null, request.backend?.start ?? null],
  )
  const row = rows[0]
  if (row === undefined) return undefined
  return {
    stepId: request.stepId,
    runId: row.run_id,
    location: row.location,
    asset: row.asset,
    kind: row.kind,
    place: {
      job: row.job ?? undefined,
      partOf: row.part_of ?? undefined,
      branch: row.template === null || row.map === null || row.ordinal === null ? undefined : { template: row.template, map: row.map, ordinal: row.ordinal },
    },
    status: request.status,
    version: row.version,
    attempt: row.attempt,
    claim: row.claim,
    generation: row.generation,
    batches: row.batches,
    position: row.position ?? undefined,
    redrive: row.redrive,
    eachBatch: row.each_batch,
    fullRefresh: row.full_refresh,
    makes: row.makes ?? [],
    partitions: row.partitions ?? undefined,
    cursorFrom: row.cursor_from ?? undefined,
    cursor: row.cursor ?? undefined,
    limits: row.limits ?? [],
    config: row.config,
    runStartedAt: row.created_at.toISOString(),
    previousBackend: backendOf(row),
  }
}

export interface BatchClaimRequest {
  readonly batchId: string
  readonly enqueued: number
  readonly status: 'recorded' | 'encoded'
  readonly session: string
  readonly backend?: Backend
}

/** Claims a batch of a step's present generation; undefined when this delivery is stale, another holds it, or the step is not loading. */
export async function claimBatch(database: Database, request: BatchClaimRequest): Promise<ClaimedBatch | undefined> {
  interface Row extends BackendColumns {
    step_id: string
    run_id: string
    location: string
    asset: string
    version: string
    claim: number
    generation: number
    ordinal: number
    raw: unknown
    encoded: unknown
    records: string | null
    filtered: string | null
    rows: string | null
    cursor: Json | null
    redrive: boolean
    full_refresh: boolean
    cursor_from: CursorFrom | null
    limits: unknown[] | null
    config: JsonObject
    created_at: Date
  }
  const { rows } = await database.query<Row>(
    `UPDATE millrace.batch b SET claim = b.claim + 1, claimed_by = $4, claimed_at = clock_timestamp(), backend_pid = $5, backend_start = $6
     FROM (SELECT id, backend_pid, backend_start FROM millrace.batch WHERE id = $1 FOR UPDATE) old, millrace.step s, millrace.run r
     WHERE b.id = old.id AND s.id = b.step_id AND r.id = s.run_id AND b.enqueued = $2 AND b.status = $3
       AND b.generation = s.generation AND s.status IN ('extracting', 'loading') AND ${claimable('b', '$4')} AND ${inOrder}
     RETURNING b.step_id, s.run_id, s.location, s.asset, s.version, b.claim, b.generation, b.ordinal, b.raw, b.encoded, b.records, b.filtered, b.rows, b.cursor,
       s.redrive, s.full_refresh, s.cursor_from, s.result -> 'limits' AS limits,
       r.config, coalesce(r.started_at, r.created_at) AS created_at, old.backend_pid AS previous_pid, old.backend_start::text AS previous_start`,
    [request.batchId, request.enqueued, request.status, request.session, request.backend?.pid ?? null, request.backend?.start ?? null],
  )
  const row = rows[0]
  if (row === undefined) return undefined
  return {
    batchId: request.batchId,
    stepId: row.step_id,
    runId: row.run_id,
    location: row.location,
    asset: row.asset,
    version: row.version,
    claim: row.claim,
    generation: row.generation,
    ordinal: row.ordinal,
    raw: row.raw,
    encoded: row.encoded,
    records: row.records,
    filtered: row.filtered,
    rows: row.rows,
    cursor: row.cursor ?? undefined,
    redrive: row.redrive,
    fullRefresh: row.full_refresh,
    cursorFrom: row.cursor_from ?? undefined,
    limits: row.limits ?? [],
    config: row.config,
    runStartedAt: row.created_at.toISOString(),
    previousBackend: backendOf(row),
  }
}

/** Whether a claim of a step is still the current one. */
export async function holdsStep(database: Database, stepId: string, claim: number): Promise<boolean> {
  const { rowCount } = await database.query(`SELECT 1 FROM millrace.step WHERE id = $1 AND claim = $2 AND claimed_by IS NOT NULL`, [stepId, claim])
  return rowCount === 1
}

/** Gives a step back unfinished, for the next delivery; returns its counter, or undefined when the claim was lost meanwhile. */
export async function releaseStep(database: Database, stepId: string, claim: number): Promise<number | undefined> {
  const { rows } = await database.query<{ enqueued: number }>(
    `UPDATE millrace.step SET claimed_by = NULL, enqueued = enqueued + 1, enqueued_at = clock_timestamp() WHERE id = $1 AND claim = $2 AND claimed_by IS NOT NULL RETURNING enqueued`,
    [stepId, claim],
  )
  return rows[0]?.enqueued
}

/** Gives a batch back unfinished, for the next delivery; returns its counter, or undefined when the claim was lost meanwhile. */
export async function releaseBatch(database: Database, batchId: string, claim: number): Promise<number | undefined> {
  const { rows } = await database.query<{ enqueued: number }>(
    `UPDATE millrace.batch SET claimed_by = NULL, enqueued = enqueued + 1, enqueued_at = clock_timestamp() WHERE id = $1 AND claim = $2 AND claimed_by IS NOT NULL RETURNING enqueued`,
    [batchId, claim],
  )
  return rows[0]?.enqueued
}
