import type pg from 'pg'
import { transaction } from './database.ts'
import { forgetFences } from './forgotten-fences.ts'

const batchSize = 100

/** Where the walk through old runs is: the end and the id of the last one that was looked at. */
export interface RunPlace {
  readonly endedAt: string
  readonly id: string
}

/**
 * What keeps a run, however old: it was the last to materialize an asset or to check one, has records in quarantine, or left something in staging and
 * spool that was not yet removed.
 */
const isNeeded = `
  EXISTS (SELECT FROM millrace.asset a WHERE a.run_id = r.id) OR EXISTS (SELECT FROM millrace.check_result c WHERE c.run_id = r.id)
  OR EXISTS (SELECT FROM millrace.quarantine q WHERE q.run_id = r.id)
  OR EXISTS (SELECT FROM millrace.step s WHERE s.run_id = r.id AND s.cleaned_at IS NULL AND s.ended_at IS NOT NULL)`

export interface ForgetRunsOptions {
  /** Days that a run is kept after its end; 0: for ever. */
  readonly days: number
  /** Where to go on; from the oldest when absent. */
  readonly after?: RunPlace | undefined
  /** What time it is; by default as `EventDaysOptions.now`. */
  readonly now?: Date
}

/**
 * Looks at the next runs that ended long ago and removes those that nothing needs, with their steps and batches, and has their fences removed; their events go by day.
 * Answers where to go on; undefined when all that are old enough were looked at.
 */
export async function forgetRuns(pool: pg.Pool, { days, after, now }: ForgetRunsOptions): Promise<{ removed: number; next: RunPlace | undefined }> {
  if (days === 0) return { removed: 0, next: undefined }
  return transaction(pool, async (client) => {
    const { rows: page } = await client.query<{ id: string; endedAt: string }>(
      `SELECT id, ended_at::text AS "endedAt" FROM millrace.run
       WHERE ended_at < coalesce($1::timestamptz, least(clock_timestamp(), $2::timestamptz)) - make_interval(days => $3)
         AND (ended_at, id) > (coalesce($4::timestamptz, '-infinity'), coalesce($5::uuid, '00000000-0000-0000-0000-000000000000'))
       ORDER BY ended_at, id LIMIT $6`,
      [now?.toISOString() ?? null, new Date().toISOString(), days, after?.endedAt ?? null, after?.id ?? null, batchSize],
    )
    // Whoever revives a step of one locks it first, and is left alone.
    const { rows: free } = await client.query<{ id: string }>(
      `SELECT id FROM millrace.run r WHERE id = ANY($1) AND ended_at IS NOT NULL AND status IN ('succeeded', 'failed', 'canceled') AND NOT (${isNeeded})
       FOR UPDATE SKIP LOCKED`,
      [page.map(({ id }) => id)],
    )
    await forgetFences(
      client,
      free.map(({ id }) => id),
    )
    const { rowCount } = await client.query(`DELETE FROM millrace.run WHERE id = ANY($1)`, [free.map(({ id }) => id)])
    const last = page.at(-1)
    return { removed: rowCount ?? 0, next: page.length === batchSize ? last : undefined }
  })
}
