import * as z from 'zod'
import type { OutageRead } from '../catalog/read/outages.ts'
import type { ProcessRead } from '../catalog/read/processes.ts'
import type { StepRead } from '../catalog/read/steps.ts'
import { endedStatuses } from '../catalog/step-states.ts'
import type { StepStatus } from '../catalog/step-states.ts'

/** Why a step does not go on. */
export const Wait = z
  .object({
    reason: z.enum(['upstream', 'no-worker', 'destination', 'retry', 'queue', 'spool']),
    message: z.string(),
    upstream: z.array(z.string()).optional().meta({ description: 'The assets that must be done first.' }),
    queues: z.array(z.string()).optional().meta({ description: 'The queues that it is in.' }),
    retryAt: z.iso.datetime().optional(),
    destination: z.string().optional().meta({ description: 'The destination that is down.' }),
    since: z.iso.datetime().optional().meta({ description: 'Since when it is down.' }),
  })
  .meta({ id: 'Wait' })
export type Wait = z.output<typeof Wait>

/** Which kind of queue an unclaimed step is in; null where it is in none. */
const queueOf: Record<StepStatus, string | null> = {
  waiting: null,
  preparing: 'load',
  extracting: 'extract',
  loading: null,
  publishing: 'load',
  computing: 'load',
  running: 'ops',
  retrying: 'load',
  succeeded: null,
  failed: null,
  canceled: null,
  skipped: null,
  superseded: null,
}
const over: ReadonlySet<StepStatus> = new Set(endedStatuses)

/** What stands in the way of a run's steps. */
export interface Circumstances {
  readonly steps: readonly StepRead[]
  readonly processes: readonly ProcessRead[]
  readonly outages: readonly OutageRead[]
}

/** Why a step waits, or null while it is being worked on or over. */
export function waitOf(step: StepRead, { steps, processes, outages }: Circumstances): Wait | null {
  if (over.has(step.status)) return null
  if (step.spoolWait !== null) return { reason: 'spool', message: step.spoolWait }
  if (step.status === 'waiting') {
    const upstream = step.upstream.filter((key) => steps.find((other) => other.asset === key)?.status !== 'succeeded')
    if (upstream.length > 0) return { reason: 'upstream', message: `Waits for ${upstream.join(', ')}.`, upstream }
  }
  const kinds = new Set<string>()
  const own = queueOf[step.status]
  if (own !== null && !step.claimed) kinds.add(own)
  if (step.recorded > step.encoded) kinds.add('transform')
  if (step.encoded > step.loaded) kinds.add('load')
  const workers = processes.filter((one) => one.role === 'worker' && step.location in one.versions)
  // A worker with a problem (another spool, for one) takes no jobs.
  const unmanned = [...kinds].filter((kind) => !workers.some((worker) => worker.problem === null && worker.queues.includes(kind)))
  if (unmanned.length > 0) {
    const queues = unmanned.map((kind) => `${step.location}.${kind}`)
    const problem = workers.find((worker) => worker.problem !== null && unmanned.some((kind) => worker.queues.includes(kind)))?.problem
    const message =
      typeof problem === 'string'
        ? `The worker for the queue ${queues.join(', ')} takes no jobs: ${problem}`
        : `No live worker for the queue ${queues.join(', ')}. Start one: millrace worker --location ${step.location}`
    return { reason: 'no-worker', message, queues }
  }
  const outage =
    kinds.has('load') && step.status !== 'retrying' ? outages.find((one) => one.location === step.location && one.destination === step.destination) : undefined
  if (outage !== undefined) {
    const { destination, reason, since } = outage
    return { reason: 'destination', message: `Waiting for the destination ${destination}, down since ${since}: ${reason}`, destination, since }
  }
  if (step.status === 'retrying' && step.nextAttemptAt !== null) {
    return { reason: 'retry', message: `Tried again at ${step.nextAttemptAt}.`, retryAt: step.nextAttemptAt }
  }
  if (own === null || step.claimed) return null
  const queue = `${step.location}.${own}`
  return { reason: 'queue', message: `In the queue ${queue}.`, queues: [queue] }
}
