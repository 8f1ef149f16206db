import type pg from 'pg'
import type { CheckOutcome } from '../definitions/check-outcome.ts'
import type { JsonObject } from '../definitions/json.ts'
import { retryDelay } from '../definitions/retry.ts'
import type { RetryPolicy } from '../definitions/retry.ts'
import { isRetryable, MillraceError, sentence, storedError } from '../errors.ts'
import { redact } from '../redact.ts'
import { reasonOf, recordChecks } from './checks.ts'
import { transaction } from './database.ts'
import type { Database } from './database.ts'
import type { CursorFrom } from './claims.ts'
import { markAsset, materializationOf } from './materialized.ts'
import { keepObserved } from './observations.ts'
import type { SeenAsset } from './observations.ts'
import { markFailed } from './partition-states.ts'
import { carryOver, dropGenerationsBefore, nextGeneration } from './generation.ts'
import { insertEvents, storableJson } from './events.ts'
import type { EventInput } from './events.ts'
import { queueAgain } from './retry-run.ts'
import { due, dueColumns, toDue } from './due-step.ts'
import type { DueRow, DueStep } from './due-step.ts'
import { branchOf, nextInLine, nobody, readyAfter } from './ready-steps.ts'
import type { BranchRow } from './ready-steps.ts'
import { skipDownstream } from './skip-steps.ts'
import { statusesWith } from './step-states.ts'
import type { StepStatus } from './step-states.ts'

export interface PreparedStep {
  readonly stepId: string
  readonly claim: number
  /** What its table cannot take. It is the step's result until it has one. */
  readonly limits: readonly unknown[]
  readonly events: readonly EventInput[]
  /** Where its target has got with the source; absent where it keeps no cursor. */
  readonly cursorFrom?: CursorFrom | undefined
  /** Of a step that is published batch by batch: how many of its batches are loaded. */
  readonly loaded?: number | undefined
}

/** The destination is ready: the step may extract, beginning after what stays loaded. What was done for it is said with it, once. */
export async function markPrepared(pool: pg.Pool, prepared: PreparedStep): Promise<DueStep | undefined> {
  const { stepId, claim, limits, events, cursorFrom, loaded } = prepared
  const mark = async (client: Database): Promise<DueStep | undefined> => {
    const { rows } = await client.query<DueRow>(
      `UPDATE millrace.step SET status = 'extracting', result = $3, cursor_from = $4, ${due} WHERE id = $1 AND claim = $2 AND status = 'preparing' RETURNING ${dueColumns}`,
      [stepId, claim, limits.length === 0 ? null : storableJson({ limits }), cursorFrom === undefined ? null : JSON.stringify(cursorFrom)],
    )
    const row = rows[0]
    if (row === undefined) return undefined
    await insertEvents(client, events)
    if (loaded !== undefined) await goOnAfter(client, stepId, loaded)
    return toDue(row)
  }
  return events.length === 0 && loaded === undefined ? mark(pool) : transaction(pool, mark)
}

/** Has extraction go on after the batches that stay loaded. */
async function goOnAfter(client: Database, stepId: string, loaded: number): Promise<void> {
  const last = await carryOver(client, stepId, loaded)
  await client.query(`UPDATE millrace.step SET batches = $2, position = $3, cursor = $4 WHERE id = $1`, [
    stepId,
    loaded,
    last === undefined ? null : JSON.stringify(last.position),
    last === undefined || last.cursor === null ? null : JSON.stringify(last.cursor),
  ])
}

/** The extraction is whole. False when the claim is no longer the current one. */
export async function sealStep(database: Database, stepId: string, claim: number): Promise<boolean> {
  const { rowCount } = await database.query(
    `UPDATE millrace.step SET status = 'loading', sealed_at = clock_timestamp(), claimed_by = NULL WHERE id = $1 AND claim = $2 AND status = 'extracting'`,
    [stepId, claim],
  )
  return rowCount === 1
}

/**
 * Takes a sealed step whose batches are all loaded on to publishing. Both the sealer and each loader ask this *after* their own
 * change has committed, so whoever asks last sees both.
 */
