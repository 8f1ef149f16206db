import { storableText } from '../errors.ts'
import type { Database } from './database.ts'

/** A step that waits now and then is news again after this long without. */
const newsAfter = `interval '5 minutes'`

/** Writes down why a step waits for the spool, or that it still does. True where that is news. */
export async function noteSpoolWait(database: Database, stepId: string, reason: string): Promise<boolean> {
  const { rows } = await database.query<{ news: boolean }>(
    `UPDATE millrace.step s SET spool_wait = $2, spool_waited_at = clock_timestamp()
     FROM (SELECT id, spool_waited_at FROM millrace.step WHERE id = $1 FOR UPDATE) old WHERE s.id = old.id
     RETURNING coalesce(old.spool_waited_at < clock_timestamp() - ${newsAfter}, true) AS news`,
    [stepId, storableText(reason)],
  )
  return rows[0]?.news ?? false
}

/** A step got what it waited for. */
export async function endSpoolWait(database: Database, stepId: string): Promise<void> {
  await database.query(`UPDATE millrace.step SET spool_wait = NULL WHERE id = $1 AND spool_wait IS NOT NULL`, [stepId])
}
