import { createChangeListener } from '../../catalog/change-feed.ts'
import type { Logger } from '../../logger.ts'

/** Between two times at the least, so that a thousand runs that end at once are a few; */
const pauseMs = 100
/** and so many times as long as the last one took, so that a stream of changes costs a fifth of a core at the most. */
const restFactor = 4

export interface Hurry {
  close(): Promise<void>
}

/** Does something as soon as it is heard that a run has changed, one time after the other. What fails or is not heard is the next round's. */
export function createHurry(databaseUrl: string, logger: Logger, act: () => Promise<void>): Hurry {
  const listener = createChangeListener(databaseUrl, logger)
  let closed = false
  let timer: NodeJS.Timeout | undefined
  let acting: Promise<void> = Promise.resolve()
  let tookMs = 0
  const run = async (): Promise<void> => {
    const began = performance.now()
    try {
      await act()
    } catch (error) {
      logger.debug({ err: error }, 'what was to be done at once is left to the next round')
    }
    tookMs = performance.now() - began
  }
  const unsubscribe = listener.subscribe(() => {
    if (closed) return
    timer ??= setTimeout(
      () => {
        acting = acting.then(() => {
          timer = undefined
          return run()
        })
      },
      Math.max(pauseMs, restFactor * tookMs),
    )
  })
  return {
    async close() {
      closed = true
      unsubscribe()
      clearTimeout(timer)
      await acting
      await listener.close()
    },
  }
}