export async function beginPublishing(database: Database, stepId: string): Promise<DueStep | undefined> {
  const { rows } = await database.query<DueRow>(
    `UPDATE millrace.step s SET status = 'publishing', enqueued = enqueued + 1, enqueued_at = clock_timestamp(), claimed_by = NULL
     WHERE id = $1 AND status = 'loading'
       AND NOT EXISTS (SELECT FROM millrace.batch b WHERE b.step_id = s.id AND b.generation = s.generation AND b.status <> 'loaded')
     RETURNING ${dueColumns}`,
    [stepId],
  )
  return rows[0] && toDue(rows[0])
}

/** Begins the step's staging afresh, under a version if one is given. Guarded by the claim of the step or of one of its batches. */
export async function restartStep(
  pool: pg.Pool,
  guard: { stepId: string; claim: number } | { stepId: string; batchId: string; claim: number },
  reason: { kind: string; message: string; version?: string },
): Promise<DueStep | undefined> {
  return transaction(pool, async (client) => {
    const { rows } = await client.query<DueRow & { run_id: string; asset: string; generation: number }>(
      `UPDATE millrace.step s SET status = 'preparing', ${nextGeneration},
          version = coalesce($4, version), ${due}
       WHERE id = $1 AND status = ANY($3) AND ${'batchId' in guard ? 'EXISTS (SELECT FROM millrace.batch b WHERE b.id = $5 AND b.claim = $2 AND b.generation = s.generation)' : 's.claim = $2 AND $5::bigint IS NULL'}
       RETURNING ${dueColumns}, run_id, asset, generation`,
      [guard.stepId, guard.claim, statusesWith('restart'), reason.version ?? null, 'batchId' in guard ? guard.batchId : null],
    )
    const row = rows[0]
    if (row === undefined) return undefined
    await dropGenerationsBefore(client, row.id)
    await insertEvents(client, [
      { runId: row.run_id, stepId: row.id, asset: row.asset, kind: reason.kind, level: 'warn', message: reason.message, data: { generation: row.generation } },
    ])
    return toDue(row)
  })
}

export interface StepResult {
  readonly metadata: JsonObject
  /** Of each partition that it made; those that have none here get the step's own. */
  readonly partitions?: Readonly<Record<string, JsonObject>>
  readonly checks?: readonly CheckOutcome[]
  readonly events?: readonly EventInput[]
  /** What its function saw of assets. */
  readonly observed?: readonly SeenAsset[]
}

/** What a step's end made due, and whether its run ended with it. */
export interface StepEnd {
  readonly due: readonly DueStep[]
  readonly runEnded: boolean
  /** Something waits for what became free, or for a slot: a run in the queue, or a step. */
  readonly makesRoom: boolean
}

export async function lockRun(client: pg.PoolClient, stepId: string): Promise<void> {
  // Ends of steps of one run are put in order, so that the last one always sees all others.
  await client.query(`SELECT 1 FROM millrace.run WHERE id = (SELECT run_id FROM millrace.step WHERE id = $1) FOR UPDATE`, [stepId])
}

/** The step's rows are published (or were, by an attempt before): writes it down, and makes downstream steps due. Nothing when it is written down already. */
export async function succeedStep(
  pool: pg.Pool,
  stepId: string,
  result: StepResult,
  as: 'succeeded' | 'superseded' = 'succeeded',
  /** Where nothing else fences it: the claim that must still be the current one. */
  claim?: number,
): Promise<StepEnd | undefined> {
  return transaction(pool, async (client) => {
    await lockRun(client, stepId)
    const from = as === 'superseded' ? statusesWith('supersede') : [...statusesWith('done'), ...statusesWith('reconcile')]
    const { rows } = await client.query<{ run_id: string; location: string; asset: string; partitions: string[] | null; pool: string | null }>(
      `UPDATE millrace.step SET status = $2, result = $3, error = NULL, claimed_by = NULL, ended_at = clock_timestamp()
       WHERE id = $1 AND status = ANY($4) AND ($5::int IS NULL OR claim = $5) RETURNING run_id, location, asset, partitions, pool`,
      [stepId, as, storableJson(result.metadata), from, claim ?? null],
    )
    const step = rows[0]
    if (step === undefined) return undefined
    const where = { runId: step.run_id, stepId, asset: step.asset }
    await recordChecks(client, step, result.checks)
    if (as === 'succeeded') {
      await client.query(`UPDATE millrace.quarantine SET state = 'redriven' WHERE redriven_by = $1 AND state = 'kept'`, [stepId])
      await markAsset(client, step, result.metadata, (key) => result.partitions?.[key] ?? result.metadata)
    }
    const said: EventInput =
      as === 'succeeded'
        ? { ...where, ...materializationOf(step, result.metadata) }
        : { ...where, kind: 'superseded', level: 'warn', message: `A newer run has published ${step.asset} already; this one's rows were left out.` }
    await insertEvents(client, [...(result.events ?? []).map((event) => ({ ...where, ...event })), said])
    await keepObserved(client, { ...step, id: stepId }, result.observed)
    const { due: dueSteps, held } = await readyAfter(client, { runId: step.run_id, asset: step.asset })
    const runEnded = await finishRun(client, step.run_id)
    return { due: dueSteps, runEnded, makesRoom: runEnded || held || step.pool !== null }
  })
}

