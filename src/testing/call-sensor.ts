import type { Json } from '../definitions/json.ts'
import type { ParsedAnswer, Sensor } from '../definitions/sensor.ts'
import { anObject, anything, listOf } from '../definitions/option-kinds.ts'
import type { OptionShape } from '../definitions/option-shape.ts'
import { askSensor } from '../workers/ask-sensor.ts'
import { reasonOf } from './attempt.ts'
import { handedTo } from './handed.ts'
import type { HandedFacts } from './handed.ts'
import { aTime, refuseOther, refuseWrong, testShape } from './refuse-wrong.ts'
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
  /** What a sensor that watches assets or runs is handed: of each as much as the test is about, the rest is made up. */
  readonly handed?: HandedFacts
}

const shape: OptionShape<CallSensorOptions> = {
  resources: testShape.resources,
  env: testShape.env,
  clock: testShape.clock,
  signal: testShape.signal,
  cursor: anything('JSON'),
  lastEvaluatedAt: aTime,
  messages: listOf(anything('JSON'), "a list of bodies, as [{ file: 'orders.csv' }]"),
  handed: anObject("{ runs: [{ status: 'failed' }] }, or { materializations: [{ asset: 'shop/orders' }] }"),
}

/** What a sensor answered, with everything filled in, and what it logged. */
export type SensorCall = ParsedAnswer & { readonly log: readonly TestLine[] }

/**
 * Evaluates a sensor once. No run is launched, and nothing is remembered: hand the answer's `cursor` to the next call.
 * @throws what its function throws; MillraceError `SENSOR_TIMEOUT`, `SENSOR_ANSWER_INVALID`, `SENSOR_TOO_MANY_RUNS`, `TEST_HANDED`, `TEST_OPTIONS`, `TEST_UNKNOWN_RESOURCE`
 */
export async function callSensor(sensor: Sensor, options: CallSensorOptions = {}): Promise<SensorCall> {
  refuseOther('callSensor()', sensor, 'a sensor, as sensor({ … }) answers it', 'sensor')
  refuseWrong('callSensor()', options, shape)
  const { cursor, lastEvaluatedAt, messages = [] } = options
  return withTestBed(options, sensor.resources, async ({ clock, resources, throttle, logOf, lines }) => {
    const handed = handedTo(sensor, options.handed, clock.now().toISOString())
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
