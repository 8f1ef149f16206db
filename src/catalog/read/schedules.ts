import * as z from 'zod'
import { failure } from './failure.ts'
import { readRows, time } from './row.ts'
import type { Queryable } from './row.ts'

const ScheduleRow = z.object({
  location: z.string(),
  name: z.string(),
  stopped: z.boolean(),
  lastTickAt: time.nullable(),
  lastTickStatus: z.enum(['launched', 'failed']).nullable(),
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
            tick.run_id AS "lastTickRunId", tick.error AS "lastTickError"
     FROM millrace.schedule
     LEFT JOIN LATERAL (
       SELECT * FROM millrace.tick WHERE tick.location = schedule.location AND tick.schedule = schedule.name ORDER BY scheduled_at DESC LIMIT 1
     ) tick ON true
     ORDER BY schedule.location, schedule.name`,
  )
}
