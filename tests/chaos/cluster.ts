import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import pg from 'pg'
import { createQueues } from '../../src/queues/queues.ts'
import type { FaultPoint } from '../../src/fault-point.ts'
import { createLogger } from '../../src/logger.ts'
import { startBackfill } from '../../src/producers/launch/backfill/start-backfill.ts'
import { launch } from '../../src/producers/launch/launch.ts'
import type { Backend, DurablePostgres, RedisServer, SpawnedMillrace } from '../support/test.ts'
import { atFileEnd, createDurablePostgres, spawnMillrace, startRedisServer, temporaryFolder, waitFor } from '../support/test.ts'
import { startChaosSpool } from './chaos-spool.ts'
import type { ChaosSpool, SpoolKind } from './chaos-spool.ts'
import { startReaders } from './readers.ts'
import type { Readers } from './readers.ts'
import { startChaosSource } from './source.ts'
import type { ChaosSource } from './source.ts'

export type Role = 'producers' | 'extract' | 'transform' | 'load' | 'ops' | 'ticks'
export type FaultAction = 'kill' | 'stop'

export interface Fault {
  readonly point: FaultPoint
  readonly action: FaultAction
}

export interface StartOptions {
  readonly fault?: Fault
  /** Variables laid over the cluster's: another code version, another folder of definitions. */
  readonly env?: Readonly<Record<string, string>>
}

/** One process of the cluster. */
export interface Member {
  readonly role: Role
  readonly pid: number
  readonly process: SpawnedMillrace
  /** Resolves with the database's time once the fault has struck and the process is dead or stopped. */
  struck(): Promise<Date>
  /** SIGTERM; resolves when it has ended in order. */
  stop(): Promise<void>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** SIGSTOP; resolves when it stands still. */
  freeze(): Promise<void>
}

/** A whole installation of its own, in processes of their own. */
export interface Cluster {
  readonly backend: Backend
  readonly database: DurablePostgres
  readonly pool: pg.Pool
  readonly source: ChaosSource
  readonly readers: Readers
  /** The folder in which function assets store their values. */
  readonly values: string
  /** The folder of its spool, where that is files. */
  readonly spool: string
  readonly batches: ChaosSpool
  /** Only on the Redis backend. */
  readonly redis: ChaosRedis | undefined
  start(role: Role, options?: StartOptions): Promise<Member>
  /** The members of a role that are running. */
  members(role: Role): readonly Member[]
  /** Ends all members of a role and starts one in their place. */
  replace(role: Role, options?: StartOptions): Promise<Member>
  /** Launches a run of an edition, by default a new one; answers both. */
  launch(assets: readonly string[], edition?: number): Promise<{ runId: string; edition: number }>
  /** Starts a backfill of all partitions, three runs at once. */
  backfill(assets: readonly string[]): Promise<string>
  /** An edition that no run has used. */
  nextEdition(): number
  /** Hands out a tick of the schedule, as the clock would. */
  tick(): Promise<string>
  /** Hands out an evaluation of the sensor, as its webhook would. */
  sense(): Promise<void>
  /** A launch as the leader of an epoch does it. */
  launchAsLeader(epoch: string): Promise<unknown>
  /** Ends whatever is left of the members, frozen or not, and starts the cluster's own anew: after a cell that failed. */
  reset(): Promise<void>
  /** The database's clock. */
  now(): Promise<Date>
}

export interface ChaosRedis {
  flush(): Promise<void>
  restart(): Promise<void>
}

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
export const redeployed = { MILLRACE_PIPELINES: here('redeployed'), MILLRACE_CODE_VERSION: 'redeployed' }

const commands: Readonly<Record<Role, readonly string[]>> = {
  producers: ['producers'],
  extract: ['worker', '--queues', 'extract'],
  transform: ['worker', '--queues', 'transform'],
  load: ['worker', '--queues', 'load'],
  ops: ['worker', '--queues', 'ops'],
  ticks: ['worker', '--queues', 'ticks'],
}

export interface ClusterOptions {
  readonly backend: Backend
  /** Default 3: the shorter the lease, the shorter the wait for a takeover. */
  readonly leaseSeconds?: number
  /** How many members of each role; default one worker of each kind and two producers. */
  readonly members?: Readonly<Partial<Record<Role, number>>>
  /** Where batches lie on their way; default files. */
  readonly spool?: SpoolKind
}

