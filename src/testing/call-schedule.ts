import type { JsonObject } from '../definitions/json.ts'
import type { Location } from '../definitions/location.ts'
import type { Schedule, ScheduleSpec } from '../definitions/schedule.ts'
import { selectAssets } from '../definitions/selection/select-assets.ts'
import { MillraceError } from '../errors.ts'
import { checkJobConfig, mergeConfig } from '../producers/launch/run-config.ts'
import { nextTick } from '../producers/schedules.ts'
import type { RunRequested } from '../producers/launch/launch-requests.ts'
import { askSchedule } from '../workers/ask-schedule.ts'
import { reasonOf } from './attempt.ts'
import { configOf } from './known-assets.ts'
import { stepSpecsOf } from './run-plan.ts'
import { testLocation, withTestBed } from './test-bed.ts'
import type { TestOptions } from './test-bed.ts'
import { testClock } from './test-clock.ts'
import type { TestClock } from './test-clock.ts'

export interface CallScheduleOptions extends Omit<TestOptions, 'config' | 'partitionKeys' | 'io' | 'clock'> {
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
  /** Those that its function asks for. */
  readonly partitions?: readonly string[]
}

export interface ScheduleCall {
  /** When the tick is. ISO 8601, UTC. */
  readonly at: string
  readonly runs: readonly TickRun[]
  /** What its function says. */
  readonly reason?: string
}

/**
 * The next tick of a schedule, and what it would start; no run is launched. Which partitions are new is not asked: nothing was made before.
 * @throws MillraceError `CONFIG_INVALID` where the run could not be launched with the schedule's configuration, `TEST_UNKNOWN_JOB`; SelectionError
 */
export async function callSchedule(schedule: Schedule, options: CallScheduleOptions): Promise<ScheduleCall> {
  const { location, clock = testClock(new Date()) } = options
  const { spec } = schedule
  const due = nextTick(spec, clock.now())
  clock.set(due)
  const at = due.toISOString()
  if (schedule.run === undefined) return { at, runs: [runOf(spec, {}, location)] }
  return withTestBed({ ...options, clock }, schedule.resources, async ({ resources, throttle, logOf }) => {
    try {
      const question = { location: testLocation, scheduledAt: at, resources, throttles: { of: () => throttle }, log: logOf(spec.name) }
      const { runs, reason } = await askSchedule(schedule, question)
      return { at, runs: runs.map((request) => runOf(spec, request, location)), ...(reason === undefined ? {} : { reason }) }
    } catch (error) {
      throw reasonOf(error)
    }
  })
}

/** What a request runs that says nothing else is what the schedule starts. */
function runOf(schedule: ScheduleSpec, asked: Partial<RunRequested>, { name, assets, jobs }: Location): TickRun {
  const job = asked.assets === undefined ? jobs.find((one) => one.name === schedule.job) : undefined
  if (job === undefined && asked.assets === undefined && schedule.job !== undefined) {
    throw new MillraceError(`The schedule ${schedule.name} starts the job ${schedule.job}, which the location ${name} does not define.`, {
      code: 'TEST_UNKNOWN_JOB',
      hint: `Its jobs are: ${jobs.map((one) => one.name).join(', ') || 'none'}.`,
    })
  }
  const config = mergeConfig(job?.config ?? {}, Object.keys(asked.config ?? {}).length === 0 ? schedule.config : (asked.config ?? {}))
  const partitions = asked.partitions === undefined ? {} : { partitions: asked.partitions }
  if (job?.work.kind === 'graph') return { job: job.name, assets: [], config: checkJobConfig(job.name, stepSpecsOf(job), config), ...partitions }
  const keys = selectAssets(assets, asked.assets ?? job?.work.assets ?? schedule.assets)
  const chosen = assets.filter(({ key }) => keys.includes(key))
  return { job: job?.name, assets: keys, config: configOf(chosen, config), ...partitions }
}
