import { requestCancel } from '../catalog/cancel.ts'
import { MillraceError } from '../errors.ts'
import type { SweepDeps } from './free-claims.ts'

/** Has runs end that take longer than they may: they are canceled, and fail for that reason. */
export async function endLateRuns({ pool, logger }: Pick<SweepDeps, 'pool' | 'logger'>): Promise<void> {
  const { rows } = await pool.query<{ id: string; timeoutMs: string }>(
    `SELECT id, timeout_ms AS "timeoutMs" FROM millrace.run WHERE status = 'started' AND deadline_at < clock_timestamp() LIMIT 100`,
  )
  for (const { id, timeoutMs } of rows) {
    const error = new MillraceError(`The run took longer than ${String(Number(timeoutMs) / 1000)} s, which is all that it may.`, {
      code: 'RUN_TIMEOUT',
      hint: 'See by its log which step took so long; or raise the timeout of the run, its schedule or its location.',
    })
    logger.warn({ run: id }, error.message)
    await requestCancel(pool, id, error)
  }
}
