import type { DueStep } from '../../catalog/due-step.ts'
import type { StepStatus } from '../../catalog/step-states.ts'
import type { JobName } from '../../queues/jobs.ts'
import type { Queues } from '../../queues/queues.ts'

/** The job that does the work of a step's status; statuses without one wait for something else. */
export const jobOfStatus = {
  preparing: 'prepare',
  extracting: 'extract',
  publishing: 'publish',
  computing: 'compute',
  running: 'execute',
  retrying: 'resume',
} as const satisfies Partial<Record<StepStatus, JobName>>

export function hasJob(status: StepStatus): status is keyof typeof jobOfStatus {
  return status in jobOfStatus
}

/** Enqueues what a step's status asks for. */
export async function enqueueStep(queues: Queues, step: DueStep): Promise<void> {
  if (!hasJob(step.status)) return
  await queues.enqueue(
    step.location,
    jobOfStatus[step.status],
    { stepId: step.stepId, enqueued: step.enqueued },
    step.delayMs === undefined ? {} : { delayMs: step.delayMs },
  )
}

/** Enqueues what many steps' statuses ask for, those of one job in one call. */
export async function enqueueSteps(queues: Queues, steps: readonly DueStep[]): Promise<void> {
  const [first] = steps
  if (first === undefined) return
  if (steps.length === 1) return enqueueStep(queues, first)
  const alike = Map.groupBy(steps, (step) => `${step.location} ${step.status}`)
  await Promise.all(
    [...alike.values()].map(async ([one, ...more]) => {
      if (one === undefined || !hasJob(one.status)) return
      const all = [one, ...more]
      await queues.enqueueAll(
        one.location,
        jobOfStatus[one.status],
        all.map(({ stepId, enqueued, delayMs }) => ({ payload: { stepId, enqueued }, ...(delayMs === undefined ? {} : { delayMs }) })),
      )
    }),
  )
}