/** Starts a cluster with its database, queues, source and readers; all of it ends with the test file. */
export async function startCluster({ backend, leaseSeconds = 3, members = {}, spool: spoolKind = 'files' }: ClusterOptions): Promise<Cluster> {
  const folder = await temporaryFolder()
  const spool = join(folder, 'spool')
  const values = join(folder, 'values')
  const [database, redis, source, batches] = await Promise.all([
    createDurablePostgres(),
    backend === 'redis' ? startChaosRedis() : undefined,
    startChaosSource(),
    startChaosSpool(spoolKind, spool),
  ])
  const pool = new pg.Pool({ connectionString: database.url, max: 4, application_name: 'chaos' })
  pool.on('error', () => undefined)
  // Also while it is lent out: the server is killed under it.
  pool.on('connect', (client) => client.on('error', () => undefined))
  atFileEnd(() => pool.end())
  const env = {
    DATABASE_URL: database.url,
    REDIS_URL: redis?.url,
    MILLRACE_HOME: folder,
    ...batches.env,
    MILLRACE_PIPELINES: here('pipelines'),
    MILLRACE_CODE_VERSION: 'first',
    MILLRACE_LEASE_SECONDS: String(leaseSeconds),
    MILLRACE_BATCH_BYTES: '20000',
    MILLRACE_DRAIN_SECONDS: '10',
    CHAOS_SOURCE_URL: source.url,
    CHAOS_VALUES: values,
    LOG_LEVEL: 'debug',
  }
  const running = new Set<Member>()
  const logger = createLogger({ level: 'silent', pretty: false })
  let count = 0
  let edition = 0
  const now = async (): Promise<Date> => (await pool.query<{ now: Date }>('SELECT clock_timestamp() AS now')).rows[0]?.now ?? new Date()

  const start = async (role: Role, options: StartOptions = {}): Promise<Member> => {
    count += 1
    const { fault } = options
    const mark = join(folder, `mark-${String(count)}-`)
    const faults = fault === undefined ? {} : { MILLRACE_FAULT: `${fault.point}=${fault.action}`, MILLRACE_FAULT_MARK: mark }
    const process = spawnMillrace(commands[role], { ...env, ...options.env, ...faults })
    const ended = process.exited.then((end) => {
      running.delete(member)
      return end
    })
    const standsStill = (): boolean => stateOf(process.pid) === 'T'
    const member: Member = {
      role,
      pid: process.pid,
      process,
      async struck() {
        if (fault === undefined) throw new Error('this process has no fault')
        await waitFor(() => existsSync(`${mark}${fault.point}`), {
          what: `${fault.point} to be reached by ${role}\n${process.output().slice(-2000)}`,
          timeoutMs: 30_000,
        })
        if (fault.action === 'kill') await ended
        else await waitFor(standsStill, { what: `${role} to stand still` })
        return statSync(`${mark}${fault.point}`).mtime
      },
      async stop() {
        process.kill('SIGTERM')
        const { code } = await ended
        if (code !== 0) throw new Error(`${role} ended with ${String(code)}:\n${process.output().slice(-3000)}`)
      },
      async kill() {
        process.kill('SIGKILL')
        await ended
      },
      async freeze() {
        process.kill('SIGSTOP')
        await waitFor(standsStill, { what: `${role} to stand still` })
      },
    }
    running.add(member)
    atFileEnd(() => process.kill('SIGKILL'))
    await process.waitForOutput(role === 'producers' ? /producers ready/ : /worker ready/, { timeoutMs: 60_000 })
    return member
  }

  const withQueues = async <T>(use: (queues: ReturnType<typeof createQueues>) => Promise<T>): Promise<T> => {
    const queues = createQueues({ databaseUrl: database.url, redisUrl: redis?.url, prefix: 'millrace', logger })
    try {
      return await use(queues)
    } finally {
      await queues.close()
    }
  }
  const roles: readonly [Role, number][] = [
    ['producers', members.producers ?? 2],
    ['extract', members.extract ?? 1],
    ['transform', members.transform ?? 1],
    ['load', members.load ?? 1],
    ['ops', members.ops ?? 0],
    ['ticks', members.ticks ?? 0],
  ]
  const startAll = () => Promise.all(roles.flatMap(([role, number]) => Array.from({ length: number }, () => start(role))))
  await startAll()
  const readers = startReaders(database.url, source)
  atFileEnd(() => readers.stop())
  return {
    backend,
    database,
    pool,
    source,
    readers,
    values,
    spool,
    batches,
    redis,
    start,
    members: (role) => [...running].filter((one) => one.role === role),
    async replace(role, options) {
      const old = [...running].filter((one) => one.role === role)
      const [member] = await Promise.all([old.length === 0 ? start(role, options) : undefined, ...old.map((one) => one.stop())])
      return member ?? start(role, options)
    },
    nextEdition: () => (edition += 1),
    async launch(assets, chosen) {
      const of = chosen ?? (edition += 1)
      const { runId } = await withQueues((queues) => launch({ pool, queues, logger }, { assets, config: { edition: of }, launchedBy: 'chaos' }))
      return { runId, edition: of }
    },
    async backfill(assets) {
      const { backfillId } = await withQueues((queues) => startBackfill({ pool, queues, logger }, { assets, runsAtOnce: 3, launchedBy: 'chaos' }))
      return backfillId
    },
    launchAsLeader: (epoch) =>
      withQueues((queues) => launch({ pool, queues, logger }, { assets: ['chaos/replaced'], config: { edition: 0 }, launchedBy: 'chaos', epoch })),
    async tick() {
      const at = new Date().toISOString()
      await withQueues((queues) => queues.enqueue('chaos', 'tick', { schedule: 'yearly', scheduledAt: at, cause: 'clock' }))
      return at
    },
    async sense() {
      await withQueues(async (queues) => {
        const { rows } = await pool.query<{ asked: number }>(`SELECT asked FROM millrace.sensor WHERE name = 'watched'`)
        await queues.enqueue('chaos', 'sense', { sensor: 'watched', cause: 'webhook', asked: rows[0]?.asked ?? 1, failures: 0 })
      })
    },
    async reset() {
      source.releaseAll()
      await Promise.all([...running].map((one) => one.kill()))
      await startAll()
    },
    now,
  }
}

async function startChaosRedis(): Promise<ChaosRedis & { url: string }> {
  const folder = await temporaryFolder()
  let server: RedisServer = await startRedisServer(folder)
  const { url, port } = server
  atFileEnd(() => server.stop())
  return {
    url,
    async flush() {
      const client = new Redis(url, { lazyConnect: true })
      await client.flushall()
      client.disconnect()
    },
    async restart() {
      await server.stop('SIGKILL')
      server = await startRedisServer(folder, port)
    },
  }
}

/** The state of a process as the kernel tells it: `R`, `S`, `T` when stopped; undefined when it is gone. */
function stateOf(pid: number): string | undefined {
  try {
    return /^\d+ \(.*\) (\S)/s.exec(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'))?.[1]
  } catch {
    return undefined
  }
}
