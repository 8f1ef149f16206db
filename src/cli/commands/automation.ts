import { isDeepStrictEqual } from 'node:util'
import { Command } from '@commander-js/extra-typings'
import { automatedLocation, automationHistory, listAutomation } from '../../api/automation.ts'
import type { AssetHistory, Automation } from '../../api/automation.ts'
import { askForAutomation, setAutomationStopped } from '../../catalog/automation.ts'
import { currentManifests } from '../../catalog/manifests.ts'
import { createLocationReader } from '../../catalog/read/locations.ts'
import { moment } from '../../definitions/moment.ts'
import { MillraceError } from '../../errors.ts'
import { answerOf } from '../../producers/automation/judge.ts'
import { tryAutomation } from '../../producers/automation/tick.ts'
import { redact } from '../../redact.ts'
import { harmless, wholeNumber } from '../argument.ts'
import { listCommand } from '../automation/subcommands.ts'
import { outcomeText } from '../automation/outcome-text.ts'
import { withAutomation } from '../automation/with-automation.ts'
import type { Pool } from '../automation/with-automation.ts'
import { createStandardOutput } from '../standard-output.ts'
import { formatTable, shortened } from '../table-output.ts'

const examples = `
Examples:
  millrace automation list
  millrace automation show retail/summary
  millrace automation stop retail
  millrace automation tick --dry-run`

export function automationCommand() {
  const list = listCommand({
    description: 'Every asset that has a condition, and what its condition was found to be.',
    withPool,
    none: 'No asset has a condition.',
    table: automationTable,
  })
  return new Command('automation')
    .description('List automation conditions, see why an asset was started or was not, start and stop them, try them.')
    .addHelpText('after', examples)
    .addCommand(list.exitOverride())
    .addCommand(showCommand().exitOverride())
    .addCommand(switchCommand('start').exitOverride())
    .addCommand(switchCommand('stop').exitOverride())
    .addCommand(tickCommand().exitOverride())
}

const withPool = <T>(use: (pool: Pool, all: readonly Automation[]) => Promise<T>): Promise<T> =>
  withAutomation('automation', (parts) => listAutomation(parts), use)

function automationTable(all: readonly Automation[]): string {
  const failed = all.flatMap(({ location, error }) =>
    error === null ? [] : [`The conditions of ${location} cannot be evaluated: ${harmless(error.message)}\n`],
  )
  const table = formatTable(
    [{ name: 'asset' }, { name: 'location' }, { name: 'condition' }, { name: 'state' }, { name: 'since' }, { name: 'says' }],
    all.flatMap(({ location, stopped, assets }) =>
      assets.map((one) => [
        one.asset,
        location,
        shortened(one.condition, 60),
        stopped ? 'stopped' : (one.answer ?? 'not yet'),
        one.since === null ? '' : moment(one.since),
        shortened(harmless(one.reason ?? ''), 120),
      ]),
    ),
  )
  return [...failed, table].join('')
}

function showCommand() {
  return new Command('show')
    .description('Why an asset was started, or was not: each part of its condition at present, and the evaluations that are kept.')
    .argument('<asset>', 'its key')
    .option('--location <name>', 'where several code locations have it')
    .option('--limit <evaluations>', 'how many', wholeNumber, 5)
    .option('--json', 'print an object')
    .action(async (asset, { location, limit, json }) => {
      const history = await withPool(async (pool) => {
        const found = await automatedLocation({ pool, locations: createLocationReader() }, asset, location)
        return automationHistory({ pool }, found, asset, { limit })
      })
      await createStandardOutput().write(json === true ? `${JSON.stringify(redact(history), null, 2)}\n` : historyText(history))
    })
}

