import { destinationOf } from '../catalog/destinations.ts'
import type { Pointer } from '../catalog/destinations.ts'
import { ConfigError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import type { Payload } from '../queues/jobs.ts'
import { endBackend } from '../warehouse/backend.ts'
import type { LoadBackend } from '../warehouse/backend.ts'
import type { WorkerContext } from './context.ts'
import { DestinationDownError } from './destination-down.ts'
import type { Ask, DestinationPool, Lent } from './destination-pool.ts'
import { holdBack, sayDown, sayUp } from './hold-back.ts'
import { doWork } from './work.ts'
import type { Claimed } from './work.ts'

type DestinationJob = 'prepare' | 'load' | 'publish' | 'compute'

export interface DestinationWork<N extends DestinationJob, C extends Claimed> {
  readonly job: N
  readonly payload: Payload<N> & Pointer
  readonly claim: (backend: LoadBackend | undefined) => Promise<C | undefined>
  /** What was left running when the work is given up is cut off with its connection. */
  readonly run: (claimed: C, ask: Ask, signal: AbortSignal) => Promise<void>
}

/**
 * One piece of work on the destination of its step: a connection, the claim with it, the end of what the claim's holder before left behind,
 * and the work. While the destination is down the delivery is put off instead; where it cannot be used at all, the step fails.
 */
export async function workOnDestination<N extends DestinationJob, C extends Claimed>(context: WorkerContext, work: DestinationWork<N, C>): Promise<void> {
  const { job, payload, claim } = work
  const place = await destinationOf(context.pool, payload)
  if (place === undefined) return
  let pool: DestinationPool
  let lent: Awaited<ReturnType<DestinationPool['lend']>>
  try {
    pool = context.destinations.of(place.spec)
    lent = await pool.lend()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const claimed = await claim(undefined)
    if (claimed !== undefined) await doWork(context, job, claimed, () => Promise.reject(error))
    return
  }
  if ('delayMs' in lent) {
    await holdBack(context, pool, place, job, payload, lent)
    return
  }
  const { backend, use } = lent
  try {
    await sayUp(context, pool, place)
    const claimed = await claim(backend)
    if (claimed === undefined) return
    faultPoint(`${job}.claimed`)
    await doWork(context, job, claimed, async (signal) => {
      const stopWatching = cutOffOnAbort(lent, signal)
      try {
        await takeOver(context, lent, claimed.previousBackend)
        await work.run(claimed, use, signal)
      } catch (error) {
        if (error instanceof DestinationDownError) await sayDown(context, pool, place, error.hold)
        throw error
      } finally {
        stopWatching()
      }
    })
  } finally {
    lent.release()
  }
}

async function takeOver({ logger }: WorkerContext, { use }: Lent, previous: LoadBackend | undefined): Promise<void> {
  if (previous === undefined) return
  if (await use((client) => endBackend(client, previous))) logger.info({ pid: previous.pid }, 'ended a session that its worker left behind')
}

function cutOffOnAbort({ cutOff }: Lent, signal: AbortSignal): () => void {
  if (signal.aborted) cutOff()
  signal.addEventListener('abort', cutOff, { once: true })
  return () => signal.removeEventListener('abort', cutOff)
}
