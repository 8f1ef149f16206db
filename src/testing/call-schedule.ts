import type { JsonObject } from '../definitions/json.ts'
import type { Location } from '../definitions/location.ts'
import { partitionsOfJob } from '../definitions/ops/job-spec.ts'
import type { PartitionMoment } from '../definitions/partitions/partition-set.ts'
import { slotsOf } from '../definitions/schedule.ts'
import type { Schedule, ScheduleSpec } from '../definitions/schedule.ts'
import { aDefinition } from '../definitions/option-kinds.ts'
import { required } from '../definitions/option-shape.ts'
import type { OptionShape } from '../definitions/option-shape.ts'
import { selectAssets } from '../definitions/selection/select-assets.ts'
import { MillraceError } from '../errors.ts'
import type { RunRequested } from '../producers/launch/launch-requests.ts'
import { partitionsBetween } from '../producers/launch/new-partitions.ts'
import { partitionedJob, partitionsOfRun } from '../producers/launch/resolve-partitions.ts'
import { checkJobConfig, mergeConfig } from '../producers/launch/run-config.ts'
import { nextTick } from '../producers/schedules.ts'
import { askSchedule } from '../workers/ask-schedule.ts'
import { reasonOf } from './attempt.ts'
import { configOf } from './known-assets.ts'
import { refuseOther, refuseWrong, testShape } from './refuse-wrong.ts'
import { stepSpecsOf } from './run-plan.ts'
import { testLocation, withTestBed } from './test-bed.ts'
import type { TestOptions } from './test-bed.ts'
import { testClock } from './test-clock.ts'
import type { TestClock } from './test-clock.ts'
import type { TestLine } from './test-log.ts'

export interface CallScheduleOptions extends Omit<TestOptions, 'config' | 'partitionKeys' | 'io' | 'clock'> {
  /** The location that has the schedule. */
  readonly location: Location
  /** Where the time is from which the next tick is looked for. It is moved to that tick, so that the next call finds the one after. Default: the machine's. */
  readonly clock?: TestClock
  /** The keys of dynamic partitions, by their names; of a schedule of new ones those that were added since the tick before. */
  readonly partitionKeys?: Readonly<Record<string, readonly string[]>>
}

const shape: OptionShape<CallScheduleOptions> = {
  resources: testShape.resources,
  env: testShape.env,
  signal: testShape.signal,
  clock: testShape.clock,
  partitionKeys: testShape.partitionKeys,
  location: required(aDefinition('a location, as defineLocation({ … }) answers it', 'location')),
}

/** A run that a tick would start. */
export interface TickRun {
  readonly job: string | undefined
  /** The keys of the assets that are made; none where a job of ops is started. */
  readonly assets: readonly string[]
  readonly config: JsonObject
  /** The one that is new, or those that its function asks for. */
  readonly partitions?: readonly string[]
  /** Of the job, of the schedule and of what its function asks for, where there are any. */
  readonly tags?: Readonly<Record<string, string>>
  /** As its function says: of two with the same one only the first is launched. */
  readonly runKey?: string
}

export interface ScheduleCall {
  /** When the tick is. ISO 8601, UTC. */
  readonly at: string
  readonly runs: readonly TickRun[]
  /** What its function says, or why there is no run. */
  readonly reason?: string
  readonly log: readonly TestLine[]
}

/**
 * The next tick of a schedule, and what it would start; no run is launched. The tick before is taken to have launched all that there was.
 * @throws what its function throws; MillraceError `CONFIG_INVALID` and what a launch says of partitions where a run could not be launched, `TEST_OPTIONS`, `TEST_UNKNOWN_JOB`,
 *   `SCHEDULE_TIMEOUT`, `SCHEDULE_ANSWER_INVALID`, `SCHEDULE_TOO_MANY_RUNS`; SelectionError
 */
