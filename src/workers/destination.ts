import type pg from 'pg'
import { backendOf, endBackend } from '../warehouse/backend.ts'
import type { LoadBackend } from '../warehouse/backend.ts'
import type { WorkerContext } from './context.ts'

/** One connection to the destination, for one piece of work. */
export interface Destination {
  readonly client: pg.PoolClient
  readonly backend: LoadBackend
  /** Ends the session that the claim's holder before left behind. */
  takeOver(previous: LoadBackend | undefined): Promise<void>
  /** When the work is aborted, whatever statement runs is cut off with its connection. */
  endOnAbort(signal: AbortSignal): void
}

/** Lends a connection; one that broke, or was cut off, does not go back to the pool. */
export async function withDestination<T>(context: WorkerContext, use: (destination: Destination) => Promise<T>): Promise<T> {
  const client = await context.destination.connect()
  let broken: Error | undefined
  const onError = (error: Error): void => {
    broken = error
  }
  client.on('error', onError)
  let stopWatching: () => void = () => undefined
  try {
    const backend = await backendOf(client)
    return await use({
      client,
      backend,
      async takeOver(previous) {
        if (previous !== undefined && (await endBackend(client, previous)))
          context.logger.info({ pid: previous.pid }, 'ended a session that its worker left behind')
      },
      endOnAbort(signal) {
        const end = (): void => {
          broken = new Error('the work was given up')
          // A statement cannot be taken back on its own connection; another one cancels it.
          context.destination
            .query(`SELECT pg_cancel_backend($1)`, [backend.pid])
            .catch((error: unknown) => context.logger.debug({ err: error }, 'statement not canceled'))
        }
        if (signal.aborted) end()
        signal.addEventListener('abort', end, { once: true })
        stopWatching = () => signal.removeEventListener('abort', end)
      },
    })
  } catch (error) {
    if (error instanceof Error && /Connection terminated|ECONNRESET|EPIPE/.test(error.message)) broken = error
    throw error
  } finally {
    stopWatching()
    client.removeListener('error', onError)
    client.release(broken)
  }
}
