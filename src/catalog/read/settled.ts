import * as z from 'zod'
import { mostBackdatedMs } from '../events.ts'
import { readRows } from './row.ts'
import type { Queryable } from './row.ts'

const Horizon = z.object({
  /** The highest number that was drawn. */
  last: z.string(),
  /** Transactions that write events, which may yet commit lower ones. */
  writers: z.array(z.string()),
  /** What was logged before this was drawn before any of them began. */
  before: z.string().nullable(),
})

/**
 * Who writes events holds this lock from before it draws a number until after its commit is seen. So the number is read first, the locks second:
 * whoever drew one up to it is then among the holders, or done.
 */
const ask = `
  WITH drawn AS MATERIALIZED (SELECT last_value FROM millrace.event_number)
  SELECT drawn.last_value::text AS last, writer.ids AS writers, (writer.began - $1 * interval '1 ms')::text AS before
  FROM drawn CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(l.virtualtransaction), '{}') AS ids,
           CASE WHEN count(*) = count(a.xact_start) THEN min(a.xact_start) ELSE '-infinity' END AS began
    FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE drawn.last_value IS NOT NULL AND l.locktype = 'relation' AND l.relation = 'millrace.event'::regclass AND l.mode = 'RowExclusiveLock' AND l.granted
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.pid IS DISTINCT FROM pg_backend_pid()) writer`

export interface Settled {
  /** No event up to this number is still to come. */
  readonly last: string
  /** Where somebody who writes did not finish: only what was logged before this, up to the first that was not. */
  readonly before: string | null
}

/**
 * Up to which number the event log is settled. Events are numbered before they are committed: whoever reads on by number must not pass one that is yet
 * to come. Waits for those who write, a few ms as a rule, and no longer than the patience for one that stands still.
 */
export async function readSettled(db: Queryable, patienceMs = 1000): Promise<Settled> {
  const margin = [mostBackdatedMs]
  const [first] = await readRows(db, Horizon, ask, margin)
  if (first === undefined) throw new Error('the sequence of events has no row')
  let waiting = new Set(first.writers)
  let before = first.before
  const start = performance.now()
  for (let delay = 2; waiting.size > 0 && performance.now() - start < patienceMs; delay = Math.min(delay * 2, 50)) {
    await new Promise((resolve) => setTimeout(resolve, delay))
    const [now] = await readRows(db, Horizon, ask, margin)
    // Whoever began since draws higher numbers.
    waiting = new Set(now?.writers.filter((id) => waiting.has(id)))
    before = now?.before ?? before
  }
  return { last: first.last, before: waiting.size === 0 ? null : before }
}
