import { MillraceError } from '../errors.ts'

/**
 * Waits for an answer of the queues' back end, for so long.
 * @throws MillraceError `QUEUE_UNAVAILABLE`, retryable, when it is late; what was asked may be done later all the same.
 */
export type AnswerInTime = <T>(queue: string, asked: Promise<T>) => Promise<T>

/** While the back end is known to be silent, in ms: a round that asks a hundred times must not wait a hundred times over. */
const knownSilentMs = 100

/** Redis keeps commands until it is back, however long that takes: this is what gives up. One per connection. */
export function createAnswerInTime(limitMs: number): AnswerInTime {
  let silent = false
  return async (queue, asked) => {
    // A late answer is one too: whoever asks next has the whole time again.
    asked.then(
      () => (silent = false),
      () => undefined,
    )
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      const patienceMs = silent ? Math.min(knownSilentMs, limitMs) : limitMs
      timer = setTimeout(() => {
        silent = true
        reject(
          new MillraceError(`The queue ${queue} did not answer within ${String(patienceMs)} ms.`, {
            code: 'QUEUE_UNAVAILABLE',
            retryable: true,
            hint: 'Look whether what REDIS_URL, or else DATABASE_URL, points at is up: `millrace doctor` says.',
          }),
        )
      }, patienceMs)
      // Whoever waits for nothing else may end.
      timer.unref()
    })
    try {
      return await Promise.race([asked, late])
    } finally {
      clearTimeout(timer)
    }
  }
}
