import type { Queue } from 'bullmq'
import type { Logger } from '../logger.ts'
import { createAnswerInTime } from './answer-in-time.ts'
import { createQueueConnection } from './connection.ts'
import type { QueueBackend, QueueConnection, QueueConnectionOptions } from './connection.ts'
import { jobId, jobs, queueName } from './jobs.ts'
import type { JobName, Payload, QueueKind } from './jobs.ts'
import { openQueue } from './open-queue.ts'
import type { OpenQueue } from './open-queue.ts'

/** What became of a delivery: it still waits or runs (`pending`), is over (`finished`), or is not known (`missing`). */
export interface Delivery {
  readonly state: 'pending' | 'finished' | 'missing'
  /** The instance of the worker that has taken it off the queue and is not done with it. */
  readonly takenBy?: string
}

export interface EnqueueOptions {
  readonly delayMs?: number
}

/** Every queue of the installation, opened when first used. */
export interface Queues {
  readonly backend: QueueBackend
  readonly connection: QueueConnection
  /** Its jobs and job schedulers are answered in time, or with `QUEUE_UNAVAILABLE`. */
  queue(location: string, kind: QueueKind): Queue
  /**
   * Hands a pointer to whoever works its queue. Called after the row was committed; a failure, or no answer in time, is not an
   * error of the caller, because the sweep finds the row again, so it is logged and answered with false. One that gets through
   * after that is harmless: its id is the delivery's, and a claim decides who works the row.
   */
  enqueue<N extends JobName>(location: string, name: N, payload: Payload<N>, options?: EnqueueOptions): Promise<boolean>
  /** The same for many of one job, in one call. */
  enqueueAll<N extends JobName>(location: string, name: N, deliveries: readonly ({ readonly payload: Payload<N> } & EnqueueOptions)[]): Promise<boolean>
  /** @throws MillraceError `QUEUE_UNAVAILABLE` */
  delivery<N extends JobName>(location: string, name: N, payload: Payload<N>): Promise<Delivery>
  close(): Promise<void>
}

export interface QueuesOptions extends Omit<QueueConnectionOptions, 'logger'> {
  /** How long an answer may take, in ms. Default: 5000. */
  readonly answerMs?: number
  readonly logger: Logger
}

export function createQueues(options: QueuesOptions): Queues {
  const connection = createQueueConnection(options)
  const { logger } = options
  const answerInTime = createAnswerInTime(options.answerMs ?? 5000)
  const open = new Map<string, OpenQueue>()
  const queue = (location: string, kind: QueueKind): Queue => {
    const name = queueName(location, kind)
    const known = open.get(name)
    if (known !== undefined) return known.queue
    const made = openQueue({ name, create: (called) => connection.createQueue(called), answerInTime, logger })
    open.set(name, made)
    return made.queue
  }
  return {
    backend: connection.backend,
    connection,
    queue,
    async enqueue(location, name, payload, { delayMs } = {}) {
      const parsed = jobs[name].payload.parse(payload)
      try {
        await queue(location, jobs[name].queue).add(name, parsed, { jobId: jobId(name, payload), ...(delayMs === undefined ? {} : { delay: delayMs }) })
        return true
      } catch (error) {
        logger.warn({ err: error, location, job: name }, 'not enqueued; the sweep will')
        return false
      }
    },
    async enqueueAll(location, name, deliveries) {
      const added = deliveries.map(({ payload, delayMs }) => ({
        name,
        data: jobs[name].payload.parse(payload),
        opts: { jobId: jobId(name, payload), ...(delayMs === undefined ? {} : { delay: delayMs }) },
      }))
      try {
        await queue(location, jobs[name].queue).addBulk(added)
        return true
      } catch (error) {
        logger.warn({ err: error, location, job: name, deliveries: deliveries.length }, 'not enqueued; the sweep will')
        return false
      }
    },
    async delivery(location, name, payload) {
      const job = await queue(location, jobs[name].queue).getJob(jobId(name, payload))
      if (job === undefined) return { state: 'missing' }
      const state = await answerInTime(queueName(location, jobs[name].queue), job.getState())
      if (state === 'unknown') return { state: 'missing' }
      if (state === 'completed' || state === 'failed') return { state: 'finished' }
      return { state: 'pending', ...(state === 'active' && job.processedBy !== undefined ? { takenBy: job.processedBy } : {}) }
    },
    async close() {
      await Promise.allSettled([...open.values()].map((one) => one.close()))
      await connection.close()
    },
  }
}
