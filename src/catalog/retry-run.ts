import type pg from 'pg'
import { transaction } from './database.ts'
import type { Database } from './database.ts'
import { MillraceError } from '../errors.ts'
import { insertEvents } from './events.ts'
import { comesBack, forgottenError } from './forgotten.ts'
import { unskip } from './resume.ts'
import { dropGenerationsBefore, nextGeneration } from './generation.ts'

// Not a run that took too long, nor one that somebody canceled.
const isTriedAgain = `status = 'failed' AND error IS NULL AND cancel_requested_at IS NULL AND retried < retries`
// Between half and the whole of it (jitter), at most ten minutes.
const retryDue = `clock_timestamp() + least(600000, retry_delay_ms * power(2, least(retried, 20))) * (0.5 + random() / 2) * interval '1 ms'`
// Records that were taken from quarantine are not there a second time.
const fromStart = `(retry_from = 'start' AND NOT EXISTS (SELECT FROM millrace.step WHERE run_id = run.id AND redrive))`

/**
 * Puts a run that has just failed into the queue again, where it is to be tried again: its failed steps and what was skipped for them wait anew,
 * what succeeded stays. One that is to be tried again from its start stays failed, and a run like it is put into the queue. In the transaction that ended it.
 */
export async function queueAgain(client: Database, runId: string): Promise<boolean> {
  if (await queueLike(client, runId)) return true
  const { rows } = await client.query<{ retried: number; retries: number; seconds: number }>(
    `UPDATE millrace.run SET status = 'queued', ended_at = NULL, retried = retried + 1, retry_at = ${retryDue}
     WHERE id = $1 AND ${isTriedAgain} AND NOT ${fromStart}
     RETURNING retried, retries, extract(epoch FROM retry_at - clock_timestamp())::float8 AS seconds`,
    [runId],
  )
  const run = rows[0]
  if (run === undefined) return false
  await reviveSteps(client, runId)
  const message = `The run failed; it is tried again from what failed in ${Math.max(0, run.seconds).toFixed(1)} s (retry ${String(run.retried)} of ${String(run.retries)}).`
  await insertEvents(client, [{ runId, kind: 'run retry', level: 'warn', message, data: { retried: run.retried, retries: run.retries } }])
  return true
}

/**
 * Writes a run like one that has just failed, with all of its steps, where it is to be tried again from its start. What was planned once is not planned anew: it goes on
 * under newer definitions as any run does. Where it is of a backfill its parts are the new run's from now on.
 */
async function queueLike(client: Database, runId: string): Promise<boolean> {
  const { rows } = await client.query<{ id: string; retried: number; retries: number; backfill: string | null; seconds: number }>(
    `WITH failed AS (
       SELECT * FROM millrace.run WHERE id = $1 AND ${isTriedAgain} AND ${fromStart}),
     place AS (
       -- whoever forgets the location waits for the run, and cancels it
       SELECT FROM millrace.location WHERE name = (SELECT location FROM failed) AND forgotten_at IS NULL FOR KEY SHARE),
     next AS (
       INSERT INTO millrace.run (location, version, assets, config, tags, launched_by, status, priority, timeout_ms, retries, retry_delay_ms, retry_from, retried, retry_at, partitions, backfill_id, job, hooks)
       -- launched by who launched the other: a sensor is not handed what its own runs do
       SELECT location, version, assets, config, tags || jsonb_build_object('dagster/parent_run_id', id), launched_by, 'queued', priority, timeout_ms, retries,
         retry_delay_ms, retry_from, retried + 1, ${retryDue}, partitions, backfill_id, job, hooks FROM failed, place
       RETURNING id, retried, retries, retry_at, backfill_id),
     steps AS (
       INSERT INTO millrace.step (run_id, location, version, asset, kind, destination, upstream, status, each_batch, full_refresh, partitions, part_of, collects, makes, pool, slots, hooks)
       -- steps of branches are made once the items are known
       SELECT next.id, s.location, s.version, s.asset, s.kind, s.destination, s.upstream, 'waiting', s.each_batch, s.full_refresh, s.partitions, s.part_of, s.collects, s.makes, s.pool,
         s.slots, s.hooks FROM millrace.step s, next WHERE s.run_id = $1 AND s.template IS NULL)
     UPDATE millrace.run SET retried_by = next.id FROM next WHERE run.id = $1
     RETURNING next.id, next.retried, next.retries, next.backfill_id AS backfill, extract(epoch FROM next.retry_at - clock_timestamp())::float8 AS seconds`,
    [runId],
  )
  const next = rows[0]
  if (next === undefined) return false
  if (next.backfill !== null) await moveParts(client, next.backfill, runId, next.id)
  const { retried, retries, seconds } = next
  const message = `The run failed; the run ${next.id} tries it again from its start in ${Math.max(0, seconds).toFixed(1)} s (retry ${String(retried)} of ${String(retries)}).`
  await insertEvents(client, [
    { runId, kind: 'run retry', level: 'warn', message, data: { retried, retries, by: next.id } },
    { runId: next.id, kind: 'run queued', message: `The run tries the run ${runId} again from its start.` },
  ])
  return true
}

