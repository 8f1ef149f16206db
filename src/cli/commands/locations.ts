import { Command } from '@commander-js/extra-typings'
import { forget, forgetView } from '../../api/locations.ts'
import { createPool } from '../../catalog/database.ts'
import { describeUnfinished, readLocationStandings } from '../../catalog/read/locations.ts'
import type { LocationStanding } from '../../catalog/read/locations.ts'
import { moment } from '../../definitions/moment.ts'
import { harmless } from '../argument.ts'
import { confirm } from '../confirm.ts'
import { readEnvironment } from '../environment.ts'
import { requireInstallation } from '../installation.ts'
import { operator } from '../operator.ts'
import { createStandardOutput } from '../standard-output.ts'
import { formatTable, shortened } from '../table-output.ts'
import { withCatalog } from '../with-client.ts'

export function locationsCommand() {
  return new Command('locations')
    .description('List code locations, and forget those that are gone for good.')
    .addCommand(listCommand().exitOverride(), { isDefault: true })
    .addCommand(forgetCommand().exitOverride())
}

function listCommand() {
  return new Command('list')
    .description('Each code location: its version in force, its workers, when one was last seen, and why its definitions do not load.')
    .option('--json', 'print an array of objects')
    .action(async ({ json }) => {
      const all = await withCatalog(readEnvironment().config, 'locations', readLocationStandings)
      await createStandardOutput().write(
        json === true ? `${JSON.stringify(all, null, 2)}\n` : all.length === 0 ? 'No code location is known yet.\n' : tableOf(all),
      )
    })
}

function tableOf(all: readonly LocationStanding[]): string {
  return formatTable(
    [{ name: 'location' }, { name: 'state' }, { name: 'version' }, { name: 'workers', align: 'right' }, { name: 'last seen' }, { name: 'says' }],
    all.map((one) => [one.name, one.state, one.version ?? 'none', workersOf(one), moment(one.lastSeenAt), saysOf(one)]),
  )
}

/** How many, and how many of those hold another version than that in force. */
function workersOf({ workers, version }: LocationStanding): string {
  const all = Object.values(workers).reduce((sum, one) => sum + one, 0)
  const others = all - (version === null ? 0 : (workers[version] ?? 0))
  return others === 0 ? String(all) : `${String(all)} (${String(others)} of other versions)`
}

const saysOf = ({ error, notice, longUnseen, name }: LocationStanding): string =>
  shortened(harmless(error?.message ?? notice ?? (longUnseen ? `gone for good? millrace locations forget ${name}` : '')).replaceAll(/\s+/g, ' '), 200)

function forgetCommand() {
  return new Command('forget')
    .description('Forget a code location that no worker holds any more: nothing of it is listed or starts, what waits is canceled, its history stays.')
    .argument('<location>', 'the code location')
    .option('--yes', 'do not ask back')
    .addHelpText('after', '\nRefused while a worker of it is alive. A worker that starts with it brings it back.')
    .action(async (name, { yes }) => {
      const { config, logger } = readEnvironment()
      const { databaseUrl } = await requireInstallation(config)
      const pool = createPool({ url: databaseUrl, max: 2, name: 'millrace locations', logger })
      try {
        const { lastSeenAt, ends } = await forgetView({ pool }, name)
        const question = `Forget ${name}, of which a worker was last seen ${moment(lastSeenAt)}${ends === '' ? '' : `, and cancel ${ends}`}?`
        if (yes !== true && !(await confirm(question))) return
        const ended = describeUnfinished(await forget({ pool, logger }, name, operator()))
        process.stdout.write(`${name} is forgotten${ended === '' ? '' : `; ${ended} ended with it`}. A worker that starts with it brings it back.\n`)
      } finally {
        await pool.end()
      }
    })
}
