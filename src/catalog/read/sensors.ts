import * as z from 'zod'
import { sensorTickStatuses } from '../sensors.ts'
import { failure } from './failure.ts'
import { count, json, readRows, time } from './row.ts'
import type { Queryable } from './row.ts'

const SensorTickRow = z.object({
  id: z.string(),
  cause: z.string(),
  beganAt: time,
  endedAt: time,
  status: z.enum(sensorTickStatuses),
  reason: z.string().nullable(),
  runs: z.array(z.uuid()),
  known: count,
  notifications: count,
  handed: count,
  error: failure,
  log: z.array(z.record(z.string(), json)),
  repeated: count,
})
export type SensorTickRead = z.output<typeof SensorTickRow>

const tickColumns = `t.id::text AS id, t.cause, t.began_at AS "beganAt", t.ended_at AS "endedAt", t.status, t.reason, t.runs, t.known, t.notifications, t.handed, t.error, t.log, t.repeated`

/** The evaluations of a sensor, the newest first; `before` is the id of one. */
export function readSensorTicks(db: Queryable, location: string, sensor: string, limit: number, before?: string): Promise<SensorTickRead[]> {
  return readRows(
    db,
    SensorTickRow,
    `SELECT ${tickColumns} FROM millrace.sensor_tick t WHERE location = $1 AND sensor = $2 AND ($3::bigint IS NULL OR id < $3) ORDER BY t.id DESC LIMIT $4`,
    [location, sensor, before ?? null, limit],
  )
}

const SensorRow = z.object({
  location: z.string(),
  name: z.string(),
  stopped: z.boolean(),
  cursor: json.nullable(),
  messages: count,
  evaluating: z.boolean(),
  lastTick: SensorTickRow.nullable(),
})
export type SensorRead = z.output<typeof SensorRow>

/** Each known sensor with its newest tick. */
export async function readSensors(db: Queryable): Promise<SensorRead[]> {
  const { rows } = await db.query<Record<string, unknown>>(
    `SELECT s.location, s.name, s.stopped, s.cursor, (SELECT count(*) FROM millrace.sensor_message m WHERE m.location = s.location AND m.sensor = s.name) AS messages,
       EXISTS (SELECT FROM millrace.process h WHERE h.id = s.claimed_by AND h.lease_until > clock_timestamp()) AS evaluating, ${tickColumns}
     FROM millrace.sensor s LEFT JOIN LATERAL (SELECT * FROM millrace.sensor_tick t WHERE t.location = s.location AND t.sensor = s.name ORDER BY id DESC LIMIT 1) t ON true
     ORDER BY s.location, s.name`,
  )
  return z.array(SensorRow).parse(rows.map((row) => ({ ...row, lastTick: row['id'] === null ? null : row })))
}
