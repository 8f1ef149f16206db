import pg from 'pg'
import { currentManifests } from '../catalog/manifests.ts'
import { moment } from '../definitions/moment.ts'
import { driverUrl } from '../postgres.ts'
import { nextTick } from '../producers/schedules.ts'

/** Says which assets are scheduled, and when next. */
export async function printUpcoming(databaseUrl: string, write: (line: string) => void): Promise<void> {
  const client = new pg.Client({ connectionString: driverUrl(databaseUrl), application_name: 'millrace' })
  await client.connect()
  try {
    const { rows } = await client.query<{ location: string; name: string; stopped: boolean }>(`SELECT location, name, stopped FROM millrace.schedule`)
    // What no leader has seen yet is as its definition says.
    const states = new Map(rows.map((row) => [`${row.location}/${row.name}`, row.stopped]))
    const upcoming = (await currentManifests(client)).flatMap(({ manifest }) =>
      manifest.schedules.map((schedule) => {
        const stopped = states.get(`${manifest.location}/${schedule.name}`) ?? schedule.startsStopped
        const when = stopped ? 'stopped' : `next ${moment(nextTick(schedule, new Date()).getTime())}`
        return { when, line: `Scheduled  ${manifest.location}: ${schedule.name} (${schedule.cron.join(', ')} ${schedule.timeZone}), ${when}` }
      }),
    )
    // As everywhere: the next one first, those that are stopped last.
    for (const { line } of upcoming.toSorted((a, b) => (a.when < b.when ? -1 : a.when > b.when ? 1 : 0))) write(line)
  } finally {
    await client.end()
  }
}
