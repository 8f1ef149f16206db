import { forgetAdvice } from '../catalog/read/locations.ts'
import type { ClaimRead, Surroundings } from '../catalog/read/waits.ts'
import type { StepRead } from '../catalog/read/steps.ts'
import { endedStatuses } from '../catalog/step-states.ts'
import type { StepStatus } from '../catalog/step-states.ts'
import { moment } from '../definitions/moment.ts'
import { pausedWait, pauseOf, poolWait } from './run-waits.ts'
import type { Wait } from './wait.ts'

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
/** What hangs on a step in these may begin. */
const passed: ReadonlySet<StepStatus> = new Set(['succeeded', 'superseded'])

/** What stands in the way of a run's steps. */
export interface Circumstances extends Surroundings {
  /** Of the run's steps by their names: at least of those that the ones asked about hang on. */
  readonly statuses: ReadonlyMap<string, StepStatus>
}

export const statusesOf = (steps: readonly Pick<StepRead, 'asset' | 'status'>[]): ReadonlyMap<string, StepStatus> =>
  new Map(steps.map(({ asset, status }) => [asset, status]))

/** Why a step waits, or null while it is being worked on or over. */
export function waitOf(step: StepRead, circumstances: Circumstances): Wait | null {
  const { statuses, locations, processes, outages, pauses, claims } = circumstances
  if (over.has(step.status)) return null
  if (step.spoolWait !== null) return { reason: 'spool', message: step.spoolWait }
  if (step.status === 'waiting') {
    const upstream = step.upstream.filter((key) => !passed.has(statuses.get(key) ?? 'waiting'))
    if (upstream.length > 0) return upstreamWait(upstream, statuses)
    const pause = pauseOf(pauses, step.location)
    if (pause !== undefined) return pausedWait(pause)
  }
  if (step.pool !== null && (step.status === 'waiting' || (step.status === 'retrying' && Date.parse(step.nextAttemptAt ?? '') < Date.now()))) {
    return poolWait({ ...step, pool: step.pool }, circumstances)
  }
  const claim = claims.find((one) => one.stepId === step.id)
  if (claim !== undefined) {
    const silent = silenceOf(
      step,
      claim,
      processes.some((one) => one.role === 'producers'),
    )
    if (silent !== undefined) return silent
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
    const forget = forgetAdvice(locations.find(({ name }) => name === step.location))
    const advice = forget === '' ? '' : `.${forget}`
    const message =
      typeof problem === 'string'
        ? `The worker for the queue ${queues.join(', ')} takes no jobs: ${problem}`
        : `No live worker for the queue ${queues.join(', ')}. Start one: millrace worker --location ${step.location}${advice}`
    return { reason: 'no-worker', message, queues }
  }
  const outage =
    kinds.has('load') && step.status !== 'retrying' ? outages.find((one) => one.location === step.location && one.destination === step.destination) : undefined
  if (outage !== undefined) {
    const { destination, reason, since } = outage
    return { reason: 'destination', message: `Waiting for the destination ${destination}, down since ${moment(since)}: ${reason}`, destination, since }
  }
  if (step.status === 'retrying' && step.nextAttemptAt !== null) {
    return { reason: 'retry', message: `Tried again at ${moment(step.nextAttemptAt)}.`, retryAt: step.nextAttemptAt }
  }
  if (own === null || step.claimed) return null
  const queue = `${step.location}.${own}`
  return { reason: 'queue', message: `In the queue ${queue}.`, queues: [queue] }
}

function upstreamWait(upstream: readonly string[], statuses: Circumstances['statuses']): Wait {
  const named = upstream.map((key) => {
    const status = statuses.get(key)
    return status === undefined ? key : `${key} (${status})`
  })
  return { reason: 'upstream', message: `Waits for ${named.join(', ')}.`, upstream: [...upstream] }
}

/** What is to be said of a holder that is no longer heard of: it renews its lease four times as often as it would run out. */
function silenceOf(step: StepRead, claim: ClaimRead, anyProducers: boolean): Wait | undefined {
  const { silentSeconds, leaseSeconds, leaseLeftSeconds } = claim
  if (silentSeconds !== null && leaseLeftSeconds !== null && silentSeconds < leaseSeconds / 2) return undefined
  const who = claim.pid === null ? 'a process that is gone' : `the worker ${claim.host ?? ''}:${String(claim.pid)}`
  const left = Math.max(0, leaseLeftSeconds ?? 0)
  const freed = anyProducers
    ? `It is freed in at most ${String(Math.ceil(left + 1))} s, and goes on where another worker is alive.`
    : 'Nobody frees it: no producers are alive. Start them: millrace producers'
  const heard = silentSeconds === null ? '' : left > 0 ? `, not heard of for ${silentSeconds.toFixed(0)} s` : `, whose lease has run out`
  return { reason: 'dead-worker', message: `Held by ${who}${heard}. ${freed}`, queues: [`${step.location}.${queueOf[step.status] ?? 'load'}`] }
}
