import * as z from 'zod'
import { tickStatuses } from '../ticks.ts'
import { failure } from './failure.ts'
import { count, json, readRows, time } from './row.ts'
import type { Queryable } from './row.ts'

const ScheduleRow = z.object({
  location: z.string(),
  name: z.string(),
  stopped: z.boolean(),
  lastTickAt: time.nullable(),
  lastTickStatus: z.enum(tickStatuses).nullable(),
  lastTickReason: z.string().nullable(),
  lastTickRuns: z.array(z.uuid()).nullable(),
  lastTickRunId: z.uuid().nullable(),
  lastTickError: failure,
})
export type ScheduleRead = z.output<typeof ScheduleRow>

/** Each known schedule with its newest tick. */
export function readSchedules(db: Queryable): Promise<ScheduleRead[]> {
  return readRows(
    db,
    ScheduleRow,
    `SELECT schedule.location, schedule.name, schedule.stopped, tick.scheduled_at AS "lastTickAt", tick.status AS "lastTickStatus",
            tick.reason AS "lastTickReason", tick.runs AS "lastTickRuns", tick.run_id AS "lastTickRunId", tick.error AS "lastTickError"
     FROM millrace.schedule
     LEFT JOIN LATERAL (
       SELECT * FROM millrace.tick WHERE tick.location = schedule.location AND tick.schedule = schedule.name ORDER BY scheduled_at DESC LIMIT 1
     ) tick ON true
     ORDER BY schedule.location, schedule.name`,
  )
}

const TickRow = z.object({
  scheduledAt: time,
  at: time,
  cause: z.string(),
  status: z.enum(tickStatuses),
  runId: z.uuid().nullable(),
  runs: z.array(z.uuid()),
  known: count,
  reason: z.string().nullable(),
  failures: count,
  error: failure,
  log: z.array(z.record(z.string(), json)),
})
export type ScheduleTickRead = z.output<typeof TickRow>

/** The ticks of a schedule, the newest first; `before` is the time of one. */
export function readScheduleTicks(db: Queryable, location: string, schedule: string, limit: number, before?: string): Promise<ScheduleTickRead[]> {
  return readRows(
    db,
    TickRow,
    `SELECT scheduled_at AS "scheduledAt", at, cause, status, run_id AS "runId", runs, known, reason, failures, error, log FROM millrace.tick
     WHERE location = $1 AND schedule = $2 AND ($3::timestamptz IS NULL OR scheduled_at < $3) ORDER BY scheduled_at DESC LIMIT $4`,
    [location, schedule, before ?? null, limit],
  )
}
