import { setMaxListeners } from 'node:events'
import type { Worker } from 'bullmq'
import { createChangeListener, createChangeNotifier } from '../catalog/change-feed.ts'
import { createPool } from '../catalog/database.ts'
import { createManifestReader, publishManifest, recordLocationError } from '../catalog/manifests.ts'
import type { SpoolPlace } from '../config.ts'
import type { Demo } from '../definitions/location.ts'
import { storedError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { queueName } from '../queues/jobs.ts'
import type { QueueKind } from '../queues/jobs.ts'
import { createQueues } from '../queues/queues.ts'
import type { Queues } from '../queues/queues.ts'
import { createBufferPool } from '../spool/buffer-pool.ts'
import type { WorkerContext, WorkerLimits } from './context.ts'
import { createDestinations } from './destinations.ts'
import { restoreFastStrings } from './fast-strings.ts'
import { handleJob } from './handlers.ts'
import { startLeftovers } from './leftovers.ts'
import type { Leftovers } from './leftovers.ts'
import type { LoadedLocation, LoadedLocations } from './load-locations.ts'
import { startOutboxSender } from './outbox-sender.ts'
import { createResourceClients } from './resource-clients.ts'
import { ShutdownError, startSession } from './session.ts'
import type { Session } from './session.ts'
import { startSpoolSweeper } from './sweep-spool.ts'
import { createThrottles } from './throttle.ts'
import type { Watchdog } from './watchdog.ts'
import { openWorkerSpool } from './worker-spool.ts'

export interface WorkerOptions {
  readonly databaseUrl: string
  readonly destinationUrl: string
  readonly redisUrl: string | undefined
  readonly queuePrefix: string
  readonly locations: LoadedLocations
  readonly queueKinds: readonly QueueKind[]
  readonly spool: SpoolPlace
  readonly demo: boolean
  readonly drainMs: number
  readonly leaseMs: number
  readonly limits: WorkerLimits
  /** How often one of the workers removes what was left behind in the spool, in ms. Default: 10 minutes. */
  readonly spoolSweepMs?: number
  /** How often the outbox is looked into, in ms. Default a second. */
  readonly outboxLookMs?: number
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where people open the board, without a slash at its end. */
  readonly boardUrl?: string | undefined
  /** It ends with the one run that it was started for. */
  readonly temporary?: boolean
  /** Is told what is in hand; its owner stops it. */
  readonly watchdog?: Watchdog
  readonly logger: Logger
}

export interface RunningWorker {
  readonly notices: readonly string[]
  /** Why it takes no stage jobs; undefined when all is well. */
  readonly problem: string | undefined
  /**
   * Takes nothing new, and goes on with the runs under way that were planned under its versions, as long as no other worker has those: what is in hand of them, and what
   * they come to. Resolves when nothing is left; `stop` ends it before.
   */
  retire(): Promise<void>
  /** Lets work in hand finish, within the drain deadline, then gives the rest back. */
  stop(): Promise<void>
}

/** How many jobs of a kind one process works at once: extract waits on networks, transform burns CPU, load waits on Postgres. */
const concurrency: Readonly<Record<QueueKind, number>> = { ticks: 2, extract: 8, transform: 2, load: 4, ops: 4 }
/** Batches whose bytes a process holds at once for work of a kind, as a rule. Of a step that is extracted: one is filled while the one before is written. */
const batchesInHand: Readonly<Record<QueueKind, number>> = { ticks: 0, extract: 2, transform: concurrency.transform, load: concurrency.load, ops: 0 }
const warnEveryMs = 60_000
const stageKinds: readonly QueueKind[] = ['extract', 'transform', 'load']

/**
 * Works the queues of a set of code locations, and publishes their manifests.
 * @throws what the database said when it went away meanwhile; nothing stays open then
 */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { logger, locations } = options
  const pool = createPool({ url: options.databaseUrl, max: 8, name: 'millrace worker', logger })
  const destinations = createDestinations({
    databaseUrl: options.databaseUrl,
    destinationUrl: options.destinationUrl,
    env: options.env,
    // One for each load at once, and two that cancel the statements of others.
    maxConnections: concurrency.load * Math.max(1, locations.loaded.length) + 2,
    logger,
  })
  const own = await openWorkerSpool(pool, options.spool, logger).catch(async (error: unknown) => {
    await Promise.all([pool.end(), destinations.close()])
    throw error
  })
  const { spool, problem } = own
  const kinds = options.queueKinds.filter((kind) => problem === undefined || !stageKinds.includes(kind))
  const session = await startSession({
    pool,
    logger,
    leaseMs: options.leaseMs,
    row: {
      role: 'worker',
      queues: kinds,
      versions: Object.fromEntries(locations.loaded.map((one) => [one.location.name, one.version])),
      spool: own.id,
      problem,
      temporary: options.temporary ?? false,
    },
  })
  const queues = createQueues({
    databaseUrl: options.databaseUrl,
    redisUrl: options.redisUrl,
    prefix: options.queuePrefix,
    workers: kinds.length * locations.loaded.length,
    logger,
  })
  const demos = await startDemos(options)
  for (const one of locations.loaded) await publishManifest(pool, one.manifest, one.version, demos.get(one.location.name)?.notice, one.folder)
  for (const { name, error } of locations.broken) {
    const version = await recordLocationError(pool, name, storedError(error))
    if (version === undefined) logger.warn({ location: name }, 'no version of it is in force: nothing of it runs until its definitions load')
    else logger.warn({ location: name, version }, 'the version that loaded last stays in force until its definitions load again')
  }
  const throttles = createThrottles(pool, logger)
  const context: WorkerContext = {
    pool,
    destinations,
    queues,
    queueKinds: kinds,
    spool,
    buffers: createBufferPool(kinds.reduce((sum, kind) => sum + batchesInHand[kind], 0)),
    session,
    watchdog: options.watchdog,
    manifests: createManifestReader(pool),
    locations: new Map(locations.loaded.map((one) => [one.location.name, one])),
    resources: createResourceClients({
      envOf: (location) => ({ ...options.env, DESTINATION_URL: options.destinationUrl, ...demos.get(location)?.env }),
      throttles,
      logger,
    }),
    throttles,
    notifier: createChangeNotifier(pool, logger),
    listener: createChangeListener(options.databaseUrl, logger),
    limits: options.limits,
    boardUrl: options.boardUrl,
    logger,
  }
  const unsubscribe = context.listener.subscribe((change) => {
    if (change.canceled) session.look()
  })
  // By now all that may slow them down is loaded.
  restoreFastStrings()
  const workers = kinds.flatMap((kind) => locations.loaded.map((one) => startQueueWorker(context, one, kind)))
  // Hooks and notifiers are user code, as ops are.
  const sender = kinds.includes('ops') ? startOutboxSender(context, { temporary: options.temporary === true, lookMs: options.outboxLookMs }) : undefined
  // Whoever sees another spool than the others knows nothing about what is in it; one that ends with its run leaves it to the others.
  const sweeper = problem === undefined && options.temporary !== true ? startSpoolSweeper({ pool, spool, logger }, options.spoolSweepMs ?? 600_000) : undefined
  const closeQueues = () => Promise.allSettled(workers.map((worker) => worker.close()))
  let leftovers: Leftovers | undefined
  const retire = async (): Promise<void> => {
    void session.untilDone('saying that this worker ends', () => session.retire(kinds.filter((kind) => ofUserCode.has(kind))))
    const closing = closeQueues()
    if (session.busy > 0) logger.info({ busy: session.busy }, 'newer definitions are at work; this worker finishes what it has begun')
    leftovers = startLeftovers(context, { extract: concurrency.extract, transform: concurrency.transform, execute: concurrency.ops })
    await Promise.all([closing, sender?.retire(), leftovers.done])
  }
  const stop = async (): Promise<void> => {
    unsubscribe()
    await sweeper?.stop()
    await Promise.all([drain(Promise.all([closeQueues(), leftovers?.stop()]), session, options.drainMs, logger), sender?.stop(options.drainMs)])
    await context.resources.close()
    await Promise.all([...demos.values()].map((demo) => demo.stop()))
    await context.notifier.close()
    await session.close()
    await context.listener.close()
    await queues.close()
    await spool.close()
    await Promise.all([pool.end(), destinations.close()])
  }
  try {
    await ready(workers, queues)
  } catch (error) {
    await stop().catch((failure: unknown) => logger.warn({ err: failure }, 'not everything was closed'))
    throw error
  }
  return { notices: [...demos.values()].map((demo) => demo.notice), problem, retire, stop }
}

