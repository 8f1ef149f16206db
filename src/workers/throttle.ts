import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { isPaused, pauseTurns, reserveTurns } from '../catalog/rate-limits.ts'
import type { RateLimit, Throttle } from '../definitions/rate-limit.ts'
import { ConfigError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { isConnectionLoss } from './failure.ts'

/** A turn is reserved no further ahead than that, in ms, so that a pause reaches all but the next few. At least one turn always is. */
const aheadMs = 100
/** Between two tries to reach the catalogue, in ms. */
const retryMs = 500
/** The longest pause that a server can ask for, in ms: after that it is asked once more. */
const longestPauseMs = 3_600_000
/** A wait that is worth a line, in ms. */
const longWaitMs = 10_000

export interface Throttles {
  /** The turns of a location. */
  readonly of: (location: string) => Throttle
}

interface Waiting {
  readonly go: () => void
  readonly fail: (error: unknown) => void
  readonly signal: AbortSignal | undefined
}

/**
 * Turns that all processes share through the catalogue. Those who wait for a limit in one process stand in one line, and the first of them are reserved
 * together: one statement serves as many as are due at once. While the catalogue is away nobody gets a turn.
 */
export function createThrottles(pool: pg.Pool, logger: Logger): Throttles {
  const lines = new Map<string, Waiting[]>()

  /** Hands out turns until nobody waits any more. */
  const serve = async (location: string, limit: RateLimit, line: Waiting[]): Promise<void> => {
    const most = Math.max(1, Math.floor((limit.perSecond * aheadMs) / 1000), limit.burst ?? 1)
    for (leave(line); line.length > 0; leave(line)) {
      const waits = await untilReached(() => reserveTurns(pool, location, limit, Math.min(line.length, most)))
      const began = performance.now()
      let checked = 0
      for (const wait of waits) {
        const left = wait - (performance.now() - began)
        if (left > longWaitMs) logger.info({ location, limit: limit.name, seconds: Math.round(left / 1000) }, 'waiting for a turn')
        if (left > 0) await sleep(left, line)
        // Whoever waited may have missed a pause; one look serves all who are due with this one.
        if (left > 0 && performance.now() - checked > 20) {
          if (await untilReached(() => isPaused(pool, location, limit))) break
          checked = performance.now()
        }
        leave(line)
        line.shift()?.go()
      }
    }
  }

  /** The line is taken away in the same breath as it is found empty, so that nobody joins one that is not served. */
  const serveUntilEmpty = async (key: string, location: string, limit: RateLimit, line: Waiting[]): Promise<void> => {
    while (line.length > 0) {
      try {
        await serve(location, limit, line)
      } catch (error) {
        for (const one of line.splice(0)) one.fail(error)
      }
    }
    lines.delete(key)
  }

  const untilReached = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (!isConnectionLoss(error) || pool.ending) throw error
        logger.debug({ err: error }, 'the catalogue is away; nobody gets a turn')
        await delay(retryMs)
      }
    }
  }

  const wait = (location: string, limit: RateLimit, signal: AbortSignal | undefined): Promise<void> => {
    signal?.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiting: Waiting = { go: resolve, fail: reject, signal }
    // Those who mean another rate stand in another line.
    const key = JSON.stringify([location, limit.name, limit.perSecond, limit.burst])
    const known = lines.get(key)
    if (known !== undefined) known.push(waiting)
    else {
      const line = [waiting]
      lines.set(key, line)
      void serveUntilEmpty(key, location, limit, line)
    }
    return promise
  }

  return {
    of: (location) => ({
      async turn(limit, signal) {
        checkLimit(limit)
        await abortable(wait(location, limit, signal), signal)
      },
      async pause(limit, ms) {
        checkLimit(limit)
        await untilReached(() => pauseTurns(pool, location, limit, Math.min(longestPauseMs, Math.max(0, ms))))
      },
    }),
  }
}

/** Whoever no longer wants a turn makes room. */
function leave(line: Waiting[]): void {
  for (let index = line.length - 1; index >= 0; index -= 1) if (line[index]?.signal?.aborted === true) line.splice(index, 1)
}

/** Waits, in slices, for as long as anybody wants a turn. */
async function sleep(ms: number, line: Waiting[]): Promise<void> {
  const end = performance.now() + ms
  for (let left = ms; left > 0; left = end - performance.now()) {
    await delay(Math.min(Math.ceil(left), 1000))
    leave(line)
    if (line.length === 0) return
  }
}

async function abortable(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return work
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function checkLimit({ name, perSecond, burst = 1 }: RateLimit): void {
  const good = name !== '' && name.length <= 200 && perSecond > 0 && Number.isFinite(perSecond) && Number.isInteger(burst) && burst >= 1
  if (good) return
  throw new ConfigError(`The rate limit ${JSON.stringify({ name, perSecond, burst })} is none`, {
    code: 'RATE_LIMIT_INVALID',
    hint: 'Give it a name of at most 200 characters, turns per second above 0, and as burst a whole number from 1.',
  })
}
