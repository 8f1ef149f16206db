import type pg from 'pg'
import { knownInstead } from '../definitions/known-instead.ts'
import { MillraceError } from '../errors.ts'
import type { StoredError } from '../errors.ts'
import { cancelWaitingParts, endBackfill, settleParts } from './backfills.ts'
import { notifyCanceled } from './change-feed.ts'
import { transaction } from './database.ts'
import type { Database } from './database.ts'
import { insertEvents, storableJson } from './events.ts'
import { comesBack } from './forgotten.ts'
import { readLocationNames } from './read/locations.ts'
import type { Unfinished } from './read/locations.ts'
import { lockRunQueue } from './run-queue.ts'
import { endedInSql } from './step-states.ts'
import { finishRun } from './steps.ts'

/** What ended with a location: runs and backfills that were canceled, notifications and calls of hooks that were given up. */
export interface ForgottenLocation extends Unfinished {
  readonly location: string
}

/**
 * Forgets a location that nobody works: from the commit on it has no definitions in force, so nothing of it is listed, ticks or is launched, and what of it waits has
 * ended with a reason. Its history stays, and what is known of it otherwise (what is stopped, cursors, keys, limits) is kept for a worker that comes back with it.
 * @param by who wants it; told in the reason
 * @throws MillraceError `LOCATION_UNKNOWN`; `LOCATION_IN_USE` while a worker of it is alive
 */
export async function forgetLocation(pool: pg.Pool, location: string, by: string): Promise<ForgottenLocation> {
  return transaction(pool, async (client) => {
    // Whoever launches locks these first and the location after them (`insertRun`): so does this, and neither waits for the other for ever.
    const backfills = await lockBackfills(client, location)
    await client.query(`SELECT FROM millrace.automation WHERE location = $1 FOR UPDATE`, [location])
    await lockLocation(client, location)
    // Asked after the lock: a worker that registers while it is held brings the location back once it is let go.
    await refuseWhileWorked(client, location)
    const reason: StoredError = {
      name: 'MillraceError',
      code: 'LOCATION_FORGOTTEN',
      message: `The location ${location} was forgotten by ${by}: no worker of it was alive.`,
      hint: comesBack,
    }
    const runs = await cancelRuns(client, location, reason)
    for (const id of backfills) await cancelBackfill(client, id, reason.message)
    // Hooks of runs that had failed before are written at the commit, else.
    await client.query(`SET CONSTRAINTS millrace.run_hooks IMMEDIATE`)
    const notifications = await giveUpOutbox(client, location, reason)
    await client.query(
      // Its folder may be another location's by now, whose errors are told of that one.
      `UPDATE millrace.location SET version = NULL, error = NULL, folder = NULL, forgotten_at = clock_timestamp(), forgotten_by = $2, unscheduled = false WHERE name = $1`,
      [location, by],
    )
    return { location, runs, backfills: backfills.length, notifications }
  })
}

async function lockBackfills(client: Database, location: string): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `SELECT id FROM millrace.backfill WHERE location = $1 AND status IN ('running', 'canceling') ORDER BY id FOR UPDATE`,
    [location],
  )
  return rows.map(({ id }) => id)
}

async function lockLocation(client: Database, location: string): Promise<void> {
  const { rowCount } = await client.query(`SELECT FROM millrace.location WHERE name = $1 AND forgotten_at IS NULL FOR UPDATE`, [location])
  if (rowCount === 1) return
  throw unknownLocation(location, await readLocationNames(client))
}

/** There is no location of a name. */
export function unknownLocation(location: string, known: readonly string[]): MillraceError {
  return new MillraceError(`There is no location ${location}.`, {
    code: 'LOCATION_UNKNOWN',
    hint: knownInstead(location, known, { what: 'locations', list: 'millrace locations list' }),
  })
}

const mostNamed = 5

async function refuseWhileWorked(client: Database, location: string): Promise<void> {
  const { rows } = await client.query<{ host: string; pid: number }>(
    `SELECT host, pid FROM millrace.process WHERE role = 'worker' AND lease_until > clock_timestamp() AND versions ? $1 ORDER BY started_at, id`,
    [location],
  )
  if (rows.length === 0) return
  const named = rows.slice(0, mostNamed).map(({ host, pid }) => `process ${String(pid)} on ${host}`)
  const more = rows.length > mostNamed ? ` and ${String(rows.length - mostNamed)} more` : ''
  throw new MillraceError(`The location ${location} is worked, by ${named.join(', ')}${more}: only one without workers can be forgotten.`, {
    code: 'LOCATION_IN_USE',
    hint: 'Take it out of their project, or stop them; one that was killed is gone within seconds.',
  })
}

/** No worker is alive that could let go of anything: whatever has not ended ends here. What was published all the same is found in the ledger, once a worker is back. */
async function cancelRuns(client: Database, location: string, reason: StoredError): Promise<number> {
  // Whoever starts what waits holds this, too: a run is started before, and canceled here, or stays where it is.
  await lockRunQueue(client)
  const { rows } = await client.query<{ id: string }>(
    `SELECT id FROM millrace.run WHERE location = $1 AND status IN ('queued', 'started', 'canceling') ORDER BY id FOR UPDATE`,
    [location],
  )
  const ids = rows.map(({ id }) => id)
  if (ids.length === 0) return 0
  await client.query(
    `UPDATE millrace.run SET status = 'canceling', cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()) WHERE id = ANY($1)`,
    [ids],
  )
  await insertEvents(
    client,
    ids.map((runId) => ({ runId, kind: 'cancel', level: 'warn', message: reason.message, data: { error: reason } })),
  )
  await client.query(
    `UPDATE millrace.step SET status = 'canceled', claimed_by = NULL, ended_at = clock_timestamp() WHERE run_id = ANY($1) AND status NOT IN ${endedInSql}`,
    [ids],
  )
  for (const id of ids) {
    await finishRun(client, id)
    await notifyCanceled(client, id)
  }
  // After its end: a run that ends with an error has failed.
  await client.query(`UPDATE millrace.run SET error = $2 WHERE id = ANY($1) AND status = 'canceled'`, [ids, storableJson(reason)])
  return ids.length
}

async function cancelBackfill(client: Database, id: string, reason: string): Promise<void> {
  await client.query(`UPDATE millrace.backfill SET status = 'canceling' WHERE id = $1`, [id])
  await settleParts(client, id)
  await cancelWaitingParts(client, id)
  await endBackfill(client, id)
  await client.query(`UPDATE millrace.backfill SET problem = $2 WHERE id = $1`, [id, reason])
}

async function giveUpOutbox(client: Database, location: string, reason: StoredError): Promise<number> {
  const hint = 'Once a worker has brought the location back: `millrace notifications retry`.'
  const { rowCount } = await client.query(
    `UPDATE millrace.outbox SET status = 'failed', claimed_by = NULL, error = $2, ended_at = clock_timestamp() WHERE location = $1 AND status IN ('waiting', 'working')`,
    [location, storableJson({ ...reason, hint })],
  )
  return rowCount ?? 0
}
