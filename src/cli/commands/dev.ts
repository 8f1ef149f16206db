import { resolve } from 'node:path'
import { watch } from 'chokidar'
import { Command } from '@commander-js/extra-typings'
import { migrate } from '../../catalog/migrate.ts'
import { isSetting, readEnvFile } from '../../config.ts'
import type { Config } from '../../config.ts'
import { createEmbeddedPostgres } from '../../embedded/embedded-postgres.ts'
import { assertFolderFree } from '../../embedded/folder-lock.ts'
import type { Logger } from '../../logger.ts'
import { startProducers } from '../../producers/producers.ts'
import { redactText } from '../../redact.ts'
import { readEnvironment } from '../environment.ts'
import type { Environment } from '../environment.ts'
import { embeddedFolder, waitForDatabase } from '../installation.ts'
import type { Installation } from '../installation.ts'
import { printUpcoming } from '../upcoming.ts'
import { startBoard } from '../start-board.ts'
import { stopSignal } from '../stop-signals.ts'
import { tidyMemory } from '../tidy-memory.ts'
import { startWorkerProcess } from '../worker-process.ts'
import type { WorkerProcess } from '../worker-process.ts'

type Stop = () => Promise<unknown>

/** What this was started with. */
interface Start extends Environment {
  /** What the environment and the options say by themselves, without `.env`. */
  readonly own: Readonly<Record<string, string | undefined>>
}

export function devCommand() {
  return new Command('dev')
    .description('Run everything here: database, producers, a worker for all code locations, and the board. Reloads definitions when they change.')
    .option('-p, --port <port>', 'of the board, instead of PORT (3000)')
    .option('--no-watch', 'do not reload when files of the pipelines change')
    .action(async ({ port, watch: watching }) => {
      const options = port === undefined ? {} : { PORT: port }
      const own = { ...process.env, ...options }
      const start: Start = { ...readEnvironment(options), own }
      // What was started is stopped in the opposite order, also when a later part does not start.
      const stops: Stop[] = []
      const stopped = stopSignal()
      try {
        await startEverything(start, watching, stops, stopped)
        await stopped
        sayTo(start)('Stopping …')
      } finally {
        for (const stop of stops.toReversed()) await stop().catch((error: unknown) => start.logger.warn({ err: error }, 'a part did not stop in order'))
      }
    })
}

/** Lines for a person to begin with; to a program they are lines of the log like all others. */
function sayTo({ pretty, logger }: Environment): (line: string) => void {
  return (line) => (pretty ? process.stderr.write(`${redactText(line)}\n`) : logger.info(line))
}

async function startEverything(start: Start, watching: boolean, stops: Stop[], stopped: Promise<string>): Promise<void> {
  const { config, logger } = start
  const say = sayTo(start)
  // Asked before the port is: of two starts in one folder the second would else hear that its port is taken.
  if (config.databaseUrl === undefined) assertFolderFree(embeddedFolder(config))
  const board = await startBoard(config, logger)
  stops.push(() => board.stop())
  say(`Board      ${board.board.url}`)
  const installation = await openDatabase(config, logger, stops, (what) => board.board.starting(what))
  say(`Database   ${redactText(installation.databaseUrl)}   (npx millrace url prints it whole)`)
  await migrate({ ...installation, queuesInPostgres: config.redisUrl === undefined, log: (message) => logger.warn(message), stopped })
  board.connect(installation)
  const worker = startWorkerProcess({
    env: () => workerEnvironment(start, installation, board.board.url),
    logger,
    stopMs: 4000,
    spare: watching,
    onReload({ broken }) {
      if (broken.length === 0) logger.info('reloaded')
      else logger.warn({ broken }, 'reloaded, but for the locations whose definitions did not load')
    },
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
  if (watching) stops.push(watchDefinitions(start, worker))
  const notices = await Promise.race([worker.ready, stopped.then(() => [])]).catch(() => [])
  for (const notice of notices) say(`Note       ${notice}`)
  await printUpcoming(installation.databaseUrl, say)
  say('Ctrl-C ends it.')
  tidyMemory()
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

/**
 * The environment of the next worker, read anew each time: what `.env` says now, under what the environment of this process says itself. Settings of
 * Millrace stay as they were at the start, because board and producers have theirs from there. A demo may stand in for systems without credentials.
 */
function workerEnvironment({ config, own }: Start, installation: Installation, boardUrl: string): Record<string, string> {
  const file = Object.entries(readEnvFile(process.cwd())).filter(([name]) => !isSetting(name))
  const settings = Object.entries(config.env).filter(([name]) => isSetting(name))
  const env = {
    MILLRACE_DEMO: '1',
    MILLRACE_BOARD_URL: boardUrl,
    // Ctrl-C must end everything within 5 s.
    MILLRACE_DRAIN_SECONDS: '2',
    ...Object.fromEntries([...settings, ...file]),
    ...own,
    DATABASE_URL: installation.databaseUrl,
    DESTINATION_URL: installation.destinationUrl,
  }
  return Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}

/** Settings of Millrace that `.env` alone says, and says otherwise than at the start, or no longer. */
function changedSettings({ config, own }: Start): string[] {
  const file = readEnvFile(process.cwd())
  const names = new Set([...Object.keys(file), ...Object.keys(config.env)])
  return [...names].filter((name) => isSetting(name) && own[name] === undefined && config.env[name] !== file[name]).toSorted()
}

/** Starts the next worker when a file of the pipelines or `.env` changes; what editors write in one go is one change. */
function watchDefinitions(start: Start, worker: WorkerProcess): Stop {
  const { config, logger } = start
  const envFile = resolve('.env')
  const watcher = watch([config.pipelines, envFile], { ignoreInitial: true, ignored: (path) => path !== envFile && /node_modules|\/\.[^/]+$/.test(path) })
  let timer: NodeJS.Timeout | undefined
  const changed = new Set<string>()
  const reload = (): void => {
    const paths = [...changed]
    changed.clear()
    const ofEnv = paths.includes(envFile)
    logger.info({ paths }, ofEnv ? '.env changed: reloading, with the variables that it has now' : 'definitions changed: reloading')
    try {
      const settings = ofEnv ? changedSettings(start) : []
      if (settings.length > 0)
        logger.warn({ settings }, 'these settings have changed in .env since the start, and are read only then: start `millrace dev` again')
      worker.reload()
    } catch (error) {
      logger.error({ err: error }, '.env cannot be read: nothing was reloaded')
    }
  }
  watcher.on('all', (_, path) => {
    if (path !== envFile && !/\.(ts|mts|js|mjs|json|sql)$/.test(path)) return
    changed.add(path)
    clearTimeout(timer)
    timer = setTimeout(reload, 50)
  })
  watcher.on('error', (error) => logger.warn({ err: error }, 'not watching for changes'))
  return async () => {
    clearTimeout(timer)
    await watcher.close()
  }
}
