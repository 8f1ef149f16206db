import { changeKeys, dynamicPartitionsOf } from '../catalog/partition-keys.ts'
import { transaction } from '../catalog/database.ts'
import type { DynamicPartitions } from '../catalog/partition-keys.ts'
import { keepNotifications } from '../catalog/outbox.ts'
import { askForEvaluation, claimSensor, recordSensorTick, releaseSensor, settleSensor } from '../catalog/sensors.ts'
import type { ClaimedSensor } from '../catalog/sensors.ts'
import type { DueStep } from '../catalog/due-step.ts'
import type { JsonObject } from '../definitions/json.ts'
import type { ParsedAnswer, Sensor } from '../definitions/sensor.ts'
import { FencedError, MillraceError, storedError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import { enqueueSteps } from '../producers/launch/enqueue-step.ts'
import { launchRequests } from '../producers/launch/launch-requests.ts'
import { startWaiting } from '../producers/launch/start-waiting.ts'
import type { Payload } from '../queues/jobs.ts'
import { redact } from '../redact.ts'
import { askSensor } from './ask-sensor.ts'
import { kept } from './call-hook.ts'
import type { WorkerContext } from './context.ts'
import { isConnectionLoss, UserCodeError } from './failure.ts'
import { launchedBySensor, readWatched } from './read-watched.ts'
import type { SeenBySensor } from './read-watched.ts'
import { keepLine } from './tick-log.ts'

/** A failed evaluation is tried again so often before its next time, a little later each time. */
const mostFailures = 3
const retryMs = 2000

/**
 * Evaluates a sensor: its function is asked, and what it answers (runs, cursor, keys of partitions) is written in one transaction with the tick. So whoever dies in it
 * has done all or nothing, and the same answer twice launches what has a run key once.
 */
export async function sense(context: WorkerContext, payload: Payload<'sense'>, _job: unknown, location: string): Promise<void> {
  const own = context.locations.get(location)?.location.sensors.find((one) => one.spec.name === payload.sensor)
  if (own === undefined) {
    context.logger.info({ sensor: payload.sensor, location }, 'an evaluation of a sensor that this worker does not define')
    return
  }
  const claimed = await claimSensor(context.pool, { location, sensor: payload.sensor }, context.session.id, payload.cause === 'hand')
  if (claimed === undefined) return
  faultPoint('sense.claimed')
  const log: JsonObject[] = []
  try {
    const watched = await readWatched(context.pool, own.spec, claimed, context.locations.get(location)?.manifest.assets ?? [])
    if (watched?.count === 0 && claimed.messages.length === 0) return await passNothing(context, claimed, watched, payload.cause)
    const answer = await askSensor(own, {
      ...claimed,
      ...(watched === undefined ? {} : { handed: watched.handed }),
      resources: context.resources,
      throttles: context.throttles,
      log: (message, fields) => {
        context.logger.info({ sensor: payload.sensor, location, ...fields }, message)
        keepLine(log, message, fields)
      },
    })
    const { due, waits, asked } = await write(context, own, claimed, answer, { cause: payload.cause, log, watched })
    faultPoint('sense.committed')
    await enqueueSteps(context.queues, due)
    if (waits) await startWaiting(context)
    if (asked !== undefined) await context.queues.enqueue(location, 'sense', { sensor: payload.sensor, cause: 'more', asked, failures: 0 })
  } catch (error) {
    await giveUp(context, claimed, payload, error, log)
  }
}

/** There is nothing new: its function has nothing to be asked. */
async function passNothing(context: WorkerContext, claimed: ClaimedSensor, { next }: SeenBySensor, cause: string): Promise<void> {
  await transaction(context.pool, async (client) => {
    if (await settleSensor(client, claimed, undefined, next))
      await recordSensorTick(client, claimed, { cause, status: 'skipped', reason: 'Nothing new.', log: [] })
  })
}

interface Evaluation {
  readonly cause: string
  readonly log: readonly JsonObject[]
  readonly watched: SeenBySensor | undefined
}

async function write(
  context: WorkerContext,
  { spec, resources }: Sensor,
  claimed: ClaimedSensor,
  answer: ParsedAnswer,
  { cause, log, watched }: Evaluation,
): Promise<{ readonly due: readonly DueStep[]; readonly waits: boolean; readonly asked: number | undefined }> {
  const { location, sensor } = claimed
  const due: DueStep[] = []
  const notifications = answer.notifications.map((one) => kept(one, resources, `The sensor ${sensor}`))
  let waits = false
  let asked: number | undefined
  await transaction(context.pool, async (client) => {
    if (!(await settleSensor(client, claimed, 'cursor' in answer ? answer.cursor : undefined, watched?.next))) throw new FencedError(`the sensor ${sensor}`)
    for (const [name, change] of Object.entries(answer.partitionKeys)) {
      await changeKeys(client, requirePartitions(context, claimed, name), { ...change, by: `sensor ${sensor}` })
    }
    const by = { kind: 'sensor', location, name: sensor, assets: spec.assets } as const
    const { runs, known, ...launched } = await launchRequests(client, by, answer.runs)
    due.push(...launched.due)
    waits = launched.waits
    await keepNotifications(client, { location, causedBy: launchedBySensor(sensor) }, notifications)
    await recordSensorTick(client, claimed, {
      cause,
      status: runs.length > 0 ? 'launched' : notifications.length > 0 ? 'notified' : 'skipped',
      reason: answer.reason ?? (runs.length === 0 && known > 0 ? `Each of its ${String(known)} requests had a run already.` : undefined),
      runs,
      known,
      log,
      notifications: notifications.length,
      handed: watched?.count ?? 0,
    })
    if (watched?.more === true) asked = await askForEvaluation(client, claimed)
  })
  return { due, waits, asked }
}

function requirePartitions({ locations }: WorkerContext, { location, sensor }: ClaimedSensor, name: string): DynamicPartitions {
  const manifest = locations.get(location)?.manifest
  const all = manifest === undefined ? [] : dynamicPartitionsOf(manifest)
  const found = all.find((one) => one.name === name)
  if (found !== undefined) return found
  throw new MillraceError(`The sensor ${sensor} changes keys of the partitions ${name}, which no asset or job of ${location} has.`, {
    code: 'UNKNOWN_PARTITIONS',
    hint: all.length === 0 ? 'No asset or job has dynamic ones: see dynamicPartitions().' : `There are: ${all.map((one) => one.name).join(', ')}.`,
  })
}

/** Writes down why an evaluation came to nothing; the cursor stays, and messages too. */
async function giveUp(context: WorkerContext, claimed: ClaimedSensor, payload: Payload<'sense'>, thrown: unknown, log: readonly JsonObject[]): Promise<void> {
  const error: unknown = thrown instanceof UserCodeError ? thrown.cause : thrown
  if (error instanceof FencedError) return
  // A lost database of ours is no failure of the function: its next time comes, once the sensor is given back.
  if (!(thrown instanceof UserCodeError) && isConnectionLoss(error)) {
    void context.session.untilDone('giving a sensor back', () => releaseSensor(context.pool, claimed))
    throw error
  }
  const { location, sensor } = claimed
  context.logger.error({ err: error, sensor, location }, 'a sensor failed')
  const released = await transaction(context.pool, async (client) => {
    if (!(await releaseSensor(client, claimed))) return false
    await recordSensorTick(client, claimed, { cause: payload.cause, status: 'failed', error: redact(storedError(error)), log })
    return true
  })
  if (!released || payload.failures >= mostFailures) return
  const failures = payload.failures + 1
  const asked = (payload.asked ?? 0) + claimed.claim
  await context.queues.enqueue(location, 'sense', { sensor, cause: 'retry', asked, failures }, { delayMs: retryMs * 2 ** (failures - 1) })
}
