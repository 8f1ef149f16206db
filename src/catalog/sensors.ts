import type { Json, JsonObject } from '../definitions/json.ts'
import { storableText } from '../errors.ts'
import { redactText } from '../redact.ts'
import type { Database } from './database.ts'
import { storableJson } from './events.ts'
import type { FeedPlace } from './feed.ts'

export const sensorTickStatuses = ['launched', 'notified', 'skipped', 'failed'] as const
export type SensorTickStatus = (typeof sensorTickStatuses)[number]

export interface SensorKey {
  readonly location: string
  readonly sensor: string
}

const lastEvent = `(SELECT last_value FROM millrace.event_number)`

export interface KnownSensor {
  readonly sensor: string
  readonly startsStopped: boolean
  /** It is handed what happens from now on, or from its first start on. */
  readonly watches: boolean
}

/** Makes a location's sensors known, and answers which of them are stopped. */
export async function ensureSensors(database: Database, location: string, sensors: readonly KnownSensor[]): Promise<ReadonlySet<string>> {
  const { rows } = await database.query<{ name: string }>(
    `WITH wanted AS (SELECT w.* FROM unnest($2::text[], $3::boolean[], $4::boolean[]) AS w(name, stopped, watches)),
       made AS (INSERT INTO millrace.sensor (location, name, stopped, seen_event, seen_at)
         SELECT $1, name, stopped, CASE WHEN watches AND NOT stopped THEN ${lastEvent} END, CASE WHEN watches AND NOT stopped THEN clock_timestamp() END
         FROM wanted WHERE name NOT IN (SELECT name FROM millrace.sensor WHERE location = $1) ON CONFLICT DO NOTHING RETURNING name, stopped)
     SELECT name FROM made WHERE stopped
     UNION ALL SELECT s.name FROM millrace.sensor s JOIN wanted w ON w.name = s.name WHERE s.location = $1 AND s.stopped`,
    [location, sensors.map(({ sensor }) => sensor), sensors.map(({ startsStopped }) => startsStopped), sensors.map(({ watches }) => watches)],
  )
  return new Set(rows.map(({ name }) => name))
}

export interface ClaimedSensor extends SensorKey {
  readonly claim: number
  readonly cursor: Json | undefined
  readonly evaluatedAt: Date | undefined
  readonly beganAt: Date
  readonly messages: readonly { readonly id: string; readonly body: Json; readonly receivedAt: Date }[]
  /** How far it has got with what it watches. */
  readonly seen: FeedPlace
}

/** How far a sensor has got with what it watches. */
export async function seenOf(database: Database, { location, name }: { readonly location: string; readonly name: string }): Promise<FeedPlace> {
  const { rows } = await database.query<FeedPlace>(
    `SELECT coalesce(seen_event, ${lastEvent})::text AS event, coalesce(seen_at, clock_timestamp())::text AS at FROM millrace.sensor WHERE location = $1 AND name = $2`,
    [location, name],
  )
  return rows[0] ?? { event: '0', at: new Date().toISOString() }
}

/** As many messages as one evaluation is handed. */
const messagesAtOnce = 1000

/** Claims a sensor for one evaluation; undefined while another has it, and where it is stopped and was not asked for by a person. */
export async function claimSensor(database: Database, { location, sensor }: SensorKey, session: string, byHand: boolean): Promise<ClaimedSensor | undefined> {
  const { rows } = await database.query<{ claim: number; cursor: Json | null; evaluated_at: Date | null; claimed_at: Date; event: string; at: string }>(
    `UPDATE millrace.sensor s SET claim = claim + 1, claimed_by = $3, claimed_at = clock_timestamp(),
       seen_event = coalesce(seen_event, ${lastEvent}), seen_at = coalesce(seen_at, clock_timestamp())
     WHERE location = $1 AND name = $2 AND (NOT stopped OR $4)
       AND (claimed_by IS NULL OR NOT EXISTS (SELECT FROM millrace.process h WHERE h.id = s.claimed_by AND h.lease_until > clock_timestamp()))
       AND EXISTS (SELECT FROM millrace.process me WHERE me.id = $3 AND me.lease_until > clock_timestamp())
     RETURNING claim, cursor, evaluated_at, claimed_at, seen_event::text AS event, seen_at::text AS at`,
    [location, sensor, session, byHand],
  )
  const row = rows[0]
  if (row === undefined) return undefined
  const messages = await database.query<{ id: string; body: Json; receivedAt: Date }>(
    `SELECT id, body, received_at AS "receivedAt" FROM millrace.sensor_message WHERE location = $1 AND sensor = $2 ORDER BY id LIMIT $3`,
    [location, sensor, messagesAtOnce],
  )
  return {
    location,
    sensor,
    claim: row.claim,
    cursor: row.cursor ?? undefined,
    evaluatedAt: row.evaluated_at ?? undefined,
    beganAt: row.claimed_at,
    messages: messages.rows,
    seen: { event: row.event, at: row.at },
  }
}

/**
 * Ends an evaluation that succeeded, in the transaction of its runs: moves the cursor, and drops the messages or passes the events that it was handed.
 * False when another holds the sensor by now.
 */
