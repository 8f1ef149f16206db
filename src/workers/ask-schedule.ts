import type { JsonObject } from '../definitions/json.ts'
import type { Schedule } from '../definitions/schedule.ts'
import { MillraceError } from '../errors.ts'
import type { Decision } from '../producers/launch/tick.ts'
import { mostRuns } from '../producers/launch/new-partitions.ts'
import { readAnswer, tooLong } from './ask-sensor.ts'
import { callUserCode } from './failure.ts'
import type { ResourceClients } from './resource-clients.ts'
import { createStepSignal } from './step-signal.ts'
import type { Throttles } from './throttle.ts'

export interface ScheduleQuestion {
  readonly location: string
  /** ISO 8601, UTC. */
  readonly scheduledAt: string
  readonly resources: ResourceClients
  readonly throttles: Throttles
  readonly log: (message: string, fields: JsonObject) => void
}

const timeoutMs = 60_000

/**
 * Calls a schedule's function and reads what it answers.
 * @throws UserCodeError around what the function throws; MillraceError `SCHEDULE_TIMEOUT`, `SCHEDULE_ANSWER_INVALID`, `SCHEDULE_TOO_MANY_RUNS`
 */
export async function askSchedule({ spec, resources, run }: Schedule, question: ScheduleQuestion): Promise<Decision> {
  const asked = { kind: 'schedule', name: spec.name, timeoutMs: spec.evaluationTimeoutMs ?? timeoutMs, maxRuns: spec.maxRuns ?? mostRuns } as const
  const stop = createStepSignal(new AbortController().signal, asked.timeoutMs, () => tooLong(asked))
  try {
    const clients = await stop.until(() => callUserCode(() => question.resources.of(question.location, resources)))
    const context = {
      scheduledAt: question.scheduledAt,
      resources: clients,
      signal: stop.signal,
      throttle: question.throttles.of(question.location),
      log: (message: string, fields: JsonObject = {}) => question.log(message, fields),
    }
    const answer = readAnswer(asked, await stop.until(() => callUserCode(() => run?.(context as unknown as Parameters<NonNullable<typeof run>>[0]))))
    if ('cursor' in answer || Object.keys(answer.partitionKeys).length > 0 || answer.notifications.length > 0) {
      throw new MillraceError(`The schedule ${spec.name} answered a cursor, keys of partitions or notifications, which only a sensor may.`, {
        code: 'SCHEDULE_ANSWER_INVALID',
        hint: 'Make it a sensor, or leave them out.',
      })
    }
    return { runs: answer.runs, reason: answer.reason }
  } finally {
    stop.end()
  }
}
