import { randomUUID } from 'node:crypto'
import type { Hook } from '../definitions/hook.ts'
import type { Notification } from '../definitions/notification.ts'
import type { RunFacts, StepFacts } from '../definitions/run-facts.ts'
import { aKind, aNumber, anObject } from '../definitions/option-kinds.ts'
import type { OptionShape } from '../definitions/option-shape.ts'
import { askHook } from '../workers/call-hook.ts'
import { reasonOf } from './attempt.ts'
import { failureFacts, runFacts, stepFacts } from './facts.ts'
import { refuseOther, refuseWrong, testShape } from './refuse-wrong.ts'
import { withTestBed } from './test-bed.ts'
import type { TestOptions } from './test-bed.ts'
import type { TestLine } from './test-log.ts'

export interface CallHookOptions extends Pick<TestOptions, 'resources' | 'env' | 'clock' | 'signal'> {
  /** What it is told to have failed with: then it is called of a failure, else of a success. */
  readonly error?: Error
  /** What it is told of the run; what is left out is made up. */
  readonly run?: Partial<RunFacts>
  /** What it is told of the step that has ended; what is left out is made up. Without it, it is called as a run's hook. */
  readonly step?: Partial<StepFacts>
  /** From 1, which is the default. */
  readonly attempt?: number
}

const shape: OptionShape<CallHookOptions> = {
  resources: testShape.resources,
  env: testShape.env,
  clock: testShape.clock,
  signal: testShape.signal,
  error: aKind("an Error, as new Error('the shop is closed')", (value) => value instanceof Error),
  run: anObject("{ job: 'nightly' }"),
  step: anObject("{ name: 'shop/orders' }"),
  attempt: aNumber,
}

/** A notification that would be sent, and the resource that would send it. */
export type TestNotification = Notification & { readonly through: string }

export interface HookCall {
  readonly notifications: readonly TestNotification[]
  readonly log: readonly TestLine[]
}

/**
 * Calls a hook's function once. No notification is sent: the answer has them. A resource that cannot be started, and is not replaced, is missed by nobody but who uses it.
 * @throws what its function throws; MillraceError `HOOK_TIMEOUT`, `HOOK_ANSWER_INVALID`, `NOTIFIER_UNKNOWN`, `TEST_OPTIONS`, `TEST_UNKNOWN_RESOURCE`
 */
export async function callHook(hook: Hook, options: CallHookOptions = {}): Promise<HookCall> {
  refuseOther('callHook()', hook, 'a hook, as hook({ … }) answers it', 'hook')
  refuseWrong('callHook()', options, shape)
  const { error, run = {}, step, attempt = 1 } = options
  return withTestBed(options, hook.resources, async ({ runStartedAt: at, runId, signal, forHooks, logOf, lines }) => {
    const failure = error === undefined ? undefined : failureFacts(error)
    const failedSteps = failure === undefined || step === undefined ? [] : [step.name ?? 'step']
    const facts = {
      outcome: failure === undefined ? 'success' : 'failure',
      // While a step's hook is called its run may go on.
      run: runFacts(at, {
        id: runId,
        status: step !== undefined ? 'started' : failure === undefined ? 'succeeded' : 'failed',
        endedAt: step === undefined ? at : null,
        error: failure ?? null,
        failedSteps,
        ...run,
      }),
      step: step === undefined ? undefined : stepFacts(at, step),
      error: failure,
    } as const
    const call = { ...forHooks, idempotencyKey: randomUUID(), attempt, log: logOf(hook.name), ending: signal }
    try {
      const asked = await askHook(hook, facts, call)
      return { notifications: asked.map(({ through, content }) => ({ through, ...content })), log: lines }
    } catch (thrown) {
      throw reasonOf(thrown)
    }
  })
}