export async function callSchedule(schedule: Schedule, options: CallScheduleOptions): Promise<ScheduleCall> {
  refuseOther('callSchedule()', schedule, 'a schedule, as schedule({ … }) answers it', 'schedule')
  refuseWrong('callSchedule()', options, shape)
  const { location, clock = testClock(new Date()), partitionKeys = {} } = options
  const { spec } = schedule
  const due = nextTick(spec, clock.now())
  clock.set(due)
  const at = due.toISOString()
  return withTestBed({ ...options, clock }, schedule.resources, async ({ resources, throttle, moment, logOf, lines: log }) => {
    if (spec.partitions === 'new') {
      const keys = newPartitions(spec, location, moment, partitionKeys)
      const runs = await Promise.all(keys.map(async (key) => runOf(spec, { partitions: [key] }, location, moment)))
      return { at, runs, log, ...(keys.length === 0 ? { reason: 'No partition has come since the slot before.' } : {}) }
    }
    if (schedule.run === undefined) return { at, runs: [await runOf(spec, {}, location, moment)], log }
    const question = { location: testLocation, scheduledAt: at, resources, throttles: { of: () => throttle }, log: logOf(spec.name) }
    const { runs, reason } = await askSchedule(schedule, question).catch((error: unknown) => {
      throw reasonOf(error)
    })
    const asked = await Promise.all(runs.map(async (request) => runOf(spec, request, location, moment)))
    return { at, runs: asked, log, ...(reason === undefined ? {} : { reason }) }
  })
}

/** The partitions that came since the slot before. */
function newPartitions(schedule: ScheduleSpec, location: Location, { now, dynamic }: PartitionMoment, added: CallScheduleOptions['partitionKeys'] = {}) {
  const { job, assets } = chosenBy(schedule, {}, location)
  const partitions = partitionsOfJob(job) ?? assets.find((one) => one.partitions !== undefined)?.partitions
  if (partitions === undefined) return []
  if (partitions.kind === 'dynamic') return added[partitions.name] ?? []
  const before = slotsOf(schedule).before(now.getTime()) ?? now.getTime()
  return partitionsBetween(partitions, { from: before, to: now.getTime() }, dynamic)
}

/** What a request chooses: one that says nothing else chooses what the schedule starts. */
function chosenBy(schedule: ScheduleSpec, asked: Partial<RunRequested>, { name, assets, jobs }: Location) {
  const job = asked.assets === undefined ? jobs.find((one) => one.name === schedule.job) : undefined
  if (job === undefined && asked.assets === undefined && schedule.job !== undefined) {
    throw new MillraceError(`The schedule ${schedule.name} starts the job ${schedule.job}, which the location ${name} does not define.`, {
      code: 'TEST_UNKNOWN_JOB',
      hint: `Its jobs are: ${jobs.map((one) => one.name).join(', ') || 'none'}.`,
    })
  }
  if (job?.work.kind === 'graph') return { job, assets: [] }
  const keys = selectAssets(assets, asked.assets ?? job?.work.assets ?? schedule.assets)
  return { job, assets: assets.filter((one) => keys.includes(one.key) && one.kind !== 'external') }
}

async function runOf(schedule: ScheduleSpec, asked: Partial<RunRequested>, location: Location, moment: PartitionMoment): Promise<TickRun> {
  const { job, assets } = chosenBy(schedule, asked, location)
  const given = Object.keys(asked.config ?? {}).length === 0 ? schedule.config : (asked.config ?? {})
  const config = mergeConfig(job?.config ?? {}, given)
  const tags = { ...job?.tags, ...schedule.tags, ...asked.tags }
  const more = {
    ...(asked.partitions === undefined ? {} : { partitions: asked.partitions }),
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
    ...(asked.runKey === undefined ? {} : { runKey: asked.runKey }),
  }
  await partitionsOfRun(job?.work.kind === 'graph' ? [partitionedJob(job)] : assets, asked.partitions, () => Promise.resolve(moment))
  if (job?.work.kind === 'graph')
    return { job: job.name, assets: [], config: checkJobConfig(job.name, stepSpecsOf(job), config, job.work.configOf !== undefined), ...more }
  return { job: job?.name, assets: assets.map(({ key }) => key), config: configOf(assets, config), ...more }
}
