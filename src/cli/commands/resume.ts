import { Command } from '@commander-js/extra-typings'
import { readPauses, resumeRuns } from '../../catalog/pauses.ts'
import { checkLocation } from '../check-location.ts'
import { readEnvironment } from '../environment.ts'
import { placeName } from '../pauses/place.ts'
import { withCatalog } from '../with-client.ts'

export function resumeCommand() {
  return new Command('resume')
    .description('End a pause: what waits starts within a second.')
    .argument('[location]', 'the code location that was paused; without, the pause of everything')
    .action(async (location = '') => {
      await withCatalog(readEnvironment().config, 'resume', async (client) => {
        if (location !== '') await checkLocation(client, location)
        const was = await resumeRuns(client, location)
        const others = (await readPauses(client)).map((one) => placeName(one.location))
        const still = others.length === 0 ? '' : ` Still paused: ${others.join(', ')}.`
        const what = placeName(location)
        process.stdout.write(was ? `Resumed ${what}.${still}\n` : `${what.charAt(0).toUpperCase()}${what.slice(1)} was not paused.${still}\n`)
      })
    })
}
