import type { Config } from '../config.ts'
import { ConfigError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { queueKinds } from '../queues/jobs.ts'
import type { QueueKind } from '../queues/jobs.ts'
import { loadLocations } from '../workers/load-locations.ts'
import type { LoadedLocations } from '../workers/load-locations.ts'
import { startWatchdog } from '../workers/watchdog.ts'
import { startWorker } from '../workers/worker.ts'
import type { RunningWorker } from '../workers/worker.ts'
import { describeError } from './report-error.ts'
import { storedError } from '../errors.ts'
import type { Installation } from './installation.ts'

export interface StartWorkerOptions {
  readonly config: Config
  readonly installation: Installation
  readonly logger: Logger
  /** All of the project's when undefined. */
  readonly locations?: readonly string[] | undefined
  readonly queues?: readonly QueueKind[] | undefined
  /** It ends with the one run that it is started for. */
  readonly temporary?: boolean
}

/** A worker of this process, and what it was started with. */
export interface WorkerHere extends RunningWorker {
  readonly locations: LoadedLocations
}

/** Loads code locations and starts a worker for them in this process. */
export async function startWorkerHere({ config, installation, logger, locations, queues, temporary = false }: StartWorkerOptions): Promise<WorkerHere> {
  const watchdog = startWatchdog(config.stuckMs, (error) => logger.warn({ err: error }, 'nobody watches for functions that never return'))
  const loaded = await loadLocations(config.pipelines, locations, config.codeVersion)
  for (const broken of loaded.broken) logger.error({ location: broken.name }, describeError(storedError(broken.error)))
  if (loaded.loaded.length === 0 && loaded.broken.length === 0) {
    throw new ConfigError(`There is no code location in ${config.pipelines}.`, {
      code: 'PIPELINES_MISSING',
      hint: 'A location is a folder with a definitions.ts whose default export is defineLocation({ … }). `millrace init` makes one.',
    })
  }
  const worker = await startWorker({
    databaseUrl: installation.databaseUrl,
    destinationUrl: installation.destinationUrl,
    redisUrl: config.redisUrl,
    queuePrefix: config.queuePrefix,
    locations: loaded,
    queueKinds: queues ?? queueKinds,
    spool: config.spool,
    demo: config.demo,
    // When its run is over, what it has in hand is of other runs: they go on at once elsewhere.
    drainMs: temporary ? 0 : config.drainMs,
    leaseMs: config.leaseMs,
    limits: { batchBytes: config.batchBytes, window: config.window, maxRecordBytes: config.maxRecordBytes },
    env: config.env,
    boardUrl: config.boardUrl,
    watchdog,
    temporary,
    logger,
  })
  return {
    ...worker,
    locations: loaded,
    async stop() {
      await worker.stop()
      await watchdog.stop()
    },
  }
}
