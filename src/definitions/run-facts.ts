import * as z from 'zod'

/** Why a run or a step failed, without secrets and without the stack. */
export const FailureFacts = z.object({
  name: z.string().catch('Error'),
  code: z.string().catch('UNKNOWN'),
  message: z.string(),
  hint: z.string().optional(),
})
export type FailureFacts = z.infer<typeof FailureFacts>

/** A run, as hooks and sensors are handed it. Times are ISO 8601, UTC. */
export const RunFacts = z.object({
  id: z.string(),
  location: z.string(),
  /** Null of a run of chosen assets. */
  job: z.string().nullable(),
  assets: z.array(z.string()),
  partitions: z.array(z.string()).nullable(),
  tags: z.record(z.string(), z.string()),
  /** `api`, `page`, `cli`, `schedule NAME`, `sensor NAME`, … */
  launchedBy: z.string(),
  /** `started` where one of its steps has ended and it goes on. */
  status: z.string(),
  createdAt: z.string(),
  /** Null where it never left the queue. */
  startedAt: z.string().nullable(),
  endedAt: z.string().nullable(),
  /** Of its failed steps the first twenty. */
  failedSteps: z.array(z.string()),
  /** Its own, or that of the first step that failed; null where none did. */
  error: FailureFacts.nullable(),
})
export type RunFacts = z.infer<typeof RunFacts>

/** A step that has ended, as hooks are handed it. */
export const StepFacts = z.object({
  id: z.string(),
  /** An asset's key, or the name that an op has in its graph. */
  name: z.string(),
  kind: z.string(),
  /** How often it was tried, from 1. */
  attempt: z.number(),
  partitions: z.array(z.string()).nullable(),
  /** What was shown of an asset that was materialized; empty of an op. */
  metadata: z.record(z.string(), z.json()),
  startedAt: z.string().nullable(),
  endedAt: z.string().nullable(),
})
export type StepFacts = z.infer<typeof StepFacts>

/** A materialization, as sensors are handed it. */
export const MaterializationFacts = z.object({
  /** Counts up over the whole installation. */
  event: z.string(),
  asset: z.string(),
  location: z.string(),
  /** The partitions that were made; null of an asset without. */
  partitions: z.array(z.string()).nullable(),
  /** Null where something else made it, and reported it. */
  runId: z.string().nullable(),
  /** ISO 8601, UTC. */
  at: z.string(),
  metadata: z.record(z.string(), z.json()),
})
export type MaterializationFacts = z.infer<typeof MaterializationFacts>
