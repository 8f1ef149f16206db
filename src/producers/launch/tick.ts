import { setTimeout as sleep } from 'node:timers/promises'
import { databaseTime } from '../../catalog/clock.ts'
import type { Database } from '../../catalog/database.ts'
import { transaction } from '../../catalog/database.ts'
import { currentManifests } from '../../catalog/manifests.ts'
import { beginTick, endTick, failTick, mostRetries, moveMark, readMark } from '../../catalog/ticks.ts'
import type { Mark, TickKey } from '../../catalog/ticks.ts'
import type { JsonObject } from '../../definitions/json.ts'
import type { Manifest } from '../../definitions/manifest.ts'
import { isPassedOver } from '../../definitions/schedule.ts'
import type { ScheduleSpec } from '../../definitions/schedule.ts'
import { MillraceError, storedError } from '../../errors.ts'
import { faultPoint } from '../../fault-point.ts'
import type { Payload } from '../../queues/jobs.ts'
import { redact } from '../../redact.ts'
import { enqueueSteps } from './enqueue-step.ts'
import type { LaunchDeps } from './launch.ts'
import { launchRequests } from './launch-requests.ts'
import type { LaunchedRequests, Requester, RunRequested } from './launch-requests.ts'
import { newPartitions } from './new-partitions.ts'
import { runOptionsOf } from '../../definitions/run-limits.ts'
import { startWaiting } from './start-waiting.ts'

export interface TickRequest extends TickKey {
  readonly cause: Payload<'tick'>['cause']
}

/** What a tick is to launch. */
export interface Decision {
  readonly runs: readonly RunRequested[]
  readonly reason?: string | undefined
  /** How far the schedule has got with it. */
  readonly mark?: Mark | undefined
}

export interface TickDeps extends LaunchDeps {
  /** Asks a schedule's function, of which only a worker has the code; undefined where it has not. Lines that it logs go into `log`. */
  readonly ask?: (spec: ScheduleSpec, scheduledAt: string, log: JsonObject[]) => Promise<Decision | undefined>
}

/** What a schedule's function threw: a failed tick, whatever it is. */
export class DecisionError extends Error {}

/** What came of a tick; none where it was over already, or its schedule is not defined any more. */
export interface EvaluatedTick {
  readonly runs: readonly string[]
  /** It was written down as failed, and is tried again where it may be. */
  readonly failed: boolean
}

/** A tick that failed is tried again so much later, twice as long each time. */
const retryMs = 2000
/** The database's clock decides whether a partition is there; more than this behind is a clock that is wrong. */
const mostBehindMs = 30_000

/**
 * Evaluates one tick: its row, its runs and how far its schedule has got are written in one transaction, so that however often it is delivered it launches once. One that
 * cannot launch is written down as failed, and tried again a few times.
 */
export async function evaluateTick(deps: TickDeps, request: TickRequest): Promise<EvaluatedTick> {
  const nothing = { runs: [], failed: false }
  const current = (await currentManifests(deps.pool, request.location))[0]
  const schedule = current?.manifest.schedules.find((one) => one.name === request.schedule)
  if (current === undefined || schedule === undefined) {
    deps.logger.info({ schedule: request.schedule, location: request.location }, 'a tick of a schedule that is no longer defined')
    return nothing
  }
  if (request.cause === 'missed' && isPassedOver(schedule, Date.parse(request.scheduledAt), (await databaseTime(deps.pool)).getTime())) {
    deps.logger.info({ ...request }, 'a missed slot waited for so long that later ones take its place')
    return nothing
  }
  const log: JsonObject[] = []
  try {
    if (schedule.partitions === 'new') await untilThen(deps.pool, request)
    const asked = schedule.decides === true ? await deps.ask?.(schedule, request.scheduledAt, log) : undefined
    if (schedule.decides === true && asked === undefined) {
      deps.logger.info({ schedule: schedule.name, location: request.location }, 'a tick of a schedule whose function this worker does not have')
      return nothing
    }
    const launched = await write(deps, current.manifest, schedule, request, asked, log)
    if (launched === undefined) return nothing
    faultPoint('launch.committed')
    await enqueueSteps(deps.queues, launched.due)
    if (launched.waits) await startWaiting(deps)
    return { runs: launched.runs, failed: false }
  } catch (error) {
    if (!(error instanceof MillraceError) && !(error instanceof DecisionError)) throw error
    await recordFailure(deps, request, error instanceof DecisionError ? error.cause : error, log)
    return { runs: [], failed: true }
  }
}

