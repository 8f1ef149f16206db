import type { StepStatus } from './step-states.ts'

/** A step that is due in a queue: what to enqueue once the transaction that made it so has committed. */
export interface DueStep {
  readonly stepId: string
  readonly location: string
  readonly status: StepStatus
  readonly enqueued: number
  readonly delayMs?: number
}

export interface DueRow {
  id: string
  location: string
  status: StepStatus
  enqueued: number
}

export const dueColumns = 'id, location, status, enqueued'
export const toDue = (row: DueRow): DueStep => ({ stepId: row.id, location: row.location, status: row.status, enqueued: row.enqueued })
// Every change that makes a step due raises the counter: the delivery before is stale from then on.
export const due = 'claimed_by = NULL, enqueued = enqueued + 1, enqueued_at = clock_timestamp()'
