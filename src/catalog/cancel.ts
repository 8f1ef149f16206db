import type pg from 'pg'
import { notifyCanceled } from './change-feed.ts'
import { transaction } from './database.ts'
import { storedError } from '../errors.ts'
import type { MillraceError } from '../errors.ts'
import { insertEvents, storableJson } from './events.ts'
import { endedByHolderInSql, statusesWith } from './step-states.ts'
import type { RunStatus } from './step-states.ts'
import { finishRun } from './steps.ts'

/**
 * Asks for a run to end. What has not reached its publishing ends at once: its claims are void from the commit on. What is
 * publishing, computing or running either commits or, told by its worker's signal, gives up; the run ends with it. One that is `late` fails for that reason.
 */
export async function requestCancel(pool: pg.Pool, runId: string, late?: MillraceError): Promise<'canceling' | 'ended' | 'unknown'> {
  return transaction(pool, async (client) => {
    const { rows } = await client.query<{ status: RunStatus }>(`SELECT status FROM millrace.run WHERE id = $1 FOR UPDATE`, [runId])
    const status = rows[0]?.status
    if (status === undefined) return 'unknown'
    if (status !== 'queued' && status !== 'started' && status !== 'canceling') return 'ended'
    await client.query(`UPDATE millrace.run SET status = 'canceling', cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()) WHERE id = $1`, [
      runId,
    ])
    if (late === undefined && status !== 'canceling') {
      await insertEvents(client, [{ runId, kind: 'cancel', level: 'warn', message: 'Somebody asked for the run to be canceled.' }])
    }
    if (late !== undefined && status !== 'canceling') {
      await client.query(`UPDATE millrace.run SET error = $2 WHERE id = $1`, [runId, storableJson(storedError(late))])
      await insertEvents(client, [{ runId, kind: 'timeout', level: 'error', message: late.message, data: { error: storedError(late) } }])
      await noteFailures(client, runId)
    }
    await client.query(
      `UPDATE millrace.step SET status = 'canceled', claimed_by = NULL, ended_at = clock_timestamp()
       WHERE run_id = $1 AND (status = ANY($2) OR (status IN ${endedByHolderInSql} AND claimed_by IS NULL))`,
      [runId, statusesWith('cancel')],
    )
    await finishRun(client, runId)
    await notifyCanceled(client, runId)
    return 'canceling'
  })
}

/** What a run that took too long did not come to make has failed, though its steps are canceled. In the order in which the end of one step notes what it makes. */
async function noteFailures(client: pg.PoolClient, runId: string): Promise<void> {
  await client.query(
    `INSERT INTO millrace.asset_failure (location, asset, run_id, step, failed_at, error)
     SELECT DISTINCT ON (made.asset COLLATE "C") s.location, made.asset, r.id, s.asset, clock_timestamp(), r.error - 'stack' - 'cause'
     FROM millrace.run r JOIN millrace.step s ON s.run_id = r.id CROSS JOIN unnest(coalesce(s.makes, ARRAY[coalesce(s.part_of, s.asset)])) AS made(asset)
     WHERE r.id = $1 AND s.ended_at IS NULL AND (s.kind <> 'op' OR s.part_of IS NOT NULL) ORDER BY made.asset COLLATE "C", s.asset
     ON CONFLICT (location, asset) DO UPDATE SET run_id = excluded.run_id, step = excluded.step, failed_at = excluded.failed_at, error = excluded.error`,
    [runId],
  )
}
