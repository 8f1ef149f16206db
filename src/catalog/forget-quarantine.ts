import type pg from 'pg'
import { transaction } from './database.ts'
import { insertEvents } from './events.ts'
import { nobodyHas, othersAreIn } from './quarantine.ts'

/** How many days records stay in quarantine. */
export interface QuarantineDays {
  /** Those that are kept, and whose load is in its table without them. 0: for ever. */
  readonly kept: number
  /** Those that were discarded or redriven, or whose load came to nothing. 0: for ever. */
  readonly settled: number
}

const batchSize = 1000

/**
 * Looks at the next records after one and removes those whose days are over; never one that is being redriven. Kept ones that go are told in the
 * log of their run. Answers after which record to go on; undefined when all that are old enough were looked at.
 */
export async function forgetQuarantine(
  pool: pg.Pool,
  { kept, settled }: QuarantineDays,
  after: string,
): Promise<{ removed: number; next: string | undefined }> {
  if (kept === 0 && settled === 0) return { removed: 0, next: undefined }
  return transaction(pool, async (client) => {
    // Ids count up with time, so the walk ends where one is too young for either.
    const { rows: page } = await client.query<{ id: string; old: boolean }>(
      `SELECT id::text AS id, at < clock_timestamp() - make_interval(days => $2) AS old FROM millrace.quarantine WHERE id > $1::bigint ORDER BY quarantine.id LIMIT $3`,
      [after, Math.min(...[kept, settled].filter((days) => days > 0)), batchSize],
    )
    const { rows: removed } = await client.query<{ runId: string; stepId: string; asset: string; lost: boolean }>(
      `DELETE FROM millrace.quarantine q USING millrace.step o
       WHERE q.id = ANY($1::bigint[]) AND o.id = q.step_id AND (q.state <> 'kept' OR ${nobodyHas})
         AND o.status IN ('succeeded', 'failed', 'canceled', 'skipped', 'superseded')
         AND CASE WHEN q.state = 'kept' AND ${othersAreIn} THEN $2 > 0 AND q.at < clock_timestamp() - make_interval(days => $2)
             ELSE $3 > 0 AND q.at < clock_timestamp() - make_interval(days => $3) END
       RETURNING q.run_id AS "runId", q.step_id AS "stepId", q.asset, q.state = 'kept' AND ${othersAreIn} AS lost`,
      [page.filter((row) => row.old).map((row) => row.id), kept, settled],
    )
    const lost = Map.groupBy(
      removed.filter((row) => row.lost),
      (row) => row.stepId,
    )
    await insertEvents(
      client,
      [...lost].map(([stepId, rows]) => ({
        runId: rows[0]?.runId,
        stepId,
        asset: rows[0]?.asset,
        kind: 'quarantine',
        level: 'warn' as const,
        message: `${String(rows.length)} records that nobody redrove were removed from quarantine after ${String(kept)} days.`,
      })),
    )
    const last = page.at(-1)
    return { removed: removed.length, next: page.length === batchSize && last?.old === true ? last.id : undefined }
  })
}