function historyText({ answer, reason, since, outcome, evaluations }: AssetHistory): string {
  if (answer === null || since === null) return 'It was not evaluated yet.\n'
  const past = evaluations.map((one) => {
    const runs = one.runs.length === 0 ? '' : `  runs ${one.runs.map((id) => id.slice(0, 8)).join(', ')}`
    const error = one.error === null ? '' : `  ${harmless(one.error.message)}\n`
    // What stands at the top already needs no second picture.
    const parts = isDeepStrictEqual(one.outcome, outcome) ? '' : outcomeText(one.outcome)
    return `${moment(one.at)}  ${one.answer}${runs}  ${harmless(one.reason)}\n${error}${parts}`
  })
  const present = `${answer} since ${moment(since)}: ${harmless(reason ?? '')}\n${outcomeText(outcome)}`
  return past.length === 0 ? present : [present, 'Evaluations that asked for something, or answered otherwise than the one before:\n', ...past].join('\n')
}

/** The one location that is meant. @throws MillraceError `UNKNOWN_AUTOMATION`, `LOCATION_AMBIGUOUS` */
function findLocation(all: readonly Automation[], location: string | undefined): string {
  const [found, ...others] = all.filter((one) => location === undefined || one.location === location)
  if (found === undefined) {
    throw new MillraceError(location === undefined ? 'No location has conditions.' : `The location ${location} has no conditions.`, {
      code: 'UNKNOWN_AUTOMATION',
      hint: all.length === 0 ? 'An asset gets one by `automation`: eager(), for one.' : `These have: ${all.map((one) => one.location).join(', ')}.`,
    })
  }
  if (others.length > 0) throw ambiguous([found, ...others])
  return found.location
}

const ambiguous = (found: readonly Automation[]): MillraceError =>
  new MillraceError(`Several locations are meant: ${found.map((one) => one.location).join(', ')}.`, { code: 'LOCATION_AMBIGUOUS', hint: 'Name one of them.' })

function switchCommand(what: 'start' | 'stop') {
  return new Command(what)
    .description(
      what === 'start' ? 'Start the automation of a location: what happened meanwhile is looked at now.' : 'Stop the automation of a location; its runs go on.',
    )
    .argument('[location]', 'where several have conditions')
    .action(async (location) => {
      const found = await withPool(async (pool, all) => {
        const name = findLocation(all, location)
        await setAutomationStopped(pool, name, what === 'stop')
        return name
      })
      process.stdout.write(`The automation of ${found} is ${what === 'start' ? 'started' : 'stopped'}.\n`)
    })
}

function tickCommand() {
  return new Command('tick')
    .description('Have the conditions of a location evaluated now. With --dry-run evaluate them here, say what would be started, and change nothing.')
    .argument('[location]', 'where several have conditions')
    .option('--dry-run', 'start nothing')
    .action(async (location, { dryRun }) => {
      await withPool(async (pool, all) => {
        const name = findLocation(all, location)
        if (dryRun === true) {
          await createStandardOutput().write(await tryText(pool, all, name))
          return
        }
        if (!(await askForAutomation(pool, name))) {
          throw new MillraceError(`The automation of ${name} is stopped, or was not evaluated yet.`, {
            code: 'AUTOMATION_STOPPED',
            hint: `Start it: millrace automation start ${name}. Only running producers evaluate it.`,
          })
        }
        process.stdout.write(`The automation of ${name} is evaluated in the producers' next round. \`millrace automation list\` tells what was found.\n`)
      })
    })
}

async function tryText(pool: Pool, all: readonly Automation[], location: string): Promise<string> {
  const [current] = await currentManifests(pool, location)
  if (current === undefined) throw new MillraceError(`The location ${location} is not loaded.`, { code: 'LOCATION_NOT_LOADED', hint: 'Start a worker for it.' })
  const before = all.find((one) => one.location === location)?.evaluatedAt ?? null
  const { assets, runs } = await tryAutomation(pool, current.manifest, before === null ? undefined : new Date(before))
  const started = runs.map(
    (run) =>
      `It would start a run of ${run.assets.map(({ key }) => key).join(', ')}${run.partitions === undefined ? '' : ` for ${run.partitions.join(', ')}`}.\n`,
  )
  const said = assets.map((one) => {
    const { answer, reason } = answerOf(one)
    return `  ${one.key}: ${answer}, ${harmless(reason)}\n`
  })
  return [...(started.length === 0 ? ['It would start nothing.\n'] : started), ...said].join('')
}
