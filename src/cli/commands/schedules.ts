import { Command } from '@commander-js/extra-typings'
import { listSchedules } from '../../api/schedules.ts'
import type { Schedule } from '../../api/schedules.ts'
import { currentManifests } from '../../catalog/manifests.ts'
import { readScheduleTicks } from '../../catalog/read/schedules.ts'
import type { ScheduleTickRead } from '../../catalog/read/schedules.ts'
import { setScheduleStopped } from '../../catalog/ticks.ts'
import type { ScheduleSpec } from '../../definitions/schedule.ts'
import type { Config } from '../../config.ts'
import { moment } from '../../definitions/moment.ts'
import { ConfigError, MillraceError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { runOptionsOf } from '../../definitions/run-limits.ts'
import { createQueues } from '../../queues/queues.ts'
import { runOnce } from '../run-once.ts'
import { harmless, isoTime } from '../argument.ts'
import { findOne } from '../automation/find-one.ts'
import { listCommand, switchCommands, ticksCommand } from '../automation/subcommands.ts'
import { trySchedule } from '../automation/try-schedule.ts'
import { withAutomation } from '../automation/with-automation.ts'
import type { Pool } from '../automation/with-automation.ts'
import { readEnvironment } from '../environment.ts'
import { requireInstallation } from '../installation.ts'
import { logFields } from '../log-fields.ts'
import { createStandardOutput } from '../standard-output.ts'
import { formatTable, shortened } from '../table-output.ts'

const examples = `
Examples:
  millrace schedules list
  millrace schedules show retail_daily
  millrace schedules stop retail_daily
  millrace schedules tick retail_daily --dry-run
  millrace schedules tick retail_daily --dry-run --at 2026-03-29T02:00:00Z`

export function schedulesCommand() {
  const list = listCommand({
    description: 'Every schedule: when it is due, and how its last tick went.',
    withPool,
    none: 'There are no schedules.',
    table: scheduleTable,
  })
  const show = ticksCommand({
    kind: 'schedule',
    description: 'When a schedule ticks, and its newest ticks.',
    withPool,
    read: (pool, { location, name }: Schedule, limit) => readScheduleTicks(pool, location, name, limit),
    head: whenOf,
    none: 'It has not ticked yet.',
    text: ticksText,
  })
  const { start, stop } = switchCommands({
    kind: 'schedule',
    descriptions: {
      start: 'Start a schedule. Times that went by while it was stopped are not caught up.',
      stop: 'Stop a schedule; its runs go on.',
    },
    withPool,
    set: (pool, { location, name }: Schedule, stopped) => setScheduleStopped(pool, location, name, stopped),
  })
  return new Command('schedules')
    .description('List schedules, look at their ticks, start and stop them, try one.')
    .addHelpText('after', examples)
    .addCommand(list.exitOverride())
    .addCommand(show.exitOverride())
    .addCommand(start)
    .addCommand(stop)
    .addCommand(tickCommand().exitOverride())
}

const withPool = <T>(use: (pool: Pool, all: readonly Schedule[]) => Promise<T>): Promise<T> =>
  withAutomation('schedules', (parts) => listSchedules(parts, new Date()), use)

function scheduleTable(all: readonly Schedule[]): string {
  return formatTable(
    [{ name: 'schedule' }, { name: 'location' }, { name: 'cron' }, { name: 'time zone' }, { name: 'next' }, { name: 'last' }, { name: 'starts' }],
    all.map((one) => [
      one.name,
      one.location,
      one.cron.join(', '),
      one.timeZone,
      one.nextAt === null ? 'stopped' : moment(one.nextAt),
      one.lastTick === null ? 'never' : `${one.lastTick.status} ${moment(one.lastTick.scheduledAt)}`,
      startsOf(one),
    ]),
  )
}

const startsOf = ({ assets, job, partitions }: Schedule): string => `${job ?? assets.join(', ')}${partitions === null ? '' : ', new partitions'}`

function ticksText(ticks: readonly ScheduleTickRead[]): string {
  return formatTable(
    [{ name: 'scheduled' }, { name: 'cause' }, { name: 'status' }, { name: 'runs' }, { name: 'says' }],
    ticks.map((one) => [moment(one.scheduledAt), one.cause, one.status, runsOf(one), saysOf(one)]),
  )
}

const whenOf = ({ name, location, cron, timeZone, nextAt }: Schedule): string =>
  `${name} of ${location}: ${cron.join(', ')} ${timeZone}, ${nextAt === null ? 'stopped' : `next ${moment(nextAt)}`}`

const mostNamed = 3

function runsOf({ runs }: ScheduleTickRead): string {
  const named = runs.slice(0, mostNamed).map((id) => id.slice(0, 8))
  return `${named.join(', ')}${runs.length > mostNamed ? ` and ${String(runs.length - mostNamed)} more` : ''}`
}

function saysOf({ status, error, reason, failures, log }: ScheduleTickRead): string {
  const failed = error === null ? '' : `${status === 'failed' ? '' : 'failed before: '}${error.message}${failures > 1 ? ` (${String(failures)} times)` : ''}`
  const lines = log.map(({ message, fields }) => `${typeof message === 'string' ? message : ''}${logFields(fields)}`)
  return shortened(harmless([reason ?? '', failed, ...lines].filter((one) => one !== '').join('; ')), 500)
}

function tickCommand() {
  return new Command('tick')
    .description(
      'Launch now what a schedule launches. One run is followed, and needs no worker that runs, only the database. With --dry-run say what that would be.',
    )
    .argument('<name>', 'the schedule')
    .option('--location <name>', 'where several code locations have it')
    .option('--dry-run', 'launch nothing; the function of one that has one is called, as your files define it')
    .option('--at <time>', 'with --dry-run: the time that the tick stands for, as 2026-03-29T02:00:00Z. Default: now', isoTime)
    .action(async (name, { location, dryRun, at }) => {
      if (at !== undefined && dryRun !== true)
        throw new ConfigError('--at is for --dry-run.', { code: 'ARGUMENTS_INVALID', hint: 'Add --dry-run; a backfill makes what is past.' })
      const { config, logger } = readEnvironment()
      const plain = await withPool(async (pool, all) => {
        const found = findOne(all, 'schedule', name, location)
        const spec = await findSpec(pool, found)
        if (dryRun === true)
          await createStandardOutput().write(await trySchedule({ pool, config, logger, location: found.location, spec, at: at ?? new Date() }))
        else if (spec.partitions === undefined && spec.decides !== true) return { found, spec }
        else {
          await enqueueByHand(config, logger, found)
          process.stdout.write(`${name} ticks as soon as a worker takes it. \`millrace schedules show ${name}\` tells how it went.\n`)
        }
        return undefined
      })
      if (plain === undefined) return
      const { found, spec } = plain
      const what = spec.job === undefined ? { assets: spec.assets } : { assets: [], job: spec.job }
      const options = runOptionsOf(spec)
      await runOnce({ ...what, location: found.location, follow: true, json: false, runConfig: spec.config, tags: spec.tags ?? {}, options })
    })
}

async function enqueueByHand(config: Config, logger: Logger, { location, name }: Schedule): Promise<void> {
  const { databaseUrl } = await requireInstallation(config)
  const queues = createQueues({ databaseUrl, redisUrl: config.redisUrl, prefix: config.queuePrefix, logger })
  try {
    if (await queues.enqueue(location, 'tick', { schedule: name, scheduledAt: new Date().toISOString(), cause: 'hand' })) return
    throw new MillraceError(`The queue does not take the tick of ${name}.`, { code: 'QUEUE_UNAVAILABLE', hint: '`millrace doctor` looks at the queues.' })
  } finally {
    await queues.close()
  }
}

async function findSpec(pool: Pool, { location, name }: Schedule): Promise<ScheduleSpec> {
  const spec = (await currentManifests(pool, location))[0]?.manifest.schedules.find((one) => one.name === name)
  if (spec !== undefined) return spec
  throw new ConfigError(`The schedule ${name} is no longer defined in ${location}.`, {
    code: 'UNKNOWN_SCHEDULE',
    hint: '`millrace schedules list` shows them all.',
  })
}
