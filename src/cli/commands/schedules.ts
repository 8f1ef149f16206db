import { Command } from '@commander-js/extra-typings'
import { listSchedules } from '../../api/schedules.ts'
import type { Schedule } from '../../api/schedules.ts'
import { createLocationReader } from '../../catalog/read/locations.ts'
import { readScheduleTicks } from '../../catalog/read/schedules.ts'
import { setScheduleStopped } from '../../catalog/ticks.ts'
import { planRun } from '../../producers/launch/plan-run.ts'
import { runOnce } from '../run-once.ts'
import { harmless, moment, wholeNumber } from '../argument.ts'
import { findOne } from '../automation/find-one.ts'
import { withAutomation } from '../automation/with-automation.ts'
import type { Pool } from '../automation/with-automation.ts'
import { createStandardOutput } from '../standard-output.ts'
import { formatTable } from '../table-output.ts'

const examples = `
Examples:
  millrace schedules list
  millrace schedules show retail_daily
  millrace schedules stop retail_daily
  millrace schedules tick retail_daily --dry-run`

export function schedulesCommand() {
  return new Command('schedules')
    .description('List schedules, look at their ticks, start and stop them, try one.')
    .addHelpText('after', examples)
    .addCommand(listCommand().exitOverride())
    .addCommand(showCommand().exitOverride())
    .addCommand(switchCommand('start').exitOverride())
    .addCommand(switchCommand('stop').exitOverride())
    .addCommand(tickCommand().exitOverride())
}

const withPool = <T>(use: (pool: Pool, all: readonly Schedule[]) => Promise<T>): Promise<T> =>
  withAutomation('schedules', (parts) => listSchedules(parts, new Date()), use)

function listCommand() {
  return new Command('list')
    .description('Every schedule: when it is due, and how its last tick went.')
    .option('--location <name>', 'only of this code location')
    .option('--json', 'print an array of objects')
    .action(async ({ location, json }) => {
      const all = await withPool((_pool, schedules) => Promise.resolve(schedules.filter((one) => location === undefined || one.location === location)))
      await createStandardOutput().write(
        json === true ? `${JSON.stringify(all, null, 2)}\n` : all.length === 0 ? 'There are no schedules.\n' : scheduleTable(all),
      )
    })
}

function scheduleTable(all: readonly Schedule[]): string {
  return formatTable(
    [{ name: 'schedule' }, { name: 'location' }, { name: 'cron' }, { name: 'time zone' }, { name: 'next' }, { name: 'last' }, { name: 'assets' }],
    all.map((one) => [
      one.name,
      one.location,
      one.cron,
      one.timeZone,
      one.nextAt === null ? 'stopped' : moment(one.nextAt),
      one.lastTick === null ? 'never' : `${one.lastTick.status} ${moment(one.lastTick.scheduledAt)}`,
      one.assets.join(', '),
    ]),
  )
}

function showCommand() {
  return new Command('show')
    .description('The newest ticks of a schedule.')
    .argument('<name>', 'the schedule')
    .option('--location <name>', 'where several code locations have it')
    .option('--limit <ticks>', 'how many', wholeNumber, 20)
    .option('--json', 'print an array of objects')
    .action(async (name, { location, limit, json }) => {
      const ticks = await withPool((pool, all) => {
        const found = findOne(all, 'schedule', name, location)
        return readScheduleTicks(pool, found.location, found.name, limit)
      })
      const text = formatTable(
        [{ name: 'scheduled' }, { name: 'cause' }, { name: 'status' }, { name: 'run' }, { name: 'error' }],
        ticks.map((one) => [moment(one.scheduledAt), one.cause, one.status, one.runId ?? '', harmless(one.error?.message ?? '')]),
      )
      await createStandardOutput().write(json === true ? `${JSON.stringify(ticks, null, 2)}\n` : ticks.length === 0 ? 'It has not ticked yet.\n' : text)
    })
}

function switchCommand(what: 'start' | 'stop') {
  return new Command(what)
    .description(what === 'start' ? 'Start a schedule. Times that went by while it was stopped are not caught up.' : 'Stop a schedule; its runs go on.')
    .argument('<name>', 'the schedule')
    .option('--location <name>', 'where several code locations have it')
    .action(async (name, { location }) => {
      await withPool(async (pool, all) => {
        const found = findOne(all, 'schedule', name, location)
        await setScheduleStopped(pool, found.location, found.name, what === 'stop')
      })
      process.stdout.write(what === 'start' ? `${name} is started.\n` : `${name} is stopped.\n`)
    })
}

function tickCommand() {
  return new Command('tick')
    .description('Launch now what a schedule launches, and follow the run. With --dry-run say what that would be.')
    .argument('<name>', 'the schedule')
    .option('--location <name>', 'where several code locations have it')
    .option('--dry-run', 'launch nothing')
    .action(async (name, { location, dryRun }) => {
      const { found, config, plan } = await withPool(async (pool, all) => {
        const schedule = findOne(all, 'schedule', name, location)
        const manifest = (await createLocationReader().all(pool)).find((one) => one.name === schedule.location)?.manifest
        const spec = manifest?.schedules.find((one) => one.name === schedule.name)
        const settings = spec?.config ?? {}
        return { found: schedule, config: settings, plan: await planRun(pool, { assets: schedule.assets, location: schedule.location, config: settings }) }
      })
      if (dryRun === true) {
        await createStandardOutput().write(
          `${name} would launch a run of ${plan.assets.join(', ')}\n${Object.keys(plan.config).length === 0 ? '' : `with ${JSON.stringify(plan.config)}\n`}`,
        )
        return
      }
      await runOnce({ assets: found.assets, location: found.location, follow: true, json: false, runConfig: config })
    })
}
