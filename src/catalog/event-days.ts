import type pg from 'pg'
import { DatabaseError } from 'pg'
import { transaction } from './database.ts'
import { retentions } from './event-retention.ts'
import type { EventDays, Retention } from './event-retention.ts'

/** Days that have a partition before they come. */
const daysAhead = 4
/** So far from midnight nobody writes an event of the other day any more, in ms. */
const marginMs = 3_600_000
/** More rows than this of a day without a partition stay where they are until their days are over: moving them would take too long for one statement. */
const mostMoved = 200_000
const deletedAtOnce = 10_000
const dayMs = 86_400_000

export interface EventDaysReport {
  /** Partitions that were made, by name. */
  readonly made: readonly string[]
  /** Partitions that went, with all that was in them. */
  readonly dropped: readonly string[]
  /** Events that lay outside of any day's partition and are in one now; and that were removed there. */
  readonly moved: number
  readonly removed: number
  /** Partitions that somebody held a lock on: to be tried again soon. */
  readonly busy: readonly string[]
}

export interface EventDaysOptions {
  readonly days: EventDays
  /** What time it is; by default the database's clock. What is too old goes by the earlier of that and this machine's: one clock set wrong removes nothing. */
  readonly now?: Date
}

const dayOf = (time: number): number => Math.floor(time / dayMs)
const dateOf = (day: number): string => new Date(day * dayMs).toISOString().slice(0, 10)
const nameOf = (retention: Retention, day: number): string => `event_${retention}_${dateOf(day).replaceAll('-', '')}`

/**
 * Makes the partitions of the days to come, gives events that lie outside of any partition the one of their day, and drops the partitions of days that
 * are over. Nothing waits for a lock for more than a moment. Safe to run at any time, and by several at once.
 */
export async function keepEventDays(pool: pg.Pool, { days, now }: EventDaysOptions): Promise<EventDaysReport> {
  const { rows } = await pool.query<{ now: Date }>(`SELECT clock_timestamp() AS now`)
  const time = (now ?? rows[0]?.now ?? new Date()).getTime()
  const earlier = now === undefined ? Math.min(time, Date.now()) : time
  const report = { made: [] as string[], dropped: [] as string[], busy: [] as string[], moved: 0, removed: 0 }
  for (const retention of retentions) {
    const there = await partitionDays(pool, retention)
    // The first day that is kept.
    const first = days[retention] === 0 ? Number.NEGATIVE_INFINITY : dayOf(earlier) - days[retention]
    for (const day of there.filter((one) => one < first)) {
      const name = nameOf(retention, day)
      const done = await unlessBusy(() => dropDay(pool, name))
      report[done === undefined ? 'busy' : 'dropped'].push(name)
      // Whoever holds one is likely to hold the next, and each try keeps writers waiting.
      if (done === undefined) break
    }
    if (first > Number.NEGATIVE_INFINITY) report.removed += await removeStray(pool, retention, dateOf(first))
    const strays = await strayDays(pool, retention)
    const ahead = Array.from({ length: daysAhead }, (_, index) => dayOf(time) + 1 + index)
    const wanted = new Set([...ahead, ...strays.filter(({ count }) => count <= mostMoved).map(({ day }) => day)])
    // A partition is never attached for a day that somebody may be writing to: a row on its way to the one for all others would be refused.
    const quiet = [...wanted].filter((day) => (day * dayMs > time + marginMs && day <= dayOf(time) + daysAhead) || (day + 1) * dayMs < time - marginMs)
    for (const day of quiet.filter((one) => one >= first && !there.includes(one)).toSorted((a, b) => a - b)) {
      const name = nameOf(retention, day)
      const moved = await unlessBusy(() => addDay(pool, retention, day))
      if (moved !== undefined) report.moved += moved
      report[moved === undefined ? 'busy' : 'made'].push(name)
      if (moved === undefined) break
    }
  }
  return report
}

/** The days, counted from 1970-01-01 UTC, that have a partition. */
async function partitionDays(pool: pg.Pool, retention: Retention): Promise<number[]> {
  const { rows } = await pool.query<{ date: string }>(
    `SELECT substring(c.relname FROM '_(\\d{8})$') AS date FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = to_regclass('millrace.event_' || $1) AND c.relname ~ '_\\d{8}$' ORDER BY 1`,
    [retention],
  )
  return rows.map(({ date }) => dayOf(Date.parse(`${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}T00:00:00Z`)))
}

async function strayDays(pool: pg.Pool, retention: Retention): Promise<{ day: number; count: number }[]> {
  const { rows } = await pool.query<{ date: string; count: number }>(
    `SELECT ((at AT TIME ZONE 'UTC')::date)::text AS date, count(*)::int AS count FROM millrace.event_${retention}_other GROUP BY 1`,
  )
  return rows.map(({ date, count }) => ({ day: dayOf(Date.parse(`${date}T00:00:00Z`)), count }))
}

/** Makes a day's partition with what lies in the one for all others. Attached, not created in place: that lets readers and writers be. */
async function addDay(pool: pg.Pool, retention: Retention, day: number): Promise<number> {
  const [parent, name] = [`millrace.event_${retention}`, `millrace.${nameOf(retention, day)}`]
  const [from, until] = [`${dateOf(day)} 00:00:00+00`, `${dateOf(day + 1)} 00:00:00+00`]
  return transaction(pool, async (client) => {
    await client.query(`SET LOCAL lock_timeout = '200ms'`)
    await client.query(`CREATE TABLE ${name} (LIKE ${parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)`)
    const { rowCount } = await client.query(
      `WITH gone AS (DELETE FROM ${parent}_other WHERE at >= '${from}' AND at < '${until}' RETURNING *) INSERT INTO ${name} SELECT * FROM gone`,
    )
    await client.query(`ALTER TABLE ${parent} ATTACH PARTITION ${name} FOR VALUES FROM ('${from}') TO ('${until}')`)
    return rowCount ?? 0
  })
}

async function dropDay(pool: pg.Pool, name: string): Promise<boolean> {
  return transaction(pool, async (client) => {
    await client.query(`SET LOCAL lock_timeout = '200ms'`)
    await client.query(`DROP TABLE IF EXISTS millrace.${name}`)
    return true
  })
}

/** Removes what is too old and has no partition: of installations that were not kept for long, and of clocks that were set back. */
async function removeStray(pool: pg.Pool, retention: Retention, first: string): Promise<number> {
  const other = `millrace.event_${retention}_other`
  const { rowCount } = await pool.query(
    `DELETE FROM ${other} WHERE ctid = ANY(ARRAY(SELECT ctid FROM ${other} WHERE at < $1::timestamp AT TIME ZONE 'UTC' LIMIT ${String(deletedAtOnce)}))`,
    [first],
  )
  return rowCount ?? 0
}

// A lock that was not to be had, a deadlock given up; or another leader made the same one.
const busyCodes = new Set(['55P03', '40P01', '42P07', '23505'])

async function unlessBusy<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action()
  } catch (error) {
    if (error instanceof DatabaseError && busyCodes.has(error.code ?? '')) return undefined
    throw error
  }
}
