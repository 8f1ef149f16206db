import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import { onTestFinished } from 'vitest'
import { requestCancel } from '../../src/catalog/cancel.ts'
import type { SpoolPlace } from '../../src/config.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import type { Location, LocationOptions } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import type { StoredError } from '../../src/errors.ts'
import { createLogger } from '../../src/logger.ts'
import type { Logger } from '../../src/logger.ts'
import { launch } from '../../src/producers/launch/launch.ts'
import type { Launched, LaunchRequest } from '../../src/producers/launch/launch.ts'
import { startProducers, startSweeper } from '../../src/producers/producers.ts'
import { queueKinds } from '../../src/queues/jobs.ts'
import type { QueueKind } from '../../src/queues/jobs.ts'
import { createQueues } from '../../src/queues/queues.ts'
import type { Queues } from '../../src/queues/queues.ts'
import { startWorker } from '../../src/workers/worker.ts'
import type { RunningWorker, WorkerOptions } from '../../src/workers/worker.ts'
import { atFileEnd, createDatabase, queuePrefix, redisUrl, temporaryFolder, waitFor } from './test.ts'
import type { Backend, TestDatabase } from './test.ts'

/** Silent unless TEST_LOG_LEVEL says otherwise. */
export const testLogger: Logger = createLogger({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent', pretty: false })

export interface EngineOptions {
  readonly backend: Backend
  /** Default: a new one on the test cluster. */
  readonly database?: TestDatabase
  /** Default: the tests' own. */
  readonly redisUrl?: string
  /** `sweeper` repairs and keeps no schedules (default); `none` leaves lost work lost. */
  readonly producers?: 'all' | 'sweeper' | 'none'
  readonly leaseMs?: number
  /** Default: files in `spoolFolder`. */
  readonly spool?: SpoolPlace
  /** Default: `testLogger`. */
  readonly logger?: Logger
}

export interface WorkerSettings {
  readonly queues?: readonly QueueKind[]
  readonly version?: string
  /** Default 64 KiB. */
  readonly batchBytes?: number
  /** Default 4. */
  readonly window?: number
  readonly maxRecordBytes?: number
  readonly env?: Readonly<Record<string, string>>
  readonly drainMs?: number
  /** Default: that of workers, which no test lives to see. */
  readonly spoolSweepMs?: number
  /** Default: that of workers, a second. */
  readonly outboxLookMs?: number
  readonly boardUrl?: string
}

export interface StepView {
  readonly id: string
  readonly asset: string
  readonly status: string
  readonly attempt: number
  readonly generation: number
  readonly batches: number
  readonly error: StoredError | null
  readonly result: Readonly<Record<string, unknown>> | null
}

export interface RunView {
  readonly id: string
  readonly status: string
  readonly steps: readonly StepView[]
  /** The only step of a run of one asset. */
  readonly step: StepView
  readonly events: readonly { readonly kind: string; readonly level: string; readonly message: string; readonly data: Readonly<Record<string, unknown>> }[]
}

/** Workers, a sweep and a database of their own, in this process: what the engine's tests run on. */
export interface Engine {
  readonly backend: Backend
  readonly database: TestDatabase
  readonly queues: Queues
  readonly spoolFolder: string
  /** A worker for a location. One that a test starts ends with the test, else it ends with the engine. */
  work(location: Location, settings?: WorkerSettings): Promise<RunningWorker>
  /** Defines a location with a name of its own and starts a worker for it. */
  define(
    assets: NonNullable<LocationOptions['assets']>,
    settings?: WorkerSettings,
    more?: Omit<LocationOptions, 'name' | 'assets'>,
  ): Promise<{ readonly location: Location; readonly worker: RunningWorker }>
  launch(assets: string | readonly string[], request?: Partial<LaunchRequest>): Promise<Launched>
  /** Launches and waits for the end. */
  run(assets: string | readonly string[], request?: Partial<LaunchRequest>): Promise<RunView>
  /** Launches, waits for the end, and throws with the run's events when it did not succeed. */
  succeed(assets: string | readonly string[], request?: Partial<LaunchRequest>): Promise<RunView>
  view(runId: string): Promise<RunView>
  /** Waits until the run is over. */
  ended(runId: string, timeoutMs?: number): Promise<RunView>
  cancel(runId: string): Promise<void>
  query<R extends pg.QueryResultRow = Record<string, unknown>>(sql: string, values?: readonly unknown[]): Promise<R[]>
  /** A query's first value of its first row. */
  value(sql: string, values?: readonly unknown[]): Promise<unknown>
  /** Ends all of it; happens at the file's end by itself. */
  stop(): Promise<void>
}

let names = 0

/** A location with a name that no other of this file has. */
export function createLocation(assets: NonNullable<LocationOptions['assets']>, more: Omit<LocationOptions, 'name' | 'assets'> = {}): Location {
  names += 1
  return defineLocation({ name: `place_${String(names)}`, assets, ...more })
}

/** Starts an engine: `beforeAll(async () => { engine = await startEngine({ backend }); return engine.stop })`. */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { backend } = options
  const stops: (() => Promise<unknown>)[] = []
  const database = options.database ?? (await createDatabase())
  if (options.database === undefined) stops.push(() => database.pool.end())
  const redis = backend === 'redis' ? (options.redisUrl ?? redisUrl) : undefined
  // Several engines of a file share one Redis; none may see another's jobs.
  const prefix = `${queuePrefix}-${randomBytes(3).toString('hex')}`
  const spoolFolder = await temporaryFolder()
  const spool = options.spool ?? { kind: 'files', folder: spoolFolder }
  const queues = createQueues({ databaseUrl: database.url, redisUrl: redis, prefix, logger: testLogger })
  stops.push(() => queues.close())
  const leaseMs = options.leaseMs ?? 8000
  const common = { databaseUrl: database.url, redisUrl: redis, queuePrefix: prefix, leaseMs, logger: options.logger ?? testLogger }
  if (options.producers !== 'none') {
    const producers = await (options.producers === 'all' ? startProducers : startSweeper)(common)
    stops.push(() => producers.stop())
  }
  const query = async <R extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<R[]> =>
    (await database.pool.query<R>(sql, [...values])).rows
  const engine: Engine = {
    backend,
    database,
    queues,
    spoolFolder,
    async work(location, settings = {}) {
      const workerOptions: WorkerOptions = {
        ...common,
        destinationUrl: database.url,
        locations: { loaded: [{ location, manifest: manifestOf(location), version: settings.version ?? 'v1' }], broken: [] },
        queueKinds: settings.queues ?? queueKinds,
        spool,
        demo: false,
        drainMs: settings.drainMs ?? 1000,
        limits: { batchBytes: settings.batchBytes ?? 64 * 1024, window: settings.window ?? 4, maxRecordBytes: settings.maxRecordBytes ?? 16 * 1024 * 1024 },
        env: settings.env ?? {},
        ...(settings.spoolSweepMs === undefined ? {} : { spoolSweepMs: settings.spoolSweepMs }),
        boardUrl: settings.boardUrl,
        ...(settings.outboxLookMs === undefined ? {} : { outboxLookMs: settings.outboxLookMs }),
      }
      const worker = await startWorker(workerOptions)
      let stopping: Promise<void> | undefined
      const stop = (): Promise<void> => (stopping ??= worker.stop())
      stops.push(stop)
      endWithTest(stop)
      return { notices: worker.notices, problem: worker.problem, retire: worker.retire, stop }
    },
    async define(assets, settings, more) {
      const location = createLocation(assets, more)
      return { location, worker: await engine.work(location, settings) }
    },
    launch: (assets, request) =>
      launch({ pool: database.pool, queues, logger: testLogger }, { assets: typeof assets === 'string' ? [assets] : assets, launchedBy: 'test', ...request }),
    async run(assets, request) {
      const { runId } = await engine.launch(assets, request)
      return engine.ended(runId)
    },
    async succeed(assets, request) {
      const run = await engine.run(assets, request)
      if (run.status !== 'succeeded') throw new Error(`the run ${run.status}:\n${run.events.map((event) => `${event.kind}: ${event.message}`).join('\n')}`)
      return run
    },
    view: (runId) => readRun(database.pool, runId),
    async ended(runId, timeoutMs = 30_000) {
      try {
        await waitFor(
          async () => ['succeeded', 'failed', 'canceled'].includes(String(await engine.value('SELECT status FROM millrace.run WHERE id = $1', [runId]))),
          {
            what: `the run ${runId} to end`,
            timeoutMs,
          },
        )
      } catch (error) {
        throw new Error(`${String(error)}\n${JSON.stringify(await readRun(database.pool, runId), null, 1).slice(0, 4000)}`, { cause: error })
      }
      return readRun(database.pool, runId)
    },
    async cancel(runId) {
      await requestCancel(database.pool, runId)
      await database.pool.query(`SELECT pg_notify('millrace_change', $1)`, [JSON.stringify({ runs: [runId] })])
    },
    query,
    async value(sql, values) {
      return Object.values((await query(sql, values))[0] ?? {})[0]
    },
    async stop() {
      for (let stop = stops.pop(); stop !== undefined; stop = stops.pop()) await stop()
    },
  }
  atFileEnd(engine.stop)
  return engine
}

function endWithTest(stop: () => Promise<void>): void {
  try {
    onTestFinished(stop)
  } catch {
    // It was started by a hook of a group, and ends with the engine.
  }
}

async function readRun(pool: pg.Pool, runId: string): Promise<RunView> {
  const { rows: runs } = await pool.query<{ id: string; status: string }>('SELECT id, status FROM millrace.run WHERE id = $1', [runId])
  const { rows: steps } = await pool.query<StepView>(
    'SELECT id, asset, status, attempt, generation, batches, error, result FROM millrace.step WHERE run_id = $1 ORDER BY asset',
    [runId],
  )
  const { rows: events } = await pool.query<RunView['events'][number]>('SELECT kind, level, message, data FROM millrace.event WHERE run_id = $1 ORDER BY id', [
    runId,
  ])
  const [run, step] = [runs[0], steps[0]]
  if (run === undefined || step === undefined) throw new Error(`there is no run ${runId}`)
  return { ...run, steps, step, events }
}