function write(
  { pool }: TickDeps,
  manifest: Manifest,
  schedule: ScheduleSpec,
  request: TickRequest,
  asked: Decision | undefined,
  log: readonly JsonObject[],
): Promise<LaunchedRequests | undefined> {
  return transaction(pool, async (client) => {
    const id = await beginTick(client, request, request.cause)
    if (id === undefined) return undefined
    const decision = asked ?? (await decide(client, manifest, schedule, { at: new Date(request.scheduledAt), missed: request.cause === 'missed' }, true))
    const launched = await launchRequests(client, requesterOf(manifest.location, schedule), decision.runs)
    if (decision.mark !== undefined) await moveMark(client, request, decision.mark)
    const allKnown = launched.runs.length === 0 && launched.known > 0
    const reason = decision.reason ?? (allKnown ? `Each of its ${String(launched.known)} requests had a run already.` : undefined)
    await endTick(client, id, { ...launched, reason, log })
    return launched
  })
}

/**
 * What a schedule without a function launches at a slot.
 * @throws MillraceError as `newPartitions`
 */
export async function decide(
  database: Database,
  manifest: Manifest,
  schedule: ScheduleSpec,
  slot: { readonly at: Date; readonly missed: boolean },
  lock: boolean,
): Promise<Decision> {
  const plain = { config: {}, tags: {} }
  if (schedule.partitions === undefined) return { runs: [plain] }
  const state = await readMark(database, { location: manifest.location, schedule: schedule.name }, lock)
  const { keys, mark, reason } = await newPartitions(database, manifest, schedule, slot, state)
  return { runs: keys.map((key) => ({ ...plain, partitions: [key] })), mark, reason }
}

/** What its requests run that say nothing else. */
export function requesterOf(location: string, schedule: ScheduleSpec): Requester {
  const { name, assets, job, config, tags } = schedule
  const single = schedule.decides !== true && schedule.partitions === undefined
  return { kind: 'schedule', location, name, assets, job, config, tags, options: runOptionsOf(schedule), single }
}

/** Writes down that a tick came to nothing, and asks for its next try where there is one. */
export async function recordFailure(deps: TickDeps, request: TickRequest, error: unknown, log: readonly JsonObject[] = []): Promise<void> {
  const { location, schedule, scheduledAt, cause } = request
  deps.logger.error({ err: error, schedule, location }, 'a tick of a schedule failed')
  const failures = await failTick(deps.pool, request, cause, redact(storedError(error)), log)
  if (failures === undefined || failures > mostRetries) return
  await deps.queues.enqueue(location, 'tick', { schedule, scheduledAt, cause, failures }, { delayMs: retryMs * 2 ** (failures - 1) })
}

/** Waits until the database's clock has come to the slot: by a clock that is ahead of it a partition would not be there yet. */
async function untilThen(database: Database, { scheduledAt, schedule }: TickRequest): Promise<void> {
  const { rows } = await database.query<{ ms: number }>(`SELECT extract(epoch FROM $1::timestamptz - clock_timestamp())::float8 * 1000 AS ms`, [scheduledAt])
  const behind = rows[0]?.ms ?? 0
  if (behind > mostBehindMs) {
    throw new MillraceError(`The database’s clock is ${String(Math.round(behind / 1000))} s behind the slot of the schedule ${schedule}.`, {
      code: 'CLOCKS_DIFFER',
      hint: 'Set the clocks of the machines by NTP; `millrace doctor` compares them.',
    })
  }
  if (behind > 0) await sleep(Math.ceil(behind))
}
