import { transaction } from '../../../catalog/database.ts'
import { MillraceError } from '../../../errors.ts'
import type { LaunchDeps } from '../launch.ts'
import { advanceBackfill } from './advance.ts'

/**
 * Launches nothing more of a backfill, and asks its runs to end.
 * @returns `ended` where it was over before
 * @throws MillraceError `UNKNOWN_BACKFILL`
 */
export async function cancelBackfill(deps: LaunchDeps, id: string): Promise<'canceling' | 'ended'> {
  const { rowCount } = await deps.pool.query(`UPDATE millrace.backfill SET status = 'canceling' WHERE id = $1 AND status IN ('running', 'canceling')`, [id])
  if (rowCount === 0) {
    await requireBackfill(deps, id)
    return 'ended'
  }
  await advanceBackfill(deps, id)
  return 'canceling'
}

/**
 * Makes again what of a backfill failed, was skipped or canceled.
 * @returns how many parts
 * @throws MillraceError `UNKNOWN_BACKFILL`, `BACKFILL_CANCELING`, `BACKFILL_NOT_FAILED` where there is nothing to make again
 */
export async function retryBackfill(deps: LaunchDeps, id: string): Promise<number> {
  await requireBackfill(deps, id)
  const { parts, known } = await transaction(deps.pool, async (client) => {
    const { rows } = await client.query<{ status: string }>(`SELECT status FROM millrace.backfill WHERE id = $1 FOR UPDATE`, [id])
    if (rows[0]?.status === 'canceling') {
      throw new MillraceError('The backfill is being canceled.', { code: 'BACKFILL_CANCELING', hint: 'Retry it once its runs have ended.' })
    }
    // A run that somebody retried by itself may have made it meanwhile, or be about to.
    const settled = await client.query(
      `UPDATE millrace.backfill_part p SET status = CASE WHEN r.status = 'succeeded' THEN 'succeeded' ELSE 'running' END FROM millrace.run r
       WHERE p.backfill_id = $1 AND p.status IN ('failed', 'canceled') AND r.id = p.run_id AND r.status IN ('succeeded', 'queued', 'started', 'canceling')`,
      [id],
    )
    const { rowCount } = await client.query(
      `UPDATE millrace.backfill_part SET status = 'waiting', run_id = NULL WHERE backfill_id = $1 AND status IN ('failed', 'skipped', 'canceled')`,
      [id],
    )
    const changed = { parts: rowCount ?? 0, known: settled.rowCount ?? 0 }
    if (changed.parts + changed.known > 0) await client.query(`UPDATE millrace.backfill SET status = 'running', ended_at = NULL WHERE id = $1`, [id])
    return changed
  })
  if (parts + known === 0) {
    throw new MillraceError('Nothing of the backfill failed, was skipped or canceled.', {
      code: 'BACKFILL_NOT_FAILED',
      hint: 'To make all of it again, start another one.',
    })
  }
  await advanceBackfill(deps, id)
  return parts
}

async function requireBackfill({ pool }: LaunchDeps, id: string): Promise<void> {
  const { rowCount } = await pool.query(`SELECT 1 FROM millrace.backfill WHERE id = $1`, [id])
  if (rowCount === 0) throw new MillraceError(`There is no backfill ${id}.`, { code: 'UNKNOWN_BACKFILL', hint: '`millrace backfills list` shows them.' })
}
