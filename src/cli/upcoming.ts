import pg from 'pg'
import { currentManifests } from '../catalog/manifests.ts'
import { driverUrl } from '../postgres.ts'
import { nextTick } from '../producers/schedules.ts'

/** Says which assets are scheduled, and when next. */
export async function printUpcoming(databaseUrl: string, write: (line: string) => void): Promise<void> {
  const client = new pg.Client({ connectionString: driverUrl(databaseUrl), application_name: 'millrace' })
  await client.connect()
  try {
    const { rows } = await client.query<{ location: string; name: string }>(`SELECT location, name FROM millrace.schedule WHERE stopped`)
    const stopped = new Set(rows.map((row) => `${row.location}/${row.name}`))
    for (const { manifest } of await currentManifests(client)) {
      for (const schedule of manifest.schedules) {
        const when = stopped.has(`${manifest.location}/${schedule.name}`) ? 'stopped' : `next ${nextTick(schedule, new Date()).toISOString()}`
        write(`Scheduled  ${manifest.location}: ${schedule.name} (${schedule.cron.join(', ')} ${schedule.timeZone}), ${when}`)
      }
    }
  } finally {
    await client.end()
  }
}