/** BullMQ keeps a worker's rejection for life: one that did not get ready would keep its lease and take no job. On Redis it waits. */
async function ready(workers: readonly Worker[], queues: Queues): Promise<void> {
  if (queues.backend !== 'postgres') return
  await Promise.all(workers.map((worker) => worker.waitUntilReady()))
}

function startQueueWorker(context: WorkerContext, { location }: LoadedLocation, kind: QueueKind): Worker {
  const name = queueName(location.name, kind)
  const worker = context.queues.connection.createWorker(name, (job) => handleJob(context, location.name, job), {
    name: context.session.instance,
    concurrency: concurrency[kind],
    // A person waits for the takeover: with the defaults it may take a minute.
    lockDuration: 10_000,
    stalledInterval: 5000,
    // How often a delivery may be repeated after its worker died; what becomes of the step is decided by its row.
    maxStalledCount: 1000,
  })
  // BullMQ hands one signal to all jobs of a worker.
  setMaxListeners(100, worker)
  let warnedAt = -Infinity
  worker.on('error', (error) => {
    // While the back end is away it fails several times a second.
    const often = performance.now() - warnedAt < warnEveryMs
    if (!often) warnedAt = performance.now()
    context.logger[often ? 'debug' : 'warn']({ err: error, queue: name }, 'queue worker failed; it tries again')
  })
  return worker
}

async function drain(closing: Promise<unknown>, session: Session, drainMs: number, logger: Logger): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), drainMs)
  })
  if ((await Promise.race([closing, deadline])) === 'late') {
    logger.info({ busy: session.busy }, 'the deadline for draining has passed; giving work back')
    session.giveUp(new ShutdownError())
    await Promise.race([closing, new Promise((resolve) => setTimeout(resolve, 4000).unref())])
  }
  clearTimeout(timer)
}

/** What a worker that was retired goes on with: the rest needs no definitions of its version. */
const ofUserCode: ReadonlySet<QueueKind> = new Set(['extract', 'transform', 'ops'])

type StartedDemo = Awaited<ReturnType<Demo['start']>>

async function startDemos(options: WorkerOptions): Promise<Map<string, StartedDemo>> {
  const started = new Map<string, StartedDemo>()
  if (!options.demo) return started
  for (const { location } of options.locations.loaded) {
    if (location.demo?.when(options.env) !== true) continue
    const demo = await location.demo.start()
    options.logger.warn({ location: location.name }, demo.notice)
    started.set(location.name, demo)
  }
  return started
}
