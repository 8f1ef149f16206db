import { setTimeout as delay } from 'node:timers/promises'
import { createPostgresBackend, Queue as RedisQueue, withBackend, Worker as RedisWorker } from 'bullmq'
import type { PgPool, Processor, Queue, Worker, WorkerOptions } from 'bullmq'
import { Redis } from 'ioredis'
import pg from 'pg'
import type { Logger } from '../logger.ts'
import { driverUrl } from '../postgres.ts'

/** How long the end of what is in hand is waited for when connections are closed. */
const longestCloseMs = 2000

export type QueueBackend = 'postgres' | 'redis'

export interface QueueConnectionOptions {
  /** Where the queues live when `redisUrl` is not given: the catalogue's database. */
  readonly databaseUrl: string
  readonly redisUrl?: string | undefined
  readonly prefix: string
  /** How many BullMQ workers this process will start: each keeps one connection for LISTEN. */
  readonly workers?: number
  readonly logger: Logger
}

/** How queues and workers reach their back end; what differs between Redis and Postgres is in this file alone. */
export interface QueueConnection {
  readonly backend: QueueBackend
  createQueue(name: string): Queue
  createWorker(name: string, processor: Processor, options: Omit<WorkerOptions, 'connection' | 'prefix'>): Worker
  /** Rejects when the back end does not answer. */
  ping(): Promise<void>
  close(): Promise<void>
}

// Finished jobs are kept for a person to look at in Bull Board; by age, because removal by count deadlocks on the Postgres back end.
const keep = { removeOnComplete: { age: 3600 }, removeOnFail: { age: 7 * 24 * 3600 } }
const defaultJobOptions = { attempts: 1, ...keep }

export function createQueueConnection(options: QueueConnectionOptions): QueueConnection {
  return options.redisUrl === undefined ? onPostgres(options) : onRedis(options, options.redisUrl)
}

function onRedis({ prefix, logger }: QueueConnectionOptions, url: string): QueueConnection {
  // Commands wait for a Redis that restarts instead of failing; each worker duplicates this connection for its blocking call.
  const connection = new Redis(url, { maxRetriesPerRequest: null, enableReadyCheck: true, retryStrategy: (times) => Math.min(times * 50, 1000) })
  connection.on('error', (error) => logger.debug({ err: error }, 'redis connection'))
  return {
    backend: 'redis',
    createQueue: (name) => new RedisQueue(name, { connection, prefix, defaultJobOptions, skipMetasUpdate: true }),
    createWorker: (name, processor, settings) => new RedisWorker(name, processor, { ...settings, ...keep, connection, prefix }),
    async ping() {
      await connection.ping()
    },
    async close() {
      connection.disconnect()
    },
  }
}

function onPostgres({ databaseUrl, workers = 0, logger }: QueueConnectionOptions): QueueConnection {
  const classes = withBackend(createPostgresBackend)
  // One pool for all queues and workers of the process; a worker takes one client of it for good, to LISTEN.
  const pool = new pg.Pool({
    connectionString: driverUrl(databaseUrl),
    max: workers + 4,
    application_name: 'millrace queues',
    // A job only points at a row of the catalogue. One that a crash of the server takes back is found to be missing and enqueued anew, and one that comes again is
    // refused by the row's claim: so nobody waits for the disk here, and the catalogue's own commits, which come after in the same log, take these along.
    options: '-c search_path=bullmq -c synchronous_commit=off',
    keepAlive: true,
    // A host that vanished without a word is noticed within a minute and not in two hours.
    keepAliveInitialDelayMillis: 10_000,
  })
  pool.on('error', (error) => logger.debug({ err: error }, 'queue connection'))
  // One that breaks while it is lent out would end the process: the pool listens to idle clients only.
  pool.on('connect', (client) => client.on('error', (error) => logger.debug({ err: error }, 'queue connection')))
  // Each queue and worker listens for the pool's errors.
  pool.setMaxListeners(0)
  const shared = pool as unknown as PgPool
  return {
    backend: 'postgres',
    createQueue: (name) => new classes.Queue(name, { connection: shared, defaultJobOptions, skipMetasUpdate: true }) as unknown as Queue,
    createWorker: (name, processor, settings) => new classes.Worker(name, processor, { ...settings, ...keep, connection: shared }) as unknown as Worker,
    async ping() {
      await pool.query('SELECT 1')
    },
    async close() {
      // A worker whose job does not end keeps the connection that it listens on.
      await Promise.race([pool.end(), delay(longestCloseMs, undefined, { ref: false })])
    },
  }
}
