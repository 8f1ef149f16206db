import * as z from 'zod'

/** The kinds of queue; each location has one of each, named `<location>.<kind>`. */
export const queueKinds = ['ticks', 'extract', 'transform', 'load', 'ops'] as const
export type QueueKind = (typeof queueKinds)[number]

const stepPointer = z.object({ stepId: z.uuid(), enqueued: z.int().positive() })
const batchPointer = z.object({ batchId: z.string().regex(/^\d+$/), enqueued: z.int().positive() })

/**
 * Every job there is: its queue and what points at its row. A payload carries ids and the enqueue counter, never facts.
 * All are tried once by the queue: retries are rows of ours.
 */
export const jobs = {
  /** One evaluation of a schedule. `scheduledAt` is absent in a scheduler's jobs, whose id carries the time; `failures` is how often it failed before. */
  tick: {
    queue: 'ticks',
    payload: z.object({
      schedule: z.string(),
      scheduledAt: z.iso.datetime().optional(),
      cause: z.enum(['clock', 'first start', 'missed', 'hand']).default('clock'),
      failures: z.int().min(0).optional(),
    }),
  },
  /** One evaluation of a sensor. `asked` is the number of one that was asked for; a scheduler's jobs, and those tried again, have none. */
  sense: {
    queue: 'ticks',
    payload: z.object({
      sensor: z.string(),
      cause: z.enum(['clock', 'retry', 'webhook', 'hand', 'more']),
      asked: z.int().positive().optional(),
      failures: z.int().min(0).default(0),
    }),
  },
  /** Makes staging ready and draws the load's order. */
  prepare: { queue: 'load', payload: stepPointer },
  extract: { queue: 'extract', payload: stepPointer },
  transform: { queue: 'transform', payload: batchPointer },
  load: { queue: 'load', payload: batchPointer },
  publish: { queue: 'load', payload: stepPointer },
  /** Computes a SQL asset. */
  compute: { queue: 'load', payload: stepPointer },
  /** Runs a function asset. */
  execute: { queue: 'ops', payload: stepPointer },
  /** Takes a step that waits for its next attempt back to where it was. */
  resume: { queue: 'load', payload: stepPointer },
  /** Removes what an ended step left in staging and spool. */
  clean: { queue: 'load', payload: stepPointer },
} as const satisfies Record<string, { queue: QueueKind; payload: z.ZodType }>

export type JobName = keyof typeof jobs
export type Payload<N extends JobName> = z.output<(typeof jobs)[N]['payload']>

export function queueName(location: string, kind: QueueKind): string {
  return `${location}.${kind}`
}

/** The id of a delivery: the same row and counter is the same job, so enqueueing it twice is enqueueing it once. */
export function jobId<N extends JobName>(name: N, payload: Payload<N>): string {
  if ('stepId' in payload) return `${name}-${payload.stepId}-${String(payload.enqueued)}`
  if ('batchId' in payload) return `${name}-${payload.batchId}-${String(payload.enqueued)}`
  if ('sensor' in payload) return `${name}-${payload.sensor}-${payload.cause}-${String(payload.asked ?? '')}-${String(payload.failures)}`
  const again = (payload.failures ?? 0) === 0 ? '' : `-${String(payload.failures)}`
  return `${name}-${payload.schedule}-${payload.scheduledAt ?? ''}${again}`.replaceAll(':', '')
}
