import { randomUUID } from 'node:crypto'
import type * as z from 'zod'
import { anything } from '../definitions/option-kinds.ts'
import { FailureFacts, MaterializationFacts, RunFacts, StepFacts } from '../definitions/run-facts.ts'
import { storedError } from '../errors.ts'
import { refuseWrong } from './refuse-wrong.ts'
import { testLocation } from './test-bed.ts'

/** Facts are handed on as a test tells them; those that there are not nobody would look at. */
const shapeOf = (facts: z.ZodObject) => Object.fromEntries(Object.keys(facts.shape).map((name) => [name, anything('a fact')]))
const runShape = shapeOf(RunFacts)
const stepShape = shapeOf(StepFacts)
const materializationShape = shapeOf(MaterializationFacts)

/**
 * A run, as hooks and sensors are handed it.
 * @param at when it began, and where it has ended ended: ISO 8601, UTC
 * @throws MillraceError `TEST_OPTIONS` for a fact that there is not
 */
export function runFacts(at: string, given: Partial<RunFacts>): RunFacts {
  refuseWrong('What is told of a run', given, runShape)
  return {
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
  }
}

/** A step that has ended, as hooks are handed it. @throws MillraceError `TEST_OPTIONS` for a fact that there is not */
export function stepFacts(at: string, given: Partial<StepFacts>): StepFacts {
  refuseWrong('What is told of a step', given, stepShape)
  return {
    id: randomUUID(),
    name: 'step',
    kind: 'op',
    attempt: 1,
    partitions: null,
    metadata: {},
    startedAt: at,
    endedAt: at,
    ...given,
  }
}

/** A materialization, as sensors are handed it. @param number of the event @throws MillraceError `TEST_OPTIONS` for a fact that there is not */
export function materializationFacts(
  at: string,
  number: number,
  given: Partial<MaterializationFacts> & Pick<MaterializationFacts, 'asset'>,
): MaterializationFacts {
  refuseWrong('What is told of a materialization', given, materializationShape)
  return {
    event: String(number),
    location: testLocation,
    partitions: null,
    runId: randomUUID(),
    at,
    metadata: {},
    ...given,
  }
}

/** Why something failed, as hooks and sensors are told. */
export const failureFacts = (error: unknown): FailureFacts => FailureFacts.parse(storedError(error))
