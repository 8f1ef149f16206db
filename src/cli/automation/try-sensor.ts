import type pg from 'pg'
import type { Sensor } from '../../api/sensors.ts'
import type { Config } from '../../config.ts'
import type { Logger } from '../../logger.ts'
import { seenOf } from '../../catalog/sensors.ts'
import { planRun } from '../../producers/launch/plan-run.ts'
import { askSensor } from '../../workers/ask-sensor.ts'
import { readWatched } from '../../workers/read-watched.ts'
import { createResourceClients } from '../../workers/resource-clients.ts'
import { createThrottles } from '../../workers/throttle.ts'
import { logFields } from '../log-fields.ts'
import { loadOwn } from './load-own.ts'

export interface TrySensorOptions {
  readonly pool: pg.Pool
  readonly config: Config
  readonly logger: Logger
  readonly sensor: Sensor
}

/**
 * Evaluates a sensor here, from its cursor and with its messages, and tells what it would launch. Its function is called for real; nothing that it answers is written.
 * @throws whatever the function throws, and MillraceError as an evaluation does
 */
export async function trySensor({ pool, config, logger, sensor }: TrySensorOptions): Promise<string> {
  const { own, assets: known } = await loadOwn(config, 'sensor', sensor, ({ sensors }, manifest) => {
    const found = sensors.find((one) => one.spec.name === sensor.name)
    return found === undefined ? undefined : { own: found, assets: manifest.assets }
  })
  const { rows } = await pool.query<{ body: string | number | boolean | null; receivedAt: Date }>(
    `SELECT body, received_at AS "receivedAt" FROM millrace.sensor_message WHERE location = $1 AND sensor = $2 ORDER BY id LIMIT 1000`,
    [sensor.location, sensor.name],
  )
  const watched = await readWatched(pool, own.spec, { location: sensor.location, seen: await seenOf(pool, sensor) }, known)
  if (watched?.count === 0 && rows.length === 0) return 'Nothing new of what it watches: its function is not called.\n'
  const throttles = createThrottles(pool, logger)
  const resources = createResourceClients({ envOf: () => config.env, throttles, logger })
  const lines: string[] = []
  try {
    const answer = await askSensor(own, {
      location: sensor.location,
      cursor: sensor.cursor ?? undefined,
      evaluatedAt: undefined,
      messages: rows,
      resources,
      throttles,
      ...(watched === undefined ? {} : { handed: watched.handed }),
      log: (message, fields) => lines.push(`  ${message}${logFields(fields)}\n`),
    })
    for (const request of answer.runs) {
      const assets = request.assets ?? own.spec.assets
      const key = request.runKey === undefined ? '' : ` with the run key ${JSON.stringify(request.runKey)}`
      const plan = await planRun(pool, { assets, location: sensor.location, config: request.config, partitions: request.partitions })
      const partitions = plan.partitions === undefined ? '' : `, partitions ${plan.partitions.join(', ')}`
      lines.push(`It would launch a run of ${plan.assets.join(', ')}${partitions}${key}.\n`)
    }
    for (const { through, title } of answer.notifications) lines.push(`It would send through ${through}: ${title}\n`)
    if (answer.runs.length === 0) lines.push(`It would launch nothing${answer.reason === undefined ? '' : `: ${answer.reason}`}.\n`)
    if ('cursor' in answer && answer.cursor !== undefined) lines.push(`Its cursor would be ${JSON.stringify(answer.cursor)}.\n`)
    return lines.join('')
  } finally {
    await resources.close()
  }
}
