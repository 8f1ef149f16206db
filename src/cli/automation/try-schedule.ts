import type pg from 'pg'
import { currentManifests } from '../../catalog/manifests.ts'
import type { Config } from '../../config.ts'
import type { JsonObject } from '../../definitions/json.ts'
import { moment } from '../../definitions/moment.ts'
import type { ScheduleSpec } from '../../definitions/schedule.ts'
import { MillraceError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { keyOfRequest, planRequest } from '../../producers/launch/launch-requests.ts'
import type { RunRequested } from '../../producers/launch/launch-requests.ts'
import type { PlannedRun } from '../../producers/launch/plan-run.ts'
import { decide, requesterOf } from '../../producers/launch/tick.ts'
import type { Decision } from '../../producers/launch/tick.ts'
import { nextTick } from '../../producers/schedules.ts'
import { askSchedule } from '../../workers/ask-schedule.ts'
import { UserCodeError } from '../../workers/failure.ts'
import { createResourceClients } from '../../workers/resource-clients.ts'
import { createThrottles } from '../../workers/throttle.ts'
import { harmless } from '../argument.ts'
import { logFields } from '../log-fields.ts'
import { loadOwn } from './load-own.ts'

export interface TryScheduleOptions {
  readonly pool: pg.Pool
  readonly config: Config
  readonly logger: Logger
  readonly location: string
  readonly spec: ScheduleSpec
  /** The time that the tick stands for. */
  readonly at: Date
}

/**
 * What a tick of a schedule would launch. Its function is called for real, where it has one; nothing is written.
 * @throws what the function throws, and MillraceError as a tick does
 */
export async function trySchedule(options: TryScheduleOptions): Promise<string> {
  const { pool, location, spec, at } = options
  const lines: string[] = []
  const { runs, reason } = spec.decides === true ? await ask(options, lines) : await decideHere(options)
  const by = { ...requesterOf(location, spec), at }
  for (const [index, request] of runs.entries()) {
    const plan = await planRequest(pool, by, request, index)
    const known = request.runKey === undefined ? false : await hasRun(pool, keyOfRequest(by, request.runKey))
    lines.push(runLine(spec, plan, request, known))
  }
  if (runs.length === 0) lines.push(`${spec.name} would launch nothing${reason === undefined ? '' : `: ${reason}`}\n`)
  else if (reason !== undefined) lines.push(`It says: ${reason}\n`)
  lines.push(`A tick at ${moment(at.toISOString())}; the next one after it is due at ${moment(nextTick(spec, at).toISOString())}.\n`)
  return harmless(lines.join(''))
}

function runLine({ name, tags: own }: ScheduleSpec, plan: PlannedRun, { runKey, tags }: RunRequested, known: boolean): string {
  const what = plan.job === undefined ? plan.assets.join(', ') : `the job ${plan.job}${plan.assets.length === 0 ? '' : ` (${plan.assets.join(', ')})`}`
  const all = Object.entries({ ...plan.tags, ...own, ...tags }).map(([tag, value]) => `${tag}=${value}`)
  const facts = [
    ...(plan.partitions === undefined ? [] : [`partition ${plan.partitions.join(', ')}`]),
    ...(Object.keys(plan.config).length === 0 ? [] : [`with ${JSON.stringify(plan.config)}`]),
    ...(all.length === 0 ? [] : [`tags ${all.join(', ')}`]),
    ...(runKey === undefined ? [] : [`run key ${JSON.stringify(runKey)}${known ? ', which has a run already, so that there would be none' : ''}`]),
  ]
  return `${name} would launch a run of ${what}${facts.map((one) => `, ${one}`).join('')}\n`
}

async function decideHere({ pool, location, spec, at }: TryScheduleOptions): Promise<Decision> {
  const current = (await currentManifests(pool, location))[0]
  if (current === undefined) throw new MillraceError(`The location ${location} is not loaded.`, { code: 'LOCATION_NOT_LOADED', hint: 'Start a worker for it.' })
  return decide(pool, current.manifest, spec, { at, missed: false }, false)
}

async function ask({ pool, config, logger, location, spec, at }: TryScheduleOptions, lines: string[]): Promise<Decision> {
  const own = await loadOwn(config, 'schedule', { location, name: spec.name }, ({ schedules }) => schedules.find((one) => one.spec.name === spec.name))
  const throttles = createThrottles(pool, logger)
  const resources = createResourceClients({ envOf: () => config.env, throttles, logger })
  const log = (message: string, fields: JsonObject): void => {
    lines.push(`  ${message}${logFields(fields)}\n`)
  }
  try {
    return await askSchedule(own, { location, scheduledAt: at.toISOString(), resources, throttles, log })
  } catch (error) {
    throw error instanceof UserCodeError ? error.cause : error
  } finally {
    await resources.close()
  }
}

async function hasRun(pool: pg.Pool, key: string): Promise<boolean> {
  const { rows } = await pool.query(`SELECT FROM millrace.run WHERE idempotency_key = $1`, [key])
  return rows.length === 1
}
