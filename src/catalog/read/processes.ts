import * as z from 'zod'
import { readRows, time } from './row.ts'
import type { Queryable } from './row.ts'

const ProcessRow = z.object({
  id: z.uuid(),
  role: z.enum(['worker', 'producers', 'board']),
  host: z.string(),
  pid: z.int(),
  /** Queue kinds worked; workers only. */
  queues: z.array(z.string()),
  /** Location → manifest version; workers only. */
  versions: z.record(z.string(), z.string()),
  problem: z.string().nullable(),
  startedAt: time,
})
export type ProcessRead = z.output<typeof ProcessRow>

/** The processes whose lease has not run out. */
export function readLiveProcesses(db: Queryable): Promise<ProcessRead[]> {
  return readRows(
    db,
    ProcessRow,
    `SELECT id, role, host, pid, queues, versions, problem, started_at AS "startedAt"
     FROM millrace.process WHERE lease_until > clock_timestamp() ORDER BY role, started_at, id`,
  )
}
