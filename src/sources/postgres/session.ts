import pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import { clientConfig, nameOfPostgres, secretsOfPostgres } from './connection.ts'
import type { PostgresOrigin } from './connection.ts'
import { postgresError, silentError } from './postgres-error.ts'
import type { PostgresPlace } from './postgres-error.ts'

/** The longest silence while something is asked: 10 minutes. */
const defaultIdleTimeoutMs = 600_000
/** How long asking the server to cancel may take. */
const cancelTimeoutMs = 2000
/** The pieces in which bytes are read from the socket. */
const chunkBytes = 256 * 1024

export interface SessionOptions {
  readonly origin: PostgresOrigin
  readonly signal?: AbortSignal
  readonly idleTimeoutMs?: number
  readonly statementTimeoutMs?: number
  /** Whether it speaks the replication protocol, which knows few words of SQL, and no values. */
  readonly replication?: boolean
}

/** One connection to a source. Whatever it throws is a MillraceError, or the signal's reason. */
export interface Session {
  readonly place: PostgresPlace
  query<R extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<pg.QueryResult<R>>
  /** The bytes of a `COPY … TO STDOUT`, as they come. */
  copy(sql: string): AsyncGenerator<Buffer, void, undefined>
  /** Ends the connection; what runs on it is cancelled. */
  close(): Promise<void>
}

/** Settings that a long read needs, where the server knows them: no time-out of a transaction that waits for us, and a word from the kernel when we are gone. */
const settings = `
  SELECT set_config(s.name, w.value, false)
  FROM (VALUES ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'), ('idle_session_timeout', '0'),
               ('client_connection_check_interval', '5s'), ('tcp_user_timeout', '60s'),
               ('datestyle', 'ISO'), ('intervalstyle', 'postgres'), ('extra_float_digits', '1'), ('client_encoding', 'UTF8'),
               ('statement_timeout', $1)) w (name, value)
  JOIN pg_settings s ON lower(s.name) = w.name
  WHERE w.value IS NOT NULL`

/**
 * Connects. A transaction is the caller's to begin.
 * @throws SourceError `POSTGRES_UNREACHABLE`, `POSTGRES_AUTH`, `POSTGRES_TLS`, `POSTGRES_BUSY`, and of later questions `POSTGRES_LOST`,
 * `POSTGRES_QUERY`, `POSTGRES_TIMEOUT`, `POSTGRES_SILENT`.
 */
export async function openSession({
  origin,
  signal,
  idleTimeoutMs = defaultIdleTimeoutMs,
  statementTimeoutMs,
  replication = false,
}: SessionOptions): Promise<Session> {
  signal?.throwIfAborted()
  const place: PostgresPlace = { name: nameOfPostgres(origin), secrets: secretsOfPostgres(origin) }
  const client = new pg.Client({ ...clientConfig(origin), ...(replication ? { replication: 'database' } : {}) })
  // Without a listener a connection that breaks at rest would end the process; the next question is told.
  client.on('error', () => undefined)
  let killed: unknown
  let working = false
  let closing: Promise<void> | undefined
  let backend: Backend | undefined

  const fail = (error: unknown): unknown => (killed === undefined ? postgresError(error, place) : killed)
  const kill = (reason: unknown): void => {
    killed ??= reason
    closing ??= Promise.allSettled([destroy(client), ...(working && backend !== undefined ? [cancel(origin, backend)] : [])]).then(() => undefined)
  }
  const abort = (): void => kill(signal?.reason)

  /** Waits for one answer, at most as long as silence is borne. */
  async function answered<T>(work: () => Promise<T>): Promise<T> {
    if (killed !== undefined) throw killed
    const timer = setTimeout(() => kill(silentError(place, idleTimeoutMs)), idleTimeoutMs)
    working = true
    try {
      return await work()
    } catch (error) {
      throw fail(error)
    } finally {
      working = false
      clearTimeout(timer)
    }
  }
  async function close(): Promise<void> {
    signal?.removeEventListener('abort', abort)
    closing ??= client.end().catch(() => undefined)
    await closing
  }

  signal?.addEventListener('abort', abort, { once: true })
  const session: Session = {
    place,
    query: (text, values = []) => answered(() => (values.length === 0 ? client.query(text) : client.query(text, [...values]))),
    async *copy(sql) {
      const stream = client.query(copyTo(sql, { highWaterMark: chunkBytes }))
      // Behind its last byte nobody reads it any longer, and a connection that breaks there would end the process; the next question is told.
      stream.on('error', () => undefined)
      const chunks = stream[Symbol.asyncIterator]()
      let ended = false
      try {
        for (;;) {
          const next = await answered<IteratorResult<Buffer, unknown>>(() => chunks.next())
          if (next.done === true) break
          yield next.value
        }
        ended = true
      } finally {
        // Left in the middle: the rest of the rows is on its way, and nobody takes it.
        if (!ended) {
          working = true
          kill(killed ?? new Error('left'))
          await closing
        }
      }
    },
    close,
  }
  try {
    await answered(() => client.connect())
    if (replication) return session
    const { rows } = await session.query<Backend>('SELECT pid, backend_start::text AS start FROM pg_stat_activity WHERE pid = pg_backend_pid()')
    backend = rows[0]
    await session.query(settings, [statementTimeoutMs === undefined ? null : String(statementTimeoutMs)])
    return session
  } catch (error) {
    await close()
    throw error
  }
}

async function destroy(client: pg.Client): Promise<void> {
  const { connection } = client as unknown as { connection?: { stream?: { destroy(): void } } }
  connection?.stream?.destroy()
}

/** A session of the server: its process id may soon be another's. */
interface Backend {
  readonly pid: number
  readonly start: string
}

/** A backend that sorts for an hour does not look at its socket: it is told to stop, on another connection. */
async function cancel(origin: PostgresOrigin, { pid, start }: Backend): Promise<void> {
  const other = new pg.Client({ ...clientConfig(origin), connectionTimeoutMillis: cancelTimeoutMs, query_timeout: cancelTimeoutMs })
  other.on('error', () => undefined)
  try {
    await other.connect()
    await other.query('SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2::timestamptz', [pid, start])
  } catch {
    // It will notice the closed socket.
  }
  await destroy(other)
}
