import type { Json } from '../definitions/json.ts'
import type { ParsedAnswer, Sensor } from '../definitions/sensor.ts'
import { askSensor } from '../workers/ask-sensor.ts'
import type { Handed } from '../workers/read-watched.ts'
import { reasonOf } from './attempt.ts'
import { testLocation, withTestBed } from './test-bed.ts'
import type { TestOptions } from './test-bed.ts'
import type { TestLine } from './test-log.ts'

export interface CallSensorOptions extends Omit<TestOptions, 'config' | 'partitionKeys' | 'io'> {
  /** What the evaluation before answered. */
  readonly cursor?: Json
  /** When the evaluation before began: a Date, or text that `Date.parse` reads. */
  readonly lastEvaluatedAt?: Date | string
  /** Bodies that came by webhook since then, the oldest first; by the test's clock they come now. */
  readonly messages?: readonly Json[]
  /** Of a sensor that watches assets or runs: what it is handed. */
  readonly handed?: Handed
}

/** What a sensor answered, with everything filled in, and what it logged. */
export type SensorCall = ParsedAnswer & { readonly log: readonly TestLine[] }

/**
 * Evaluates a sensor once. No run is launched, and nothing is remembered: hand the answer's `cursor` to the next call.
 * @throws what its function throws; MillraceError `SENSOR_TIMEOUT`, `SENSOR_ANSWER_INVALID`, `SENSOR_TOO_MANY_RUNS`, `TEST_UNKNOWN_RESOURCE`
 */
export async function callSensor(sensor: Sensor, options: CallSensorOptions = {}): Promise<SensorCall> {
  const { cursor, lastEvaluatedAt, messages = [], handed } = options
  return withTestBed(options, sensor.resources, async ({ clock, resources, throttle, logOf, lines }) => {
    try {
      const answer = await askSensor(sensor, {
        location: testLocation,
        cursor,
        evaluatedAt: lastEvaluatedAt === undefined ? undefined : new Date(lastEvaluatedAt),
        messages: messages.map((body) => ({ body, receivedAt: clock.now() })),
        resources,
        throttles: { of: () => throttle },
        ...(handed === undefined ? {} : { handed }),
        log: logOf(sensor.spec.name),
      })
      return { ...answer, log: lines }
    } catch (error) {
      throw reasonOf(error)
    }
  })
}
