import type { DueStep } from '../../catalog/steps.ts'
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
