import type pg from 'pg'
import { createPool } from '../catalog/database.ts'
import { ConfigError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { reasonOf } from '../postgres.ts'
import { backendOf } from '../warehouse/backend.ts'
import type { LoadBackend } from '../warehouse/backend.ts'
import { createBreaker } from './breaker.ts'
import type { Hold, Outage } from './breaker.ts'
import { DestinationDownError, downKindOf } from './destination-down.ts'
import { createSilenceWatch } from './silence-watch.ts'
import { checkServer, makeSession } from './destination-server.ts'

/**
 * Runs statements on the connection that a piece of work was lent.
 * @throws DestinationDownError when what was thrown says that the destination is down
 */
export type Ask = <T>(work: (client: pg.PoolClient) => Promise<T>) => Promise<T>

/** A connection to a destination, for one piece of work. */
export interface Lent {
  readonly backend: LoadBackend
  readonly use: Ask
  /** Ends whatever runs on it; the connection does not go back to the pool. */
  readonly cutOff: () => void
  release(): void
}

/** One destination's connections, made when they are needed. */
export interface DestinationPool {
  readonly outage: Outage | undefined
  /**
   * A connection, or how long to wait because the destination is down. Never takes long: an attempt that is late goes on by itself.
   * @throws ConfigError what no waiting mends: a server that is too old, a pooler that parts transactions, a schema that may not be made
   */
  lend(): Promise<Lent | Hold>
  close(): Promise<void>
}

export interface DestinationPoolOptions {
  readonly url: string
  readonly maxConnections: number
  /** Looked at before the first work: whether the schema is there, and what is in between. */
  readonly check: boolean
  /** How long a connection at work may be silent before somebody asks whether the server is still there, in ms. Default 5000. */
  readonly silenceMs?: number
  readonly logger: Logger
}

/** An attempt to connect that takes longer no longer keeps a worker's slot from other destinations, in ms. */
const patienceMs = 2000

export function createDestinationPool({ url, maxConnections, check, silenceMs = 5000, logger }: DestinationPoolOptions): DestinationPool {
  // A COPY, a check or a swap takes as long as it takes.
  const pool = createPool({ url, max: maxConnections, name: 'millrace load', logger, queryTimeoutMs: 0, plansKept: false, settingsAtStart: false })
  const breaker = createBreaker()
  const watch = createSilenceWatch({ url, patienceMs: silenceMs, logger })
  const greeted = new WeakSet<pg.PoolClient>()
  let checked: Promise<void> | undefined

  const connect = async (): Promise<pg.PoolClient> => {
    const client = await pool.connect()
    try {
      if (!greeted.has(client)) {
        await makeSession(client)
        await backendOf(client)
        greeted.add(client)
      }
      if (check) {
        checked ??= checkServer(client, url, logger)
        await checked
      }
      return client
    } catch (error) {
      checked = undefined
      client.release(error instanceof Error ? error : true)
      throw error
    }
  }

  const connectInTime = async (): Promise<pg.PoolClient | undefined> => {
    const connecting = connect()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), patienceMs)
    })
    const client = await Promise.race([connecting, late]).finally(() => clearTimeout(timer))
    if (client !== undefined) return client
    connecting.then(
      (made) => {
        breaker.connected()
        return made.release()
      },
      (error: unknown) => breaker.failed('unreachable', reasonOf(error)),
    )
    return undefined
  }

  const wrap = (client: pg.PoolClient, backend: LoadBackend): Lent => {
    let broken: Error | undefined
    let cut = false
    const onError = (error: Error): void => {
      broken = error
    }
    client.on('error', onError)
    const leave = watch.enter(client)
    return {
      backend,
      async use(work) {
        try {
          const result = await work(client)
          breaker.worked()
          return result
        } catch (error) {
          if (cut) throw error
          const kind = broken === undefined ? downKindOf(error) : 'unreachable'
          if (kind === undefined) {
            breaker.worked()
            throw error
          }
          broken ??= error instanceof Error ? error : new Error(String(error))
          throw new DestinationDownError(breaker.failed(kind, reasonOf(error)), error)
        }
      },
      cutOff() {
        cut = true
        broken ??= new Error('the work was given up')
        // A statement cannot be taken back on its own connection; another one cancels it.
        pool.query(`SELECT pg_cancel_backend($1)`, [backend.pid]).catch((error: unknown) => logger.debug({ err: error }, 'statement not canceled'))
      },
      release() {
        leave()
        client.removeListener('error', onError)
        client.release(broken)
      },
    }
  }

  return {
    get outage() {
      return breaker.outage
    },
    async lend() {
      const hold = breaker.ask()
      if (hold !== undefined) return hold
      try {
        const client = await connectInTime()
        if (client === undefined) return breaker.failed('unreachable', `no connection within ${String(patienceMs / 1000)} s`)
        breaker.connected()
        // Known since it was greeted.
        return wrap(client, await backendOf(client))
      } catch (error) {
        if (error instanceof ConfigError) throw error
        return breaker.failed('unreachable', reasonOf(error))
      }
    },
    async close() {
      // An attempt to reach a host that does not answer may still be under way.
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, patienceMs)
      })
      await Promise.race([pool.end(), late])
      clearTimeout(timer)
      watch.close()
    },
  }
}