/** Ends a run whose steps have all ended, or puts it into the queue again where it is to be tried again. True where it no longer runs. */
export async function finishRun(client: Database, runId: string): Promise<boolean> {
  const { rows } = await client.query<{ status: string; launched_by: string }>(
    `UPDATE millrace.run r SET ended_at = clock_timestamp(), status = CASE
        WHEN r.error IS NOT NULL OR EXISTS (SELECT FROM millrace.step WHERE run_id = r.id AND status = 'failed') THEN 'failed'
        WHEN r.status = 'canceling' THEN 'canceled' ELSE 'succeeded' END
     WHERE id = $1 AND status IN ('started', 'canceling')
       AND NOT EXISTS (SELECT FROM millrace.step WHERE run_id = r.id AND status NOT IN ('succeeded', 'failed', 'canceled', 'skipped', 'superseded'))
     RETURNING status, launched_by`,
    [runId],
  )
  const ended = rows[0]
  if (ended === undefined) return false
  if (ended.status === 'failed' && (await queueAgain(client, runId))) return true
  await insertEvents(client, [
    {
      runId,
      kind: 'run ended',
      level: ended.status === 'failed' ? 'error' : 'info',
      message: `The run ${ended.status === 'canceled' ? 'was canceled' : ended.status}.`,
      data: { status: ended.status, ...(ended.status === 'failed' ? await whyFailed(client, runId) : {}) },
    },
  ])
  return true
}

/** Kept with the event: the rows forget it when the run is tried again. */
async function whyFailed(client: Database, runId: string): Promise<{ readonly error?: unknown; readonly failedSteps?: unknown }> {
  const { rows } = await client.query<{ error: unknown; failedSteps: unknown }>(
    `SELECT f -> 'error' AS error, f -> 'failedSteps' AS "failedSteps" FROM millrace.run r, millrace.run_facts(r) f WHERE r.id = $1`,
    [runId],
  )
  return rows[0] ?? {}
}

export type FailureGuard = { readonly stepId: string; readonly claim: number } | { readonly stepId: string; readonly batchId: string; readonly claim: number }

/**
 * A piece of a step's work threw: the step waits for its next attempt, or fails for good and what hangs on it is skipped.
 * Undefined when the claim is no longer the current one: then the error is nobody's.
 */
