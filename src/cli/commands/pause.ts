import { Command } from '@commander-js/extra-typings'
import { pauseRuns, readPauses } from '../../catalog/pauses.ts'
import { moment } from '../../definitions/moment.ts'
import { checkLocation } from '../check-location.ts'
import { readEnvironment } from '../environment.ts'
import { operator } from '../operator.ts'
import { placeName } from '../pauses/place.ts'
import { withCatalog } from '../with-client.ts'

export function pauseCommand() {
  return new Command('pause')
    .description('Have nothing new start: runs stay in the queue, steps that are ready wait. What runs goes on.')
    .argument('[location]', 'only this code location; without, everything')
    .option('-r, --reason <text>', 'shown to whoever asks why nothing starts')
    .action(async (location = '', { reason }) => {
      await withCatalog(readEnvironment().config, 'pause', async (client) => {
        if (location !== '') await checkLocation(client, location)
        const fresh = await pauseRuns(client, location, operator(), reason)
        const pause = (await readPauses(client)).find((one) => one.location === location)
        const who = fresh || pause === undefined ? '' : ` already, by ${pause.by} since ${moment(pause.since.toISOString())}`
        process.stdout.write(`Paused ${placeName(location)}${who}. \`millrace resume${location === '' ? '' : ` ${location}`}\` ends it.\n`)
      })
    })
}
