import type { Database } from './database.ts'

/** Days that ticks and backfills are kept; 0: for ever. */
export interface HistoryKept {
  readonly scheduleTicks: number
  readonly sensorTicks: number
  readonly backfills: number
}

const batchSize = 1000

/** By whichever clock is behind: one that is ahead removes nothing too soon. `$1` is this process's time, `$2` the days. */
const cut = `least(clock_timestamp(), $1::timestamptz) - make_interval(days => $2)`

/**
 * Each removes those whose days are over, a batch at a time; answers how many.
 * A schedule's last tick stays, and those that are not settled: a slot without a tick would count as missed.
 */
const statements: Readonly<Record<keyof HistoryKept, string>> = {
  scheduleTicks: `DELETE FROM millrace.tick WHERE id IN (
    SELECT t.id FROM millrace.tick t LEFT JOIN millrace.schedule s ON s.location = t.location AND s.name = t.schedule
    WHERE t.at < ${cut} AND (s.name IS NULL OR t.scheduled_at <= greatest(s.settled_at, s.first_seen))
      AND EXISTS (SELECT FROM millrace.tick n WHERE n.location = t.location AND n.schedule = t.schedule AND n.scheduled_at > t.scheduled_at)
    ORDER BY t.at LIMIT $3)`,
  sensorTicks: `DELETE FROM millrace.sensor_tick WHERE id IN (
    SELECT t.id FROM millrace.sensor_tick t WHERE t.ended_at < ${cut}
      AND EXISTS (SELECT FROM millrace.sensor_tick n WHERE n.location = t.location AND n.sensor = t.sensor AND n.id > t.id)
    ORDER BY t.ended_at LIMIT $3)`,
  // Each takes up to 100,000 partitions with it. One whose run was tried again is not over.
  backfills: `DELETE FROM millrace.backfill WHERE id IN (
    SELECT b.id FROM millrace.backfill b WHERE b.ended_at < ${cut} AND b.status IN ('succeeded', 'failed', 'canceled')
      AND NOT EXISTS (SELECT FROM millrace.run r WHERE r.backfill_id = b.id AND r.ended_at IS NULL)
    ORDER BY b.ended_at LIMIT greatest(1, $3 / 100) FOR UPDATE SKIP LOCKED)`,
}

/** What there is to be kept for some days. */
export const historyKinds = ['scheduleTicks', 'sensorTicks', 'backfills'] as const satisfies readonly (keyof HistoryKept)[]

export interface ForgetHistoryOptions {
  readonly kind: keyof HistoryKept
  readonly days: number
  /** What time it is. Default: by this process's clock. */
  readonly now?: Date
}

/** Removes what is old enough of a kind, one batch of it; `more`: there may be more. */
export async function forgetHistory(
  database: Database,
  { kind, days, now = new Date() }: ForgetHistoryOptions,
): Promise<{ readonly removed: number; readonly more: boolean }> {
  if (days === 0) return { removed: 0, more: false }
  const { rowCount } = await database.query(statements[kind], [now.toISOString(), days, batchSize])
  const removed = rowCount ?? 0
  return { removed, more: removed >= (kind === 'backfills' ? batchSize / 100 : batchSize) }
}
