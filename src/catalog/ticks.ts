import * as z from 'zod'
import type { Database } from './database.ts'
import type { JsonObject } from '../definitions/json.ts'
import { storableJson } from './events.ts'
import { storableText } from '../errors.ts'
import { redactText } from '../redact.ts'

export const tickStatuses = ['launched', 'skipped', 'failed'] as const

/** How often a tick that failed is tried again. */
export const mostRetries = 3

export interface ScheduleKey {
  readonly location: string
  readonly schedule: string
}

export interface TickKey extends ScheduleKey {
  /** ISO 8601. */
  readonly scheduledAt: string
}

/**
 * Begins to write a tick down, in the transaction of its runs. Undefined where it is over already: it is never started twice. Another that is at it is waited for; one that
 * failed is taken up again.
 */
export async function beginTick(client: Database, key: TickKey, cause: string): Promise<string | undefined> {
  const { rows } = await client.query<{ id: string }>(
    `INSERT INTO millrace.tick AS t (location, schedule, scheduled_at, cause, status) VALUES ($1, $2, $3, $4, 'skipped')
     ON CONFLICT (location, schedule, scheduled_at) DO UPDATE SET status = 'skipped', at = clock_timestamp() WHERE t.status = 'failed' RETURNING id`,
    [key.location, key.schedule, key.scheduledAt, cause],
  )
  return rows[0]?.id
}

export interface TickEnd {
  readonly runs: readonly string[]
  readonly known: number
  readonly reason: string | undefined
  readonly log: readonly JsonObject[]
}

/** Writes down what came of a tick that was begun in this transaction. */
export async function endTick(client: Database, id: string, { runs, known, reason, log }: TickEnd): Promise<void> {
  await client.query(`UPDATE millrace.tick SET status = $2, run_id = $3, runs = $4, known = $5, reason = $6, log = $7 WHERE id = $1`, [
    id,
    runs.length > 0 ? 'launched' : 'skipped',
    runs[0] ?? null,
    runs,
    known,
    reason === undefined ? null : storableText(redactText(reason)),
    storableJson(log),
  ])
}

/**
 * Writes down that a tick came to nothing. Answers how often it has by now; undefined where it is over, by somebody else.
 * @param error as `storedError` has it, without secrets
 */
export async function failTick(database: Database, key: TickKey, cause: string, error: unknown, log: readonly JsonObject[]): Promise<number | undefined> {
  const { rows } = await database.query<{ failures: number }>(
    `INSERT INTO millrace.tick AS t (location, schedule, scheduled_at, cause, status, error, log, failures) VALUES ($1, $2, $3, $4, 'failed', $5, $6, 1)
     ON CONFLICT (location, schedule, scheduled_at) DO UPDATE SET error = excluded.error, log = excluded.log, failures = t.failures + 1, at = clock_timestamp()
       WHERE t.status = 'failed' RETURNING failures`,
    [key.location, key.schedule, key.scheduledAt, cause, storableJson(error), storableJson(log)],
  )
  return rows[0]?.failures
}

/** Of these slots those that nobody has evaluated, or that failed and whose next try was lost; with how often they failed. `unsettled`: how many are not over yet. */
export async function openSlots(
  database: Database,
  { location, schedule }: ScheduleKey,
  slots: readonly Date[],
): Promise<{ readonly open: readonly { readonly scheduledAt: string; readonly failures: number }[]; readonly unsettled: number }> {
  const { rows } = await database.query<{ slot: Date; failures: number; lost: boolean }>(
    `SELECT s.slot, coalesce(t.failures, 0) AS failures, t.id IS NULL OR t.at < clock_timestamp() - interval '60 s' AS lost FROM unnest($3::timestamptz[]) s(slot)
     LEFT JOIN millrace.tick t ON t.location = $1 AND t.schedule = $2 AND t.scheduled_at = s.slot
     WHERE t.id IS NULL OR (t.status = 'failed' AND t.failures <= $4) ORDER BY s.slot`,
    [location, schedule, slots.map((slot) => slot.toISOString()), mostRetries],
  )
  const open = rows.filter(({ lost }) => lost).map(({ slot, failures }) => ({ scheduledAt: slot.toISOString(), failures }))
  return { open, unsettled: rows.length }
}

