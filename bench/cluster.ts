import { fork, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { migrate } from '../src/catalog/migrate.ts'
import { createEmbeddedPostgres } from '../src/embedded/embedded-postgres.ts'
import type { EmbeddedPostgres } from '../src/embedded/embedded-postgres.ts'
import type { QueueBackend } from '../src/queues/connection.ts'

const bin = fileURLToPath(new URL('../bin/millrace.js', import.meta.url))
const pipelines = fileURLToPath(new URL('./pipelines', import.meta.url))

/** An installation for measuring: durable Postgres, a source, and one process per role. */
export interface Cluster {
  readonly folder: string
  readonly postgres: EmbeddedPostgres
  readonly pool: pg.Pool
  readonly boardUrl: string
  /** Of the server of JSON records: source-server.ts. */
  readonly sourceUrl: string
  readonly processes: ReadonlyMap<string, ChildProcess>
  /** Starts one more process, of a name that no other has, with the arguments of `millrace`. */
  start(name: string, args: readonly string[]): void
  /** Ends one as an operator would, and waits until it is gone. */
  stop(name: string): Promise<void>
  readonly close: () => Promise<void>
}

export interface ClusterOptions {
  readonly backend: QueueBackend
  /** Of the source that serves JSON pages, at BENCH_SOURCE_URL. */
  readonly rows: number
  /** Processes by name: the arguments of `millrace`. */
  readonly roles: Readonly<Record<string, readonly string[]>>
  /** Settings for those processes, beside the usual ones. */
  readonly env?: Readonly<Record<string, string>>
}

const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

export async function startCluster({ backend, rows, roles, env: more = {} }: ClusterOptions): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  // As a data warehouse would have it: room for WAL, so that no checkpoint falls into a measured run and not into another.
  const postgres = await createEmbeddedPostgres({
    folder: join(folder, 'database'),
    durable: true,
    settings: { shared_buffers: '512MB', max_wal_size: '8GB', checkpoint_timeout: '30min' },
  })
  const processes = new Map<string, ChildProcess>()
  const pool = new pg.Pool({ connectionString: postgres.url, max: 4 })
  pool.on('error', () => undefined)
  const shutDown = async (): Promise<void> => {
    for (const signal of endings) process.removeListener(signal, interrupted)
    const redis = processes.get('redis')
    // Workers take leave of their queues.
    await Promise.all([...processes.values()].filter((child) => child !== redis).map(endProcess))
    if (redis !== undefined) await endProcess(redis)
    await pool.end()
    await postgres.close()
    rmSync(folder, { recursive: true, force: true })
  }
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= shutDown())
  // Whoever has seen enough leaves nothing running, and no gigabytes of tables.
  const interrupted = (signal: NodeJS.Signals): void => {
    void close().finally(() => process.kill(process.pid, signal))
  }
  for (const signal of endings) process.once(signal, interrupted)
  await migrate({ databaseUrl: postgres.url, queuesInPostgres: backend === 'postgres' })
  const redisPort = backend === 'redis' ? await freePort() : undefined
  if (redisPort !== undefined) {
    const redis = spawn(
      'redis-server',
      ['--port', String(redisPort), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction', '--dir', folder],
      { stdio: 'ignore' },
    )
    processes.set('redis', redis)
  }
  const source = fork(fileURLToPath(new URL('./source-server.ts', import.meta.url)), [String(rows)])
  processes.set('source', source)
  const sourcePort = await new Promise<number>((resolve) => source.once('message', (port) => resolve(Number(port))))
  const sourceUrl = `http://127.0.0.1:${String(sourcePort)}`
  const boardPort = await freePort()
  const env = {
    ...process.env,
    DATABASE_URL: postgres.url,
    ...(redisPort === undefined ? { REDIS_URL: '' } : { REDIS_URL: `redis://127.0.0.1:${String(redisPort)}` }),
    MILLRACE_HOME: folder,
    MILLRACE_PIPELINES: pipelines,
    PORT: String(boardPort),
    BENCH_SOURCE_URL: sourceUrl,
    LOG_LEVEL: 'warn',
    ...more,
  }
  const start = (name: string, args: readonly string[]): void => {
    processes.set(name, spawn(bin, [...args], { env, stdio: ['ignore', 'inherit', 'inherit'] }))
  }
  for (const [name, args] of Object.entries(roles)) start(name, args)
  await untilReady(pool, `http://127.0.0.1:${String(boardPort)}`).catch(async (error: unknown) => {
    await close()
    throw error
  })
  return {
    folder,
    postgres,
    pool,
    boardUrl: `http://127.0.0.1:${String(boardPort)}`,
    sourceUrl,
    processes,
    start,
    async stop(name) {
      const child = processes.get(name)
      processes.delete(name)
      if (child !== undefined) await endProcess(child)
    },
    close,
  }
}

async function untilReady(pool: pg.Pool, boardUrl: string): Promise<void> {
  for (;;) {
    const covered = await pool.query<{ n: number }>(
      `SELECT count(DISTINCT kind)::int AS n FROM millrace.process p, unnest(p.queues) kind WHERE p.lease_until > now() AND kind IN ('extract', 'transform', 'load')`,
    )
    const location = await pool.query(`SELECT 1 FROM millrace.location WHERE version IS NOT NULL`)
    const board = await fetch(`${boardUrl}/readyz`).then(
      (response) => response.ok,
      () => false,
    )
    if (covered.rows[0]?.n === 3 && location.rowCount === 1 && board) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await ended
  clearTimeout(late)
}
