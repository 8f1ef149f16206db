import type { Observe } from '../definitions/observe.ts'
import type { CallFacts } from '../workers/call-function.ts'
import type { TestBed } from './test-bed.ts'

interface Call {
  /** As a run calls it. */
  readonly step: string
  /** The partition that is made. */
  readonly key?: string | undefined
  /** From 1. */
  readonly attempt: number
  readonly observe: Observe
}

/** What a function is told of the run that it is called in. */
export const callFacts = ({ runId, runStartedAt, throttle, logOf }: TestBed, { step, key, attempt, observe }: Call): CallFacts => ({
  runId,
  runStartedAt,
  idempotencyKey: `${runId} ${step}${key === undefined ? '' : ` ${key}`}`,
  attempt,
  throttle,
  log: logOf(step),
  observe,
})
