import { Command } from '@commander-js/extra-typings'
import { readLimitUses, resetLimit, setLimit } from '../../catalog/run-limits.ts'
import type { LimitRead } from '../../catalog/run-limits.ts'
import { readLocationNames } from '../../catalog/read/locations.ts'
import { knownInstead } from '../../definitions/known-instead.ts'
import { wholeNumber } from '../argument.ts'
import { checkLocation } from '../check-location.ts'
import { readEnvironment } from '../environment.ts'
import { operator } from '../operator.ts'
import { createStandardOutput } from '../standard-output.ts'
import { formatTable } from '../table-output.ts'
import { withCatalog } from '../with-client.ts'

const examples = `
Examples:
  millrace limits set 50                              # of the whole installation
  millrace limits set 10 --location shop
  millrace limits set 2 --location shop --tag team    # for each team
  millrace limits set 1 --tag team=a
  millrace limits reset --location shop`

export function limitsCommand() {
  return new Command('limits')
    .description('How many runs go on at once; the others wait in the queue: see it, change it.')
    .addHelpText('after', examples)
    .addCommand(listCommand().exitOverride(), { isDefault: true })
    .addCommand(setCommand().exitOverride())
    .addCommand(resetCommand().exitOverride())
}

function listCommand() {
  return new Command('list')
    .description('Each limit, and how many runs it counts.')
    .option('--json', 'print an array of objects')
    .action(async ({ json }) => {
      const limits = await withCatalog(readEnvironment().config, 'limits', readLimitUses)
      const text = json === true ? `${JSON.stringify(limits, null, 2)}\n` : limits.length === 0 ? 'There is no limit on runs.\n' : limitTable(limits)
      await createStandardOutput().write(text)
    })
}

function limitTable(limits: readonly LimitRead[]): string {
  const right = { align: 'right' as const }
  return formatTable(
    [{ name: 'of' }, { name: 'tag' }, { name: 'runs', ...right }, { name: 'go on', ...right }, { name: 'set' }],
    limits.map((one) => [
      one.location === '' ? 'everything' : one.location,
      one.tag === '' ? '' : one.value === '' ? `each ${one.tag}` : `${one.tag}=${one.value}`,
      one.runs === null ? 'any' : String(one.runs),
      String(one.used),
      one.setBy === null ? '' : `by ${one.setBy}${one.declared === null ? '' : ` (declared: ${String(one.declared)})`}`,
    ]),
  )
}

interface LimitOptions {
  readonly location?: string | undefined
  readonly tag?: string | undefined
}

const limitOf = ({ location = '', tag = '' }: LimitOptions) => {
  const [name = '', ...value] = tag.split('=')
  return { location, tag: name, value: value.join('=') }
}
const described = ({ location, tag, value }: ReturnType<typeof limitOf>): string =>
  `${location === '' ? 'everything' : location}${tag === '' ? '' : value === '' ? `, each ${tag}` : `, ${tag}=${value}`}`

function setCommand() {
  return new Command('set')
    .description('Limit runs, whatever definitions declare. What goes on is let be.')
    .argument('<runs>', 'how many at once, or any', (value) => (value === 'any' ? null : wholeNumber(value)))
    .option('-l, --location <name>', 'only runs of this code location')
    .option('-t, --tag <name[=value]>', 'only runs with this tag: with that value, or for each value by itself')
    .action(async (runs, options) => {
      const limit = limitOf(options)
      const known = await withCatalog(readEnvironment().config, 'limits', async (client) => {
        await setLimit(client, { ...limit, runs }, operator())
        return readLocationNames(client)
      })
      process.stdout.write(`Of ${described(limit)}, ${runs === null ? 'any number of runs' : `at most ${String(runs)} run${runs === 1 ? '' : 's'}`} at once.\n`)
      // It may be set before the first worker of a location starts; more often it is a slip.
      if (limit.location !== '' && !known.includes(limit.location)) process.stdout.write(notYet(limit.location, known))
    })
}

const notYet = (location: string, known: readonly string[]): string =>
  `There is no location ${location}: this is kept for a worker that starts with it. ${knownInstead(location, known, { what: 'locations', list: 'millrace locations list' })}\n`

function resetCommand() {
  return new Command('reset')
    .description('Go back to what definitions declare.')
    .option('-l, --location <name>', 'of this code location')
    .option('-t, --tag <name[=value]>', 'of this tag')
    .action(async (options) => {
      const limit = limitOf(options)
      const there = await withCatalog(readEnvironment().config, 'limits', async (client) => {
        const was = await resetLimit(client, limit)
        if (!was) await checkLocation(client, options.location, { past: true })
        return was
      })
      process.stdout.write(there ? `Of ${described(limit)}, as many runs as are declared.\n` : `Nobody had set a limit of ${described(limit)}.\n`)
    })
}
