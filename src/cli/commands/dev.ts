import { watch } from 'chokidar'
import { Command } from '@commander-js/extra-typings'
import { migrate } from '../../catalog/migrate.ts'
import type { Config } from '../../config.ts'
import { createEmbeddedPostgres } from '../../embedded/embedded-postgres.ts'
import { assertFolderFree } from '../../embedded/folder-lock.ts'
import type { Logger } from '../../logger.ts'
import { startProducers } from '../../producers/producers.ts'
import { redactText } from '../../redact.ts'
import { readEnvironment } from '../environment.ts'
import { embeddedFolder, waitForDatabase } from '../installation.ts'
import type { Installation } from '../installation.ts'
import { printUpcoming } from '../upcoming.ts'
import { startBoard } from '../start-board.ts'
import { stopSignal } from '../stop-signals.ts'
import { startWorkerProcess } from '../worker-process.ts'
import type { WorkerProcess } from '../worker-process.ts'

type Stop = () => Promise<unknown>

export function devCommand() {
  return new Command('dev')
    .description('Run everything here: database, producers, a worker for all code locations, and the board. Reloads definitions when they change.')
    .option('-p, --port <port>', 'of the board, instead of PORT (3000)')
    .option('--no-watch', 'do not reload when files of the pipelines change')
    .action(async ({ port, watch: watching }) => {
      const { config, logger } = readEnvironment(port === undefined ? {} : { PORT: port })
      // What was started is stopped in the opposite order, also when a later part does not start.
      const stops: Stop[] = []
      const stopped = stopSignal()
      try {
        await startEverything(config, logger, watching, stops, stopped)
        await stopped
        process.stderr.write('Stopping …\n')
      } finally {
        for (const stop of stops.toReversed()) await stop().catch((error: unknown) => logger.warn({ err: error }, 'a part did not stop in order'))
      }
    })
}

async function startEverything(config: Config, logger: Logger, watching: boolean, stops: Stop[], stopped: Promise<string>): Promise<void> {
  // Asked before the port is: of two starts in one folder the second would else hear that its port is taken.
  if (config.databaseUrl === undefined) assertFolderFree(embeddedFolder(config))
  const board = await startBoard(config, logger)
  stops.push(() => board.stop())
  process.stderr.write(`Board      ${board.board.url}\n`)
  const installation = await openDatabase(config, logger, stops, (what) => board.board.starting(what))
  process.stderr.write(`Database   ${redactText(installation.databaseUrl)}   (npx millrace url prints it whole)\n`)
  await migrate({ ...installation, queuesInPostgres: config.redisUrl === undefined })
  board.connect(installation)
  const worker = startWorkerProcess({
    env: workerEnvironment(config, installation),
    logger,
    stopMs: 4000,
    spare: watching,
    onReload: ({ broken }) => logger.info({ broken }, broken.length === 0 ? 'definitions reloaded' : 'definitions reloaded; what did not load stays as it was'),
  })
  stops.push(() => worker.stop())
  const producers = await startProducers({
    databaseUrl: installation.databaseUrl,
    redisUrl: config.redisUrl,
    queuePrefix: config.queuePrefix,
    leaseMs: config.leaseMs,
    quarantineDays: config.quarantineDays,
    historyDays: config.historyDays,
    logger,
  })
  stops.push(() => producers.stop())
  if (watching) stops.push(watchDefinitions(config.pipelines, worker, logger))
  const notices = await Promise.race([worker.ready, stopped.then(() => [])]).catch(() => [])
  for (const notice of notices) process.stderr.write(`Note       ${notice}\n`)
  await printUpcoming(installation.databaseUrl, (line) => process.stderr.write(`${line}\n`))
  process.stderr.write('Ctrl-C ends it.\n')
}

async function openDatabase(config: Config, logger: Logger, stops: Stop[], starting: (what: string) => void): Promise<Installation> {
  if (config.databaseUrl !== undefined) {
    starting('The database DATABASE_URL names is being waited for.')
    await waitForDatabase(config.databaseUrl, 60_000)
    return { databaseUrl: config.databaseUrl, destinationUrl: config.destinationUrl ?? config.databaseUrl, embedded: false }
  }
  const postgres = await createEmbeddedPostgres({ folder: embeddedFolder(config), durable: true, log: (message) => logger.info(message) })
  stops.push(() => postgres.close())
  return { databaseUrl: postgres.url, destinationUrl: config.destinationUrl ?? postgres.url, embedded: true }
}

/** The worker reads the same environment, with the database's address; a demo may stand in for systems without credentials. */
function workerEnvironment(config: Config, installation: Installation): Record<string, string | undefined> {
  return {
    MILLRACE_DEMO: '1',
    // Ctrl-C must end everything within 5 s.
    MILLRACE_DRAIN_SECONDS: '2',
    ...config.env,
    DATABASE_URL: installation.databaseUrl,
    DESTINATION_URL: installation.destinationUrl,
  }
}

/** Restarts the worker when a file of the pipelines changes; what editors write in one go is one change. */
function watchDefinitions(folder: string, worker: WorkerProcess, logger: Logger): Stop {
  const watcher = watch(folder, { ignoreInitial: true, ignored: (path) => /node_modules|\/\.[^/]+$/.test(path) })
  let timer: NodeJS.Timeout | undefined
  watcher.on('all', (event, path) => {
    if (!/\.(ts|mts|js|mjs|json|sql)$/.test(path)) return
    clearTimeout(timer)
    timer = setTimeout(() => {
      logger.info({ path, event }, 'definitions changed; reloading')
      worker.reload()
    }, 50)
  })
  watcher.on('error', (error) => logger.warn({ err: error }, 'not watching for changes'))
  return async () => {
    clearTimeout(timer)
    await watcher.close()
  }
}
