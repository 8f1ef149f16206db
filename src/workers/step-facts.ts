import type { ClaimedStep } from '../catalog/claims.ts'
import type { Log } from '../definitions/log.ts'
import type { CallFacts } from './call-function.ts'
import type { WorkerContext } from './context.ts'
import type { Observations } from './observations.ts'

/** Where a function's lines and observations go. */
export interface Said {
  readonly log: Log
  readonly observations: Observations
}

/** What a function is told of the step that it is called for. @param key the partition, where it is called for one of several */
export const stepFacts = (context: WorkerContext, claimed: ClaimedStep, key: string | undefined, { log, observations }: Said): CallFacts => ({
  runId: claimed.runId,
  runStartedAt: claimed.runStartedAt,
  idempotencyKey: key === undefined ? claimed.stepId : `${claimed.stepId} ${key}`,
  attempt: claimed.attempt,
  throttle: context.throttles.of(claimed.location),
  log,
  observe: observations.observe(key),
})
