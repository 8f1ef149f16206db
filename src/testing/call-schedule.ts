import type { JsonObject } from '../definitions/json.ts'
import type { Location } from '../definitions/location.ts'
import type { ScheduleSpec } from '../definitions/schedule.ts'
import { selectAssets } from '../definitions/selection/select-assets.ts'
import { MillraceError } from '../errors.ts'
import { checkJobConfig, mergeConfig } from '../producers/launch/run-config.ts'
import { nextTick } from '../producers/schedules.ts'
import { configOf } from './known-assets.ts'
import { stepSpecsOf } from './run-plan.ts'
import { testClock } from './test-clock.ts'
import type { TestClock } from './test-clock.ts'

export interface CallScheduleOptions {
  /** The location that has the schedule. */
  readonly location: Location
  /** Where the time is from which the next tick is looked for. It is moved to that tick, so that the next call finds the one after. Default: the machine's. */
  readonly clock?: TestClock
}

/** A run that a tick would start. */
export interface TickRun {
  readonly job: string | undefined
  /** The keys of the assets that are made; none where a job of ops is started. */
  readonly assets: readonly string[]
  readonly config: JsonObject
}

export interface ScheduleCall {
  /** When the tick is. ISO 8601, UTC. */
  readonly at: string
  readonly runs: readonly TickRun[]
}

/**
 * The next tick of a schedule, and what it would start; no run is launched.
 * @throws MillraceError `CONFIG_INVALID` where the run could not be launched with the schedule's configuration, `TEST_UNKNOWN_JOB`; SelectionError
 */
export async function callSchedule(schedule: ScheduleSpec, { location, clock = testClock(new Date()) }: CallScheduleOptions): Promise<ScheduleCall> {
  const at = nextTick(schedule, clock.now())
  clock.set(at)
  return { at: at.toISOString(), runs: [runOf(schedule, location)] }
}

function runOf(schedule: ScheduleSpec, { name, assets, jobs }: Location): TickRun {
  const job = jobs.find((one) => one.name === schedule.job)
  if (job === undefined && schedule.job !== undefined) {
    throw new MillraceError(`The schedule ${schedule.name} starts the job ${schedule.job}, which the location ${name} does not define.`, {
      code: 'TEST_UNKNOWN_JOB',
      hint: `Its jobs are: ${jobs.map((one) => one.name).join(', ') || 'none'}.`,
    })
  }
  const config = mergeConfig(job?.config ?? {}, schedule.config)
  if (job?.work.kind === 'graph') return { job: job.name, assets: [], config: checkJobConfig(job.name, stepSpecsOf(job), config) }
  const keys = selectAssets(assets, job?.work.assets ?? schedule.assets)
  const chosen = assets.filter(({ key }) => keys.includes(key))
  return { job: job?.name, assets: keys, config: configOf(chosen, config) }
}
