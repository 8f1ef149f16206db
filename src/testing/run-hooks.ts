import type { Hook, Hooks } from '../definitions/hook.ts'
import type { Resources } from '../definitions/resource.ts'
import { StepFacts } from '../definitions/run-facts.ts'
import type { FailureFacts, RunFacts } from '../definitions/run-facts.ts'
import { askHook, hookTooLong } from '../workers/call-hook.ts'
import { attempt } from './attempt.ts'
import type { TestNotification } from './call-hook.ts'
import { failureFacts, runFacts, stepFacts } from './facts.ts'
import type { EndedStep, RunState } from './run-state.ts'

/** What became of a hook that a step's end, or the run's, called. */
export interface TestHook {
  readonly name: string
  /** The step that it is of; undefined of the run's. */
  readonly step: string | undefined
  readonly outcome: 'success' | 'failure'
  /** Tries made. */
  readonly attempts: number
  /** What the last try threw; undefined where it did not fail. The run is not failed by it. */
  readonly error: unknown
  /** What it would have sent, and through which resource. */
  readonly notifications: readonly TestNotification[]
}

/** What hooks are told of a run. */
export interface HookedRun {
  readonly job?: string
  readonly tags?: Readonly<Record<string, string>>
  readonly assets?: readonly string[]
  readonly partitions?: readonly string[] | undefined
  /** Of the run itself. */
  readonly hooks?: Hooks | undefined
}

/** Every resource that hooks may use. */
export const resourcesOfHooks = (all: readonly (Hooks | undefined)[]): Resources =>
  Object.assign({}, ...all.flatMap((one) => [...(one?.succeeded ?? []), ...(one?.failed ?? [])]).map(({ resources }) => resources)) as Resources

/** Calls the hooks of the steps that ended, and then those of the run, as often as their policies say; what they would send is kept, and not sent. */
export async function runHooks(run: RunState, { hooks, job, tags, assets = [], partitions }: HookedRun): Promise<void> {
  const { bed, ended } = run
  if (bed.signal.aborted) return
  const failed: EndedStep[] = []
  const factsNow = (now: Partial<RunFacts>): RunFacts =>
    runFacts(bed.runStartedAt, {
      id: bed.runId,
      job: job ?? null,
      tags: { ...tags },
      assets: [...assets],
      partitions: partitions === undefined ? null : [...partitions],
      failedSteps: failed.slice(0, mostFailedSteps).map(({ name }) => name),
      error: failed[0] === undefined ? null : failureFacts(failed[0].error),
      ...now,
    })
  for (const step of ended.values()) {
    if (step.status === 'skipped') continue
    const error = step.status === 'failed' ? failureFacts(step.error) : undefined
    if (error !== undefined) failed.push(step)
    for (const hook of called(step.hooks, error !== undefined)) await callOne(run, hook, { step, run: factsNow({ status: 'started', endedAt: null }), error })
  }
  const of = factsNow({ status: failed.length === 0 ? 'succeeded' : 'failed', endedAt: bed.clock.now().toISOString() })
  for (const hook of called(hooks, failed.length > 0)) await callOne(run, hook, { step: undefined, run: of, error: of.error ?? undefined })
}

/** As a run's facts have them in the catalogue. */
const mostFailedSteps = 20

/** One that is named twice is called once. */
const called = (hooks: Hooks | undefined, failed: boolean): readonly Hook[] => [
  ...new Map((failed ? hooks?.failed : hooks?.succeeded)?.map((hook) => [hook.name, hook])).values(),
]

interface Ended {
  readonly step: EndedStep | undefined
  readonly run: RunFacts
  readonly error: FailureFacts | undefined
}

async function callOne({ bed, hooks }: RunState, hook: Hook, { step, run, error }: Ended): Promise<void> {
  const outcome = error === undefined ? 'success' : 'failure'
  const of = step === undefined ? undefined : stepFacts(bed.runStartedAt, factsOf(bed.runId, step))
  const tried = { retry: hook.retry, timeoutMs: hook.timeoutMs, tooLong: () => hookTooLong(hook) }
  const idempotencyKey = `${bed.runId} ${hook.name} ${step?.name ?? ''}`.trim()
  const asked = await attempt(bed, tried, ({ signal }, number) =>
    askHook(hook, { outcome, run, step: of, error }, { ...bed.forHooks, idempotencyKey, attempt: number, log: bed.logOf(hook.name), ending: signal }),
  )
  hooks.push({
    name: hook.name,
    step: step?.name,
    outcome,
    attempts: asked.attempts,
    error: 'error' in asked ? asked.error : undefined,
    notifications: 'value' in asked ? asked.value.map(({ through, content }) => ({ through, ...content })) : [],
  })
}

const factsOf = (runId: string, { name, kind, attempts, partitions, metadata }: EndedStep) => ({
  id: `${runId} ${name}`,
  name,
  kind,
  attempt: attempts,
  partitions: partitions === undefined ? null : [...partitions],
  metadata: StepFacts.shape.metadata.parse(metadata),
})
