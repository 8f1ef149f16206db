import { randomUUID } from 'node:crypto'
import { FailureFacts } from '../definitions/run-facts.ts'
import type { MaterializationFacts, RunFacts, StepFacts } from '../definitions/run-facts.ts'
import { storedError } from '../errors.ts'
import { testLocation } from './test-bed.ts'

/** A run, as hooks and sensors are handed it. @param at when it began, and where it has ended ended: ISO 8601, UTC */
export const runFacts = (at: string, given: Partial<RunFacts>): RunFacts => ({
  id: randomUUID(),
  location: testLocation,
  job: null,
  assets: [],
  partitions: null,
  tags: {},
  launchedBy: 'test',
  status: 'succeeded',
  createdAt: at,
  startedAt: at,
  endedAt: at,
  failedSteps: [],
  error: null,
  ...given,
})

/** A step that has ended, as hooks are handed it. */
export const stepFacts = (at: string, given: Partial<StepFacts>): StepFacts => ({
  id: randomUUID(),
  name: 'step',
  kind: 'op',
  attempt: 1,
  partitions: null,
  metadata: {},
  startedAt: at,
  endedAt: at,
  ...given,
})

/** A materialization, as sensors are handed it. @param number of the event */
export const materializationFacts = (
  at: string,
  number: number,
  given: Partial<MaterializationFacts> & Pick<MaterializationFacts, 'asset'>,
): MaterializationFacts => ({
  event: String(number),
  location: testLocation,
  partitions: null,
  runId: randomUUID(),
  at,
  metadata: {},
  ...given,
})

/** Why something failed, as hooks and sensors are told. */
export const failureFacts = (error: unknown): FailureFacts => FailureFacts.parse(storedError(error))
