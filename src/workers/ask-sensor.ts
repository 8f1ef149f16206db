import type { Json, JsonObject } from '../definitions/json.ts'
import { ParsedAnswer } from '../definitions/sensor.ts'
import type { Sensor } from '../definitions/sensor.ts'
import { MillraceError } from '../errors.ts'
import { callUserCode } from './failure.ts'
import type { Handed } from './read-watched.ts'
import type { ResourceClients } from './resource-clients.ts'
import { createStepSignal } from './step-signal.ts'
import type { Throttles } from './throttle.ts'
import { issuesOf } from '../definitions/issues.ts'

export interface SensorQuestion {
  readonly location: string
  readonly cursor: Json | undefined
  readonly evaluatedAt: Date | undefined
  readonly messages: readonly { readonly body: Json; readonly receivedAt: Date }[]
  readonly resources: ResourceClients
  readonly throttles: Throttles
  /** `materializations` or `runs`, of a sensor that watches them. */
  readonly handed?: Handed
  readonly log: (message: string, fields: JsonObject) => void
}

/**
 * Calls a sensor's function and reads what it answers.
 * @throws UserCodeError around what the function throws; MillraceError `SENSOR_TIMEOUT`, `SENSOR_ANSWER_INVALID`, `SENSOR_TOO_MANY_RUNS`
 */
export async function askSensor({ spec, resources, run }: Sensor, question: SensorQuestion): Promise<ParsedAnswer> {
  const stop = createStepSignal(new AbortController().signal, spec.timeoutMs, () => tooLong({ ...spec, kind: 'sensor' }))
  try {
    const clients = await stop.until(() => callUserCode(() => question.resources.of(question.location, resources)))
    const context = {
      cursor: question.cursor,
      lastEvaluatedAt: question.evaluatedAt?.toISOString(),
      messages: question.messages.map(({ body, receivedAt }) => ({ body, receivedAt: receivedAt.toISOString() })),
      ...question.handed,
      resources: clients,
      signal: stop.signal,
      throttle: question.throttles.of(question.location),
      log: (message: string, fields: JsonObject = {}) => question.log(message, fields),
    }
    return readAnswer({ ...spec, kind: 'sensor' }, await stop.until(() => callUserCode(() => run(context as unknown as Parameters<typeof run>[0]))))
  } finally {
    stop.end()
  }
}

/** What is asked: a sensor's function or a schedule's. */
export interface Asked {
  readonly kind: 'sensor' | 'schedule'
  readonly name: string
  readonly timeoutMs: number
  readonly maxRuns: number
}

/** Reads what a function answers. @throws MillraceError `SENSOR_ANSWER_INVALID`, `SENSOR_TOO_MANY_RUNS`; of a schedule `SCHEDULE_…` */
export function readAnswer({ kind, name, maxRuns }: Asked, answer: unknown): ParsedAnswer {
  // First, as to check 100,000 requests takes its time.
  const asked = typeof answer === 'object' && answer !== null && 'runs' in answer && Array.isArray(answer.runs) ? answer.runs.length : 0
  if (asked > maxRuns) {
    throw new MillraceError(`The ${kind} ${name} asked for ${asked.toLocaleString('en')} runs at once; it may ask for ${maxRuns.toLocaleString('en')}.`, {
      code: `${kind.toUpperCase()}_TOO_MANY_RUNS`,
      hint: `Ask for some${kind === 'sensor' ? ', with a cursor to go on from' : ''}; start a backfill for many partitions; or raise the ${kind}’s \`maxRuns\`.`,
    })
  }
  const parsed = ParsedAnswer.safeParse(answer)
  if (parsed.success) return parsed.data
  throw new MillraceError(`The ${kind} ${name} answered what is no answer: ${issuesOf(parsed.error)}.`, {
    code: `${kind.toUpperCase()}_ANSWER_INVALID`,
    hint: `It answers { runs: [{ runKey, assets, … }], ${kind === 'sensor' ? 'cursor, ' : ''}reason }, or nothing.`,
  })
}

/** What is thrown into a function that takes too long. */
export function tooLong({ kind, name, timeoutMs }: Asked): MillraceError {
  return new MillraceError(`The ${kind} ${name} took longer than ${String(timeoutMs / 1000)} s.`, {
    code: `${kind.toUpperCase()}_TIMEOUT`,
    hint: `Hand \`signal\` to every request that it makes, ask for less at once, or raise its \`${kind === 'sensor' ? 'timeoutMs' : 'evaluationTimeoutMs'}\`.`,
  })
}