/** By the few parts that are under way, which an index has; of a run that somebody tried again by itself they have failed, or were canceled, before. */
async function moveParts(client: Database, backfill: string, from: string, to: string): Promise<void> {
  for (const statuses of [['running'], ['failed', 'canceled']]) {
    const { rowCount } = await client.query(`UPDATE millrace.backfill_part SET run_id = $3 WHERE backfill_id = $1 AND run_id = $2 AND status = ANY($4)`, [
      backfill,
      from,
      to,
      statuses,
    ])
    if (rowCount !== 0) return
  }
}

/**
 * A person wants a failed run tried again: it goes by the queue, as a launch would; what failed begins anew and what was skipped for it waits again, what succeeded
 * stays. False when the run has not failed.
 * @throws MillraceError `LOCATION_NOT_LOADED` where its location was forgotten, or is not there; `RUN_NOT_FAILED` where another run tries it again
 */
export async function retryRun(pool: pg.Pool, runId: string): Promise<boolean> {
  return transaction(pool, async (client) => {
    await refuseForgotten(client, runId)
    const { rows } = await client.query<{ next: string | null }>(
      `UPDATE millrace.run SET status = 'queued', ended_at = NULL, error = NULL, retry_at = NULL WHERE id = $1 AND status = 'failed' RETURNING retried_by AS next`,
      [runId],
    )
    if (rows[0] === undefined) return false
    if (rows[0].next !== null)
      throw new MillraceError(`The run ${runId} is tried again by the run ${rows[0].next}.`, {
        code: 'RUN_NOT_FAILED',
        hint: `Retry that one, should it fail. All steps are launched anew by: millrace runs retry ${runId.slice(0, 8)} --all`,
      })
    await reviveSteps(client, runId)
    await insertEvents(client, [{ runId, kind: 'run retry', message: 'The run is tried again from what failed, because a person asked for it.' }])
    return true
  })
}

/** Locks the run's location, so that whoever forgets it waits for the run to be in the queue, and cancels it. */
async function refuseForgotten(client: Database, runId: string): Promise<void> {
  const { rows: runs } = await client.query<{ location: string }>(`SELECT location FROM millrace.run WHERE id = $1`, [runId])
  const location = runs[0]?.location
  if (location === undefined) return
  const { rows } = await client.query<{ forgotten: boolean }>(
    `SELECT forgotten_at IS NOT NULL AS forgotten FROM millrace.location WHERE name = $1 FOR KEY SHARE`,
    [location],
  )
  if (rows[0]?.forgotten === false) return
  if (rows[0] !== undefined) throw forgottenError(location)
  throw new MillraceError(`There is no location ${location} any more.`, { code: 'LOCATION_NOT_LOADED', hint: comesBack })
}

async function reviveSteps(client: Database, runId: string): Promise<void> {
  const { rows } = await client.query<{ id: string; kind: string }>(
    `UPDATE millrace.step SET status = 'waiting', resume_status = NULL, attempt = attempt + 1, ${nextGeneration}, error = NULL, ended_at = NULL, cleaned_at = NULL,
        ready_at = NULL, claimed_by = NULL
     WHERE run_id = $1 AND status = 'failed' RETURNING id, kind`,
    [runId],
  )
  // Of an op nothing lies in staging, and there may be thousands of them.
  for (const row of rows) if (row.kind !== 'op') await dropGenerationsBefore(client, row.id)
  await unskip(client, runId)
}
