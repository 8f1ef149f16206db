import * as z from 'zod'
import { readRows, time } from './row.ts'
import type { Queryable } from './row.ts'

const OutageRow = z.object({
  location: z.string(),
  destination: z.string(),
  reason: z.string(),
  since: time,
  host: z.string(),
  pid: z.int(),
})
export type OutageRead = z.output<typeof OutageRow>

/** What keeps live workers from destinations, as far as they found it so in the last half minute. The longest outages first. */
export function readOutages(db: Queryable): Promise<OutageRead[]> {
  return readRows(
    db,
    OutageRow,
    `SELECT outage.location, outage.destination, outage.reason, outage.since, process.host, process.pid
     FROM millrace.outage JOIN millrace.process ON process.id = outage.process
     WHERE process.lease_until > clock_timestamp() AND outage.seen_at > clock_timestamp() - interval '30 s' ORDER BY outage.since, process.id`,
  )
}
