import type { Queue } from 'bullmq'
import type { Logger } from '../logger.ts'
import type { AnswerInTime } from './answer-in-time.ts'

export interface OpenQueueOptions {
  readonly name: string
  readonly create: (name: string) => Queue
  readonly answerInTime: AnswerInTime
  readonly logger: Logger
}

export interface OpenQueue {
  readonly queue: Queue
  close(): Promise<void>
}

/** What the producers and the API wait for. Bull Board's own calls, which may take long, are left alone. */
const bounded: ReadonlySet<string | symbol> = new Set(['add', 'addBulk', 'getJob', 'getJobSchedulers', 'upsertJobScheduler', 'removeJobScheduler'])

/**
 * A queue that answers in time, and that is opened anew when it could not get ready: BullMQ keeps the rejection for the life of a
 * queue, so one that was first used while the database was away would stay dead.
 */
export function openQueue({ name, create, answerInTime, logger }: OpenQueueOptions): OpenQueue {
  let current: Queue | undefined
  const live = (): Queue => {
    if (current !== undefined) return current
    const made = create(name)
    made.on('error', (error) => logger.debug({ err: error, queue: name }, 'queue connection'))
    made.waitUntilReady().catch((error: unknown) => {
      logger.debug({ err: error, queue: name }, 'the queue did not get ready; its next use opens it again')
      if (current === made) current = undefined
    })
    current = made
    return made
  }
  const queue = new Proxy(live(), {
    get(_first, key) {
      const target = live()
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== 'function') return value
      return (...values: unknown[]): unknown => {
        const answer: unknown = Reflect.apply(value, target, values)
        return bounded.has(key) && answer instanceof Promise ? answerInTime(name, answer) : answer
      }
    },
  })
  return {
    queue,
    async close() {
      await current?.close()
    },
  }
}
