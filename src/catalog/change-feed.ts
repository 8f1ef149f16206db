import pg from 'pg'
import type { Logger } from '../logger.ts'
import { driverUrl } from '../postgres.ts'
import { keepAliveDelayMs } from './database.ts'
import type { Database } from './database.ts'

const changeChannel = 'millrace_change'

/** Tells other processes that something about a run changed. A hint, never the truth: whoever hears it looks at the rows. */
export interface ChangeNotifier {
  changed(runId: string): void
  close(): Promise<void>
}

/**
 * One throttled notifier for the process: NOTIFY takes a lock of the whole server at commit, so it is never part of another transaction,
 * and many changes are one message. 40 ms: below what a person notices, far above the cost of one NOTIFY.
 */
export function createChangeNotifier(pool: pg.Pool, logger: Logger): ChangeNotifier {
  const waiting = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let sending: Promise<void> = Promise.resolve()
  const send = async (): Promise<void> => {
    timer = undefined
    const runs = [...waiting].slice(0, 100)
    for (const run of runs) waiting.delete(run)
    if (waiting.size > 0) timer = setTimeout(start, 40)
    try {
      await pool.query(`SELECT pg_notify($1, $2)`, [changeChannel, JSON.stringify({ runs })])
    } catch (error) {
      logger.debug({ err: error }, 'change not notified')
    }
  }
  const start = (): void => {
    sending = send()
  }
  return {
    changed(runId) {
      waiting.add(runId)
      timer ??= setTimeout(start, 40)
    },
    async close() {
      if (timer !== undefined) {
        clearTimeout(timer)
        start()
      }
      await sending
    },
  }
}

/** Tells every process at once that a run is to end. Sent with the transaction that says so: that happens too seldom to cost anything. */
export async function notifyCanceled(database: Database, runId: string): Promise<void> {
  await database.query(`SELECT pg_notify($1, $2)`, [changeChannel, JSON.stringify({ runs: [runId], canceled: true })])
}

/** What was heard. */
export interface Change {
  /** Undefined: it may be any. */
  readonly runs: readonly string[] | undefined
  /** Whether somebody may have asked for their end. */
  readonly canceled: boolean
}

export interface ChangeListener {
  /** Calls back when this run may have changed, or any run without `runId`; returns how to stop. */
  subscribe(listener: (change: Change) => void, runId?: string): () => void
  close(): Promise<void>
}

const anything: Change = { runs: undefined, canceled: true }

/** What a notification says; anything may be meant where somebody else sent it. */
function changeOf(payload: string | undefined): Change {
  try {
    const parsed: unknown = JSON.parse(payload ?? '')
    if (typeof parsed !== 'object' || parsed === null || !('runs' in parsed) || !Array.isArray(parsed.runs)) return anything
    return { runs: parsed.runs.map(String), canceled: 'canceled' in parsed && parsed.canceled === true }
  } catch {
    return anything
  }
}

export interface ListenerTimes {
  /** Between two questions whether the server is still there. */
  readonly askMs: number
  /** How long it may take to answer. */
  readonly answerMs: number
}

/**
 * Hears changes on one connection of its own, which it opens anew when it breaks or its server no longer answers;
 * subscribers are then told once, for what they may have missed.
 */
export function createChangeListener(url: string, logger: Logger, { askMs, answerMs }: ListenerTimes = { askMs: 15_000, answerMs: 10_000 }): ChangeListener {
  const subscribers = new Map<(change: Change) => void, string | undefined>()
  let client: pg.Client | undefined
  let closed = false
  let timer: NodeJS.Timeout | undefined
  let asking: NodeJS.Timeout | undefined
  const tell = (change: Change): void => {
    for (const [listener, runId] of subscribers) if (change.runs === undefined || runId === undefined || change.runs.includes(runId)) listener(change)
  }
  const again = (): void => {
    if (!closed) timer = setTimeout(() => void connect(), 500)
  }
  const connect = async (): Promise<void> => {
    const fresh = new pg.Client({
      connectionString: driverUrl(url),
      application_name: 'millrace changes',
      keepAlive: true,
      keepAliveInitialDelayMillis: keepAliveDelayMs,
      connectionTimeoutMillis: answerMs,
      query_timeout: answerMs,
    })
    let over = false
    const onEnd = (error?: unknown): void => {
      if (over) return
      over = true
      clearTimeout(asking)
      if (error !== undefined) logger.debug({ err: error }, 'change listener')
      again()
    }
    const giveUp = async (reason: unknown): Promise<void> => {
      onEnd(reason)
      await fresh.end().catch(() => undefined)
    }
    // Who only listens never notices that nobody is there any more.
    const askLater = (): void => {
      if (over || closed) return
      asking = setTimeout(() => void ask(), askMs)
      asking.unref()
    }
    const ask = async (): Promise<void> => {
      try {
        await fresh.query('SELECT 1')
        askLater()
      } catch (error) {
        await giveUp(error)
      }
    }
    fresh.on('error', onEnd)
    fresh.on('end', () => onEnd())
    fresh.on('notification', (message) => tell(changeOf(message.payload)))
    try {
      await fresh.connect()
      await fresh.query(`LISTEN ${changeChannel}`)
      client = fresh
      if (closed) {
        await fresh.end()
        return
      }
      askLater()
      tell(anything)
    } catch (error) {
      await giveUp(error)
    }
  }
  void connect()
  return {
    subscribe(listener, runId) {
      subscribers.set(listener, runId)
      return () => subscribers.delete(listener)
    },
    async close() {
      closed = true
      clearTimeout(timer)
      clearTimeout(asking)
      await client?.end().catch(() => undefined)
    },
  }
}
