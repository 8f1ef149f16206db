import pg from 'pg'
import type { Logger } from '../logger.ts'
import { driverUrl } from '../postgres.ts'
import { keepPlans } from './keep-plans.ts'

/** A pool, or one of its clients inside a transaction. */
export type Database = Pick<pg.Pool, 'query'>

export interface PoolOptions {
  readonly url: string
  readonly max: number
  /** Shown in pg_stat_activity. */
  readonly name: string
  readonly logger: Logger
  /** How long a query may take before its connection is given up, in ms. Default 15,000, far above any of the catalogue; 0: as long as it takes. */
  readonly queryTimeoutMs?: number
  /** Whether the server keeps the plans of queries with values. Default true; not for queries whose text is made up anew each time. */
  readonly plansKept?: boolean
  /** Whether the settings are made as connections start. Default true; a pooler in between refuses them there, so whoever is lent a fresh one makes them. */
  readonly settingsAtStart?: boolean
}

/**
 * What every session of ours has. A peer that vanished without a word is given up after 10 s, so that its locks are free for the takeover;
 * so is one that stands still in the middle of a transaction, whose end of the line the kernel keeps alive. A plan is kept while its table
 * grows, so it should take the index from the first pages on: as on any disk without a head to move.
 */
export const sessionSettings = { tcp_user_timeout: '10000', idle_in_transaction_session_timeout: '10000', random_page_cost: '1.1' } as const

/** Between the last word of a connection's peer and the kernel's first question whether it is still there, in ms. */
export const keepAliveDelayMs = 10_000

const isQueryTimeout = (error: unknown): error is Error => error instanceof Error && error.message === 'Query read timeout'

/** A pool that outlives a restart of its server: a broken idle connection is dropped and the next query opens another. */
export function createPool({ url, max, name, logger, queryTimeoutMs = 15_000, plansKept = true, settingsAtStart = true }: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: driverUrl(url),
    max,
    application_name: name,
    ...(settingsAtStart
      ? {
          options: Object.entries(sessionSettings)
            .map(([key, value]) => `-c ${key}=${value}`)
            .join(' '),
        }
      : {}),
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveDelayMs,
    // A server that vanished without a word answers nothing and refuses nothing: without this its end is noticed after 15 minutes.
    query_timeout: queryTimeoutMs,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 60_000,
  })
  pool.on('error', (error) => logger.debug({ err: error }, 'database connection'))
  // The pool listens to idle clients only: one that breaks while it is lent out would end the process. Its next query is told.
  if (plansKept) pool.on('connect', keepPlans)
  pool.on('connect', (client) => client.on('error', (error) => logger.debug({ err: error }, 'database connection')))
  return pool
}

/** Runs `use` in one transaction; rolls back and rethrows when it throws. */
export async function transaction<T>(pool: pg.Pool, use: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    await client.query('BEGIN')
    const result = await use(client)
    await client.query('COMMIT')
    return result
  } catch (error) {
    if (isQueryTimeout(error)) {
      // Nothing more comes from there: the connection is dropped, and the transaction with it.
      broken = error
      throw error
    }
    await client.query('ROLLBACK').catch((rollback: unknown) => {
      broken = rollback instanceof Error ? rollback : new Error(String(rollback))
    })
    throw error
  } finally {
    client.release(broken)
  }
}

/** The session of a connection: what a takeover needs to end it, and only it. */
export interface Backend {
  readonly pid: number
  readonly start: string
}