export async function failStep(
  pool: pg.Pool,
  guard: FailureGuard,
  error: unknown,
  policy: RetryPolicy,
  options: Pick<StepResult, 'checks'> & {
    /** Only fetching from the source again can help: the next attempt begins a new generation. */
    readonly afresh?: boolean
  } = {},
): Promise<(StepEnd & { readonly failed: boolean }) | undefined> {
  return transaction(pool, async (client) => {
    await lockRun(client, guard.stepId)
    const { rows } = await client.query<
      {
        status: StepStatus
        attempt: number
        run_id: string
        location: string
        asset: string
        partitions: string[] | null
        makes: string[] | null
        part_of: string | null
        pool: string | null
        run_status: string
      } & BranchRow
    >(
      `SELECT s.status, s.attempt, s.run_id, s.location, s.asset, s.partitions, s.makes, s.part_of, s.pool, s.template, s.ordinal, s.in_line, r.status AS run_status
       FROM millrace.step s JOIN millrace.run r ON r.id = s.run_id
       WHERE s.id = $1 AND s.status = ANY($4) AND ${'batchId' in guard ? 'EXISTS (SELECT FROM millrace.batch b WHERE b.id = $3 AND b.claim = $2 AND b.generation = s.generation AND b.claimed_by IS NOT NULL)' : 's.claim = $2 AND s.claimed_by IS NOT NULL AND $3::bigint IS NULL'} FOR UPDATE OF s`,
      [guard.stepId, guard.claim, 'batchId' in guard ? guard.batchId : null, statusesWith('fail')],
    )
    const step = rows[0]
    if (step === undefined) return undefined
    if ('batchId' in guard) await client.query(`UPDATE millrace.batch SET claimed_by = NULL, enqueued = enqueued + 1 WHERE id = $1`, [guard.batchId])
    await recordChecks(client, step, options.checks)
    const stored = storableJson(redact(storedError(error)))
    const where = { runId: step.run_id, stepId: guard.stepId, asset: step.asset }
    const message = error instanceof Error ? error.message : String(error)
    if (step.run_status === 'canceling') {
      await client.query(`UPDATE millrace.step SET status = 'canceled', claimed_by = NULL, error = $2, ended_at = clock_timestamp() WHERE id = $1`, [
        guard.stepId,
        stored,
      ])
      const runEnded = await finishRun(client, step.run_id)
      return { due: [], runEnded, makesRoom: runEnded || step.pool !== null, failed: false }
    }
    if (isRetryable(error) && step.attempt <= policy.retries) {
      const wanted = error instanceof MillraceError ? (error.retryAfterMs ?? 0) : 0
      const delayMs = Math.max(wanted, retryDelay(policy, step.attempt, Math.random()))
      const { rows: dueRows } = await client.query<DueRow>(
        `UPDATE millrace.step SET status = 'retrying', resume_status = ${options.afresh === true ? `'preparing', ${nextGeneration}` : 'status'},
            attempt = attempt + 1, error = $2, ${due},
            next_attempt_at = clock_timestamp() + $3 * interval '1 ms' WHERE id = $1 RETURNING ${dueColumns}`,
        [guard.stepId, stored, delayMs],
      )
      if (options.afresh === true) await dropGenerationsBefore(client, guard.stepId)
      await insertEvents(client, [
        {
          ...where,
          kind: 'retry',
          level: 'warn',
          message: `Attempt ${String(step.attempt)} failed: ${sentence(message)} Next attempt in ${(delayMs / 1000).toFixed(1)} s.`,
          data: { error: storedError(error), status: step.status },
        },
      ])
      return { due: dueRows.map((row) => ({ ...toDue(row), delayMs })), runEnded: false, makesRoom: step.pool !== null, failed: false }
    }
    await client.query(
      `UPDATE millrace.step SET status = 'failed', resume_status = status, error = $2, claimed_by = NULL, ended_at = clock_timestamp() WHERE id = $1`,
      [guard.stepId, stored],
    )
    await insertEvents(client, [
      {
        ...where,
        kind: 'failure',
        level: 'error',
        message: `${step.asset} failed: ${message}`,
        data: { error: storedError(error), status: step.status, attempt: step.attempt },
      },
    ])
    // In the order in which those of a success are locked.
    const { partitions } = step
    if (partitions !== null && step.part_of === null)
      for (const asset of step.makes?.toSorted() ?? [step.asset]) await markFailed(client, { ...step, asset, partitions })
    await skipDownstream(client, step.run_id, { asset: step.asset, ...branchOf(step) }, reasonOf(step.asset, options.checks))
    // An op that its asset's value does not hang on is no failure of the asset.
    if (partitions !== null && step.part_of !== null && (await isSkipped(client, step.run_id, step.part_of)))
      await markFailed(client, { ...step, asset: step.part_of, partitions })
    const next = step.in_line ? await nextInLine(client, step.run_id, step.template) : nobody
    const runEnded = await finishRun(client, step.run_id)
    return { due: next.due, runEnded, makesRoom: runEnded || next.held || step.pool !== null, failed: true }
  })
}

/** Whether a step was skipped because of a failure, and not because nothing needs it. */
async function isSkipped(client: Database, runId: string, asset: string): Promise<boolean> {
  const { rowCount } = await client.query(`SELECT 1 FROM millrace.step WHERE run_id = $1 AND asset = $2 AND status = 'skipped' AND NOT unneeded`, [
    runId,
    asset,
  ])
  return rowCount === 1
}