export async function settleSensor(client: Database, claimed: ClaimedSensor, cursor: Json | undefined, seen: FeedPlace = claimed.seen): Promise<boolean> {
  const { location, sensor, claim, messages, beganAt } = claimed
  const { rowCount } = await client.query(
    `UPDATE millrace.sensor SET claimed_by = NULL, evaluated_at = $4, cursor = CASE WHEN $5 THEN $6::jsonb ELSE cursor END,
       seen_event = $7, seen_at = $8
     WHERE location = $1 AND name = $2 AND claim = $3 AND claimed_by IS NOT NULL`,
    [location, sensor, claim, beganAt, cursor !== undefined, cursor === undefined ? null : storableJson(cursor), seen.event, seen.at],
  )
  if (rowCount !== 1) return false
  if (messages.length > 0) await client.query(`DELETE FROM millrace.sensor_message WHERE id = ANY($1::bigint[])`, [messages.map(({ id }) => id)])
  return true
}

/** Gives a sensor back without anything of its evaluation. */
export async function releaseSensor(database: Database, { location, sensor, claim }: ClaimedSensor): Promise<boolean> {
  const { rowCount } = await database.query(
    `UPDATE millrace.sensor SET claimed_by = NULL WHERE location = $1 AND name = $2 AND claim = $3 AND claimed_by IS NOT NULL`,
    [location, sensor, claim],
  )
  return rowCount === 1
}

export interface SensorTick {
  readonly cause: string
  readonly status: SensorTickStatus
  readonly reason?: string | undefined
  readonly runs?: readonly string[]
  readonly known?: number
  /** How many notifications it asked for, and how many events it was handed. */
  readonly notifications?: number
  readonly handed?: number
  /** As `storedError` has it, without secrets. */
  readonly error?: unknown
  readonly log: readonly JsonObject[]
}

/** Writes an evaluation down. One that skips for the same reason as the last is counted there, so that a quiet sensor costs no rows. */
export async function recordSensorTick(client: Database, { location, sensor, beganAt }: ClaimedSensor, tick: SensorTick): Promise<void> {
  const reason = tick.reason === undefined ? null : storableText(redactText(tick.reason))
  if (tick.status === 'skipped' && tick.log.length === 0) {
    const { rowCount } = await client.query(
      `UPDATE millrace.sensor_tick SET repeated = repeated + 1, handed = handed + $4, ended_at = clock_timestamp()
       WHERE id = (SELECT id FROM millrace.sensor_tick WHERE location = $1 AND sensor = $2 ORDER BY id DESC LIMIT 1)
         AND status = 'skipped' AND log = '[]' AND reason IS NOT DISTINCT FROM $3`,
      [location, sensor, reason, tick.handed ?? 0],
    )
    if (rowCount === 1) return
  }
  await client.query(
    `INSERT INTO millrace.sensor_tick (location, sensor, cause, began_at, status, reason, runs, known, error, log, notifications, handed)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [
      location,
      sensor,
      tick.cause,
      beganAt,
      tick.status,
      reason,
      tick.runs ?? [],
      tick.known ?? 0,
      tick.error === undefined ? null : storableJson(tick.error),
      storableJson(tick.log),
      tick.notifications ?? 0,
      tick.handed ?? 0,
    ],
  )
}

/** Asks for an evaluation now: answers the number of the delivery that is wanted, or undefined where there is no such sensor. */
export async function askForEvaluation(client: Database, { location, sensor }: SensorKey): Promise<number | undefined> {
  const { rows } = await client.query<{ asked: number }>(
    `UPDATE millrace.sensor SET asked = asked + 1, asked_at = clock_timestamp() WHERE location = $1 AND name = $2 RETURNING asked`,
    [location, sensor],
  )
  return rows[0]?.asked
}

/** Keeps what a webhook brought, for the next evaluation. */
export async function keepMessage(client: Database, { location, sensor }: SensorKey, body: Json): Promise<void> {
  await client.query(`INSERT INTO millrace.sensor_message (location, sensor, body) VALUES ($1, $2, $3)`, [location, sensor, storableJson(body)])
}

/** Of these sensors, those with messages that nobody took for a while (the delivery was lost, or the worker died), each with the number of the delivery that was asked for last. */
export async function forgottenSensors(database: Database, inForce: readonly SensorKey[]): Promise<(SensorKey & { readonly asked: number })[]> {
  const { rows } = await database.query<SensorKey & { asked: number }>(
    `SELECT s.location, s.name AS sensor, s.asked FROM millrace.sensor s JOIN unnest($1::text[], $2::text[]) AS known(location, name) USING (location, name)
     WHERE NOT s.stopped
       AND EXISTS (SELECT FROM millrace.sensor_message m WHERE m.location = s.location AND m.sensor = s.name AND m.received_at < clock_timestamp() - interval '2 s')
       AND (s.asked_at IS NULL OR s.asked_at < clock_timestamp() - interval '2 s')
       AND NOT EXISTS (SELECT FROM millrace.process h WHERE h.id = s.claimed_by AND h.lease_until > clock_timestamp()) LIMIT 100`,
    [inForce.map(({ location }) => location), inForce.map(({ sensor }) => sensor)],
  )
  return rows
}

export async function setSensorStopped(database: Database, { location, sensor }: SensorKey, stopped: boolean): Promise<boolean> {
  const { rowCount } = await database.query(
    `UPDATE millrace.sensor SET stopped = $3,
       seen_event = CASE WHEN $3 THEN seen_event ELSE coalesce(seen_event, ${lastEvent}) END,
       seen_at = CASE WHEN $3 THEN seen_at ELSE coalesce(seen_at, clock_timestamp()) END
     WHERE location = $1 AND name = $2`,
    [location, sensor, stopped],
  )
  return rowCount === 1
}
