import pg from 'pg'
import { addressOf } from '../../catalog/destination-address.ts'
import type { DestinationSpec } from '../../definitions/destination.ts'
import { ConfigError, MillraceError } from '../../errors.ts'
import { driverUrl } from '../../postgres.ts'
import { explainPostgres } from './fault.ts'

/** The database of a Postgres I/O manager: few connections, made when they are needed. */
export interface PostgresStore {
  /** What the destination is called, for metadata. */
  readonly destination: string
  /** What it is called in errors. */
  readonly name: string
  /**
   * Runs statements in one transaction. When the signal says so its connection is cut, so nothing of it stays.
   * @throws MillraceError `STORE_UNAVAILABLE`, which is tried again, and `STORE_REFUSED`; TableMissingError; the signal's reason
   */
  transaction<T>(signal: AbortSignal, use: (client: pg.ClientBase) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** A frozen worker's locks are free after 10 s, as those of all our sessions. Set here and not at the start: a pooler in between would refuse that. */
const begin = 'BEGIN; SET LOCAL idle_in_transaction_session_timeout = 10000; SET LOCAL tcp_user_timeout = 10000'

/** The most connections of a worker to one store. */
const maxConnections = 4

/** The longest that a statement may take, in ms. */
const statementMs = 60_000

/**
 * Opens nothing yet.
 * @param spec the destination; undefined for the default one, whose address workers put into the environment as DESTINATION_URL
 * @throws ConfigError when the environment does not say where it is
 */
export function createPostgresStore(spec: DestinationSpec | undefined, env: Readonly<Record<string, string | undefined>>): PostgresStore {
  const name = spec === undefined ? 'The default destination' : `The destination ${spec.name}`
  const pool = new pg.Pool({
    connectionString: spec === undefined ? defaultUrl(env) : addressOf(spec, env).driverUrl,
    application_name: 'millrace io',
    max: maxConnections,
    idleTimeoutMillis: 10_000,
    connectionTimeoutMillis: 10_000,
    query_timeout: statementMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  })
  // One that breaks while nobody uses it is dropped, one that is lent tells its next query: without listeners both would end the process.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))

  const connect = async (signal: AbortSignal): Promise<pg.PoolClient> => {
    signal.throwIfAborted()
    const connecting = pool.connect()
    const { promise: aborted, reject } = Promise.withResolvers<never>()
    const abort = (): void => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await Promise.race([connecting, aborted])
    } catch (error) {
      connecting.then(
        (late) => late.release(),
        () => undefined,
      )
      throw error
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  const transaction = async <T>(signal: AbortSignal, use: (client: pg.ClientBase) => Promise<T>): Promise<T> => {
    const client = await connect(signal)
    let isLent = true
    const giveBack = (broken?: Error): void => {
      if (isLent) client.release(broken)
      isLent = false
    }
    const cut = (): void => giveBack(new Error('the work was given up'))
    signal.addEventListener('abort', cut, { once: true })
    try {
      await client.query(begin)
      const result = await use(client)
      signal.throwIfAborted()
      await client.query('COMMIT')
      return result
    } catch (error) {
      // What a server said no to can be taken back; of anything else the connection may be in the middle.
      if (!(error instanceof pg.DatabaseError || error instanceof MillraceError)) giveBack(error instanceof Error ? error : new Error(String(error)))
      else if (isLent) await client.query('ROLLBACK').catch((broken: unknown) => giveBack(broken instanceof Error ? broken : new Error(String(broken))))
      throw error
    } finally {
      signal.removeEventListener('abort', cut)
      giveBack()
    }
  }

  return {
    destination: spec?.name ?? 'default',
    name,
    async transaction(signal, use) {
      try {
        return await transaction(signal, use)
      } catch (error) {
        if (signal.aborted) throw signal.reason
        throw error instanceof MillraceError ? error : explainPostgres(error, name)
      }
    },
    close: () => pool.end(),
  }
}

function defaultUrl(env: Readonly<Record<string, string | undefined>>): string {
  const url = env['DESTINATION_URL']
  if (url !== undefined && /^postgres(ql)?:$/.test(URL.parse(url)?.protocol ?? '')) return driverUrl(url)
  throw new ConfigError(
    `The default destination is not known: DESTINATION_URL is ${url === undefined || url === '' ? 'not set' : 'not a postgres:// address'}.`,
    {
      code: 'DESTINATION_UNSET',
      hint: 'Workers set it for their I/O managers; elsewhere, set it in the environment.',
    },
  )
}
