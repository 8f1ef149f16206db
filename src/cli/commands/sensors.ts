import { Command } from '@commander-js/extra-typings'
import { listSensors } from '../../api/sensors.ts'
import type { Sensor } from '../../api/sensors.ts'
import { readSensorTicks } from '../../catalog/read/sensors.ts'
import type { SensorTickRead } from '../../catalog/read/sensors.ts'
import { askForEvaluation, setSensorStopped } from '../../catalog/sensors.ts'
import { moment } from '../../definitions/moment.ts'
import { createQueues } from '../../queues/queues.ts'
import { harmless } from '../argument.ts'
import { findOne } from '../automation/find-one.ts'
import { listCommand, switchCommands, ticksCommand } from '../automation/subcommands.ts'
import { withAutomation } from '../automation/with-automation.ts'
import type { Pool } from '../automation/with-automation.ts'
import { trySensor } from '../automation/try-sensor.ts'
import { readEnvironment } from '../environment.ts'
import { requireInstallation } from '../installation.ts'
import { logFields } from '../log-fields.ts'
import { createStandardOutput } from '../standard-output.ts'
import { formatTable, shortened } from '../table-output.ts'

const examples = `
Examples:
  millrace sensors list
  millrace sensors show new_files
  millrace sensors start new_files
  millrace sensors tick new_files --dry-run`

export function sensorsCommand() {
  const list = listCommand({
    description: 'Every sensor: how often it is evaluated, and how it went the last time.',
    withPool,
    none: 'There are no sensors.',
    table: sensorTable,
  })
  const show = ticksCommand({
    kind: 'sensor',
    description: 'The newest evaluations of a sensor, with what its function logged.',
    withPool,
    read: (pool, { location, name }: Sensor, limit) => readSensorTicks(pool, location, name, limit),
    none: 'It was not evaluated yet.',
    text: (ticks) => ticks.map(evaluationText).join(''),
  })
  const { start, stop } = switchCommands({
    kind: 'sensor',
    descriptions: { start: 'Start a sensor: it goes on from its cursor.', stop: 'Stop a sensor; its runs go on, and what webhooks bring is kept.' },
    withPool,
    set: (pool, { location, name }: Sensor, stopped) => setSensorStopped(pool, { location, sensor: name }, stopped),
  })
  return new Command('sensors')
    .description('List sensors, look at their evaluations, start and stop them, try one.')
    .addHelpText('after', examples)
    .addCommand(list.exitOverride())
    .addCommand(show.exitOverride())
    .addCommand(start)
    .addCommand(stop)
    .addCommand(tickCommand().exitOverride())
}

const withPool = <T>(use: (pool: Pool, all: readonly Sensor[]) => Promise<T>): Promise<T> => withAutomation('sensors', (parts) => listSensors(parts), use)

function sensorTable(all: readonly Sensor[]): string {
  return formatTable(
    [{ name: 'sensor' }, { name: 'location' }, { name: 'every', align: 'right' }, { name: 'state' }, { name: 'last' }, { name: 'says' }],
    all.map((one) => [
      one.name,
      one.location,
      `${String(one.everyMs / 1000)} s`,
      one.stopped ? 'stopped' : one.evaluating ? 'evaluating' : 'started',
      one.lastTick === null ? 'never' : `${one.lastTick.status} ${moment(one.lastTick.endedAt)}`,
      shortened(harmless(one.lastTick?.error?.message ?? one.lastTick?.reason ?? ''), 100),
    ]),
  )
}

function evaluationText(one: SensorTickRead): string {
  const says = one.error?.message ?? one.reason ?? ''
  const runs = one.runs.length === 0 ? '' : `  runs ${one.runs.map((id) => id.slice(0, 8)).join(', ')}`
  const sent = one.notifications === 0 ? '' : `  ${String(one.notifications)} ${one.notifications === 1 ? 'notification' : 'notifications'}`
  const repeated = one.repeated === 0 ? '' : `  and ${String(one.repeated)} more times until ${moment(one.endedAt)}`
  const log = one.log.map((line) => `    ${harmless(typeof line['message'] === 'string' ? line['message'] : '')}${logFields(line['fields'])}\n`).join('')
  return `${moment(one.beganAt)}  ${one.cause}  ${one.status}${runs}${sent}${repeated}${says === '' ? '' : `  ${harmless(says)}`}\n${log}`
}

function tickCommand() {
  return new Command('tick')
    .description('Have a sensor evaluated now. With --dry-run evaluate it here, say what it would launch, and change nothing.')
    .argument('<name>', 'the sensor')
    .option('--location <name>', 'where several code locations have it')
    .option('--dry-run', 'launch nothing; its definitions are read from your files')
    .action(async (name, { location, dryRun }) => {
      const { config, logger } = readEnvironment()
      await withPool(async (pool, all) => {
        const found = findOne(all, 'sensor', name, location)
        if (dryRun === true) {
          await createStandardOutput().write(await trySensor({ pool, config, logger, sensor: found }))
          return
        }
        const { databaseUrl } = await requireInstallation(config)
        const queues = createQueues({ databaseUrl, redisUrl: config.redisUrl, prefix: config.queuePrefix, logger })
        try {
          const asked = await askForEvaluation(pool, { location: found.location, sensor: found.name })
          await queues.enqueue(found.location, 'sense', { sensor: found.name, cause: 'hand', asked: asked ?? 1, failures: 0 })
        } finally {
          await queues.close()
        }
        process.stdout.write(`${name} is evaluated as soon as a worker takes it. \`millrace sensors show ${name}\` tells how it went.\n`)
      })
    })
}