/** Every slot up to one was evaluated, or is not to be made up for. */
export async function settleSchedule(database: Database, { location, schedule }: ScheduleKey, through: Date): Promise<void> {
  await database.query(`UPDATE millrace.schedule SET settled_at = greatest(settled_at, $3) WHERE location = $1 AND name = $2`, [
    location,
    schedule,
    through.toISOString(),
  ])
}

export interface ScheduleState {
  readonly stopped: boolean
  readonly firstSeen: Date
  readonly settledAt: Date | undefined
  readonly hasTicked: boolean
}

/**
 * Makes a location's schedules known, and answers their states by name. What went by while no definitions in force had one was not missed: it counts as first seen when
 * it is back.
 */
export async function ensureSchedules(
  database: Database,
  location: string,
  schedules: readonly { readonly name: string; readonly startsStopped: boolean }[],
): Promise<ReadonlyMap<string, ScheduleState>> {
  if (schedules.length === 0) return new Map()
  const names = schedules.map(({ name }) => name)
  await database.query(
    `INSERT INTO millrace.schedule AS s (location, name, stopped) SELECT $1, w.name, w.stopped FROM unnest($2::text[], $3::boolean[]) AS w(name, stopped)
     WHERE w.name NOT IN (SELECT name FROM millrace.schedule WHERE location = $1 AND gone_at IS NULL)
     ON CONFLICT (location, name) DO UPDATE SET first_seen = clock_timestamp(), gone_at = NULL WHERE s.gone_at IS NOT NULL`,
    [location, names, schedules.map(({ startsStopped }) => startsStopped)],
  )
  const { rows } = await database.query<{ name: string; stopped: boolean; first_seen: Date; settled_at: Date | null; has_ticked: boolean }>(
    `SELECT name, stopped, first_seen, settled_at, EXISTS (SELECT FROM millrace.tick t WHERE t.location = s.location AND t.schedule = s.name) AS has_ticked
     FROM millrace.schedule s WHERE location = $1 AND name = ANY($2)`,
    [location, names],
  )
  return new Map(
    rows.map((row) => [row.name, { stopped: row.stopped, firstSeen: row.first_seen, settledAt: row.settled_at ?? undefined, hasTicked: row.has_ticked }]),
  )
}

/** Writes down which schedules the definitions in force no longer have. */
export async function markGoneSchedules(database: Database, inForce: readonly ScheduleKey[]): Promise<void> {
  await database.query(
    `UPDATE millrace.schedule s SET gone_at = clock_timestamp() WHERE gone_at IS NULL
       AND NOT EXISTS (SELECT FROM unnest($1::text[], $2::text[]) AS known(location, name) WHERE known.location = s.location AND known.name = s.name)`,
    [inForce.map(({ location }) => location), inForce.map(({ schedule }) => schedule)],
  )
}

/** How far a schedule of new partitions has got. */
const Mark = z.union([z.object({ through: z.iso.datetime() }), z.object({ ordinal: z.string() })])
export type Mark = z.infer<typeof Mark>

export interface ScheduleMark {
  readonly firstSeen: Date
  readonly mark: Mark | undefined
}

/** Reads how far a schedule has got; with `lock` nobody else moves it on until the transaction ends. */
export async function readMark(client: Database, { location, schedule }: ScheduleKey, lock: boolean): Promise<ScheduleMark> {
  const { rows } = await client.query<{ first_seen: Date; mark: unknown }>(
    `SELECT first_seen, mark FROM millrace.schedule WHERE location = $1 AND name = $2 ${lock ? 'FOR UPDATE' : ''}`,
    [location, schedule],
  )
  const row = rows[0]
  return { firstSeen: row?.first_seen ?? new Date(), mark: Mark.safeParse(row?.mark).data }
}

export async function moveMark(client: Database, { location, schedule }: ScheduleKey, mark: Mark): Promise<void> {
  await client.query(`UPDATE millrace.schedule SET mark = $3 WHERE location = $1 AND name = $2`, [location, schedule, JSON.stringify(mark)])
}

/**
 * Stops a schedule, or starts it. What went by while it was stopped was not missed, and is not caught up: it counts as first seen now.
 * @returns false where there is no such schedule
 */
export async function setScheduleStopped(database: Database, location: string, name: string, stopped: boolean): Promise<boolean> {
  const { rowCount } = await database.query(
    `UPDATE millrace.schedule SET first_seen = CASE WHEN stopped AND NOT $3 THEN clock_timestamp() ELSE first_seen END, stopped = $3 WHERE location = $1 AND name = $2`,
    [location, name, stopped],
  )
  return rowCount === 1
}
