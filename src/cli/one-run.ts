import { migrate } from '../catalog/migrate.ts'
import { createPool } from '../catalog/database.ts'
import { currentManifests } from '../catalog/manifests.ts'
import type { Config } from '../config.ts'
import type { Manifest } from '../definitions/manifest.ts'
import { selectAssets } from '../definitions/selection/select-assets.ts'
import type { Selectable } from '../definitions/selection/select-assets.ts'
import { createEmbeddedPostgres } from '../embedded/embedded-postgres.ts'
import { ConfigError, MillraceError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { startSweeper } from '../producers/producers.ts'
import { untilUnused, useEmbedded } from './embedded-use.ts'
import { embeddedFolder, findInstallation, waitForDatabase } from './installation.ts'
import type { Installation } from './installation.ts'
import { startWorkerHere } from './start-worker.ts'
import type { WorkerHere } from './start-worker.ts'

export interface OneRunOptions {
  readonly config: Config
  readonly logger: Logger
  readonly assets: readonly string[]
  /** The job to be launched, in place of assets. */
  readonly job: string | undefined
  readonly location: string | undefined
  readonly follow: boolean
  /** Resolves when the command is to end. */
  readonly interrupted: Promise<unknown>
  readonly say: (line: string) => void
}

/** What one run needs: an installation that runs already, or parts of one that were started for it. */
export interface OneRun {
  readonly installation: Installation
  /** Whether workers go on when it is closed. */
  readonly stays: boolean
  /** Stops whatever was started for the run. */
  close(): Promise<void>
}

/** Kinds of queue that a run passes through. */
const needed = ['extract', 'transform', 'load']
/** How the database knows this command's connections. */
export const commandName = 'millrace materialize'

/** Finds a running installation whose workers can do the run, or starts what is missing in this process. */
export async function openForOneRun(options: OneRunOptions): Promise<OneRun> {
  const { config, logger, say } = options
  const stops: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    for (const stop of stops.toReversed()) await stop().catch((error: unknown) => logger.warn({ err: error }, 'a part did not stop in order'))
  }
  try {
    const found = await findInstallation(config)
    const installation = found ?? (await startDatabase(config, logger, say, stops))
    if (found !== undefined) await waitForDatabase(found.databaseUrl, 10_000)
    if (found?.embedded === true) stops.push(await useEmbedded(found.databaseUrl))
    if (found === undefined || config.databaseUrl !== undefined) {
      await migrate({ ...installation, queuesInPostgres: config.redisUrl === undefined, log: say, stopped: options.interrupted })
    }
    if (await hasWorkers(installation, options)) return { installation, stays: true, close }
    if (!options.follow) {
      throw new ConfigError('Nothing is running that could do the run.', {
        code: 'NOT_RUNNING',
        hint: 'Start it with `npm start` (or `npx millrace dev`), or leave --no-follow out.',
      })
    }
    say('No worker is running for this: starting one for this run alone.')
    const demo = config.env['MILLRACE_DEMO'] === undefined ? { ...config, demo: true } : config
    const worker = await startWorkerHere({
      config: demo,
      installation,
      logger,
      locations: options.location === undefined ? undefined : [options.location],
      temporary: true,
    })
    stops.push(() => worker.stop())
    if (worker.problem !== undefined) {
      throw new ConfigError(`The worker that was started for this run can take no work: ${worker.problem}.`, {
        code: 'SPOOL_ANOTHER',
        hint: 'Or start a worker for these assets where the others run.',
      })
    }
    refuseBroken(worker, options)
    for (const notice of worker.notices) say(`Note: ${notice}`)
    const sweeper = await startSweeper({
      databaseUrl: installation.databaseUrl,
      redisUrl: config.redisUrl,
      queuePrefix: config.queuePrefix,
      leaseMs: config.leaseMs,
      historyDays: config.historyDays,
      logger,
    })
    stops.push(() => sweeper.stop())
    return { installation, stays: false, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Nothing that this worker loaded has the assets, and a definitions file that may have them did not load: that is what is wrong. */
function refuseBroken({ locations }: WorkerHere, wanted: OneRunOptions): void {
  const [first] = locations.broken
  if (first === undefined || locations.loaded.some((one) => offers(one.manifest, wanted))) return
  const { message, code, hint } = first.error
  throw new MillraceError(`The location ${first.name} does not load: ${message}`, { code, ...(hint === undefined ? {} : { hint }), cause: first.error })
}

async function startDatabase(config: Config, logger: Logger, say: (line: string) => void, stops: (() => Promise<unknown>)[]): Promise<Installation> {
  say('Nothing is running here: starting the embedded database for this run.')
  const postgres = await createEmbeddedPostgres({ folder: embeddedFolder(config), durable: true, log: (message) => logger.info(message) })
  stops.push(() => postgres.close())
  // Another command may have found this database, and be in the middle of its own run.
  stops.push(() => untilUnused(postgres.url, { say }))
  return { databaseUrl: postgres.url, destinationUrl: config.destinationUrl ?? postgres.url, embedded: true }
}

/** Whether live workers cover every queue that a run of these assets needs. */
async function hasWorkers({ databaseUrl }: Installation, wanted: OneRunOptions): Promise<boolean> {
  const { location, job, logger } = wanted
  const pool = createPool({ url: databaseUrl, max: 1, name: commandName, logger })
  try {
    const manifests = await currentManifests(pool, location)
    const offering = manifests.filter((one) => offers(one.manifest, wanted))
    const names = offering.map((one) => one.manifest.location)
    const runsFunctions = job !== undefined || offering.some(({ manifest }) => hasFunctions(manifest, wanted.assets))
    const { rows } = await pool.query<{ covered: boolean }>(
      `SELECT bool_and(EXISTS (SELECT FROM millrace.process p WHERE p.role = 'worker' AND p.lease_until > clock_timestamp() AND p.problem IS NULL AND NOT p.temporary
         AND needed.kind = ANY(p.queues) AND p.versions ?| $1)) AS covered FROM unnest($2::text[]) AS needed(kind)`,
      [names, runsFunctions ? [...needed, 'ops'] : needed],
    )
    return names.length > 0 ? rows[0]?.covered === true : await anyWorker(pool)
  } finally {
    await pool.end()
  }
}

/** With nothing matching, a running installation is asked all the same: its answer names the assets there are. */
async function anyWorker(pool: { query: ReturnType<typeof createPool>['query'] }): Promise<boolean> {
  const { rows } = await pool.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM millrace.process WHERE role = 'worker' AND lease_until > clock_timestamp() AND NOT temporary) AS found`,
  )
  return rows[0]?.found === true
}

function offers({ assets, jobs }: Manifest, wanted: Pick<OneRunOptions, 'assets' | 'job'>): boolean {
  return wanted.job === undefined ? matches(assets, wanted.assets) : jobs.some(({ name }) => name === wanted.job)
}

function hasFunctions({ assets }: Manifest, terms: readonly string[]): boolean {
  const chosen = new Set(selectAssets(assets, terms))
  return assets.some(({ key, kind }) => kind === 'function' && chosen.has(key))
}

function matches(known: readonly Selectable[], terms: readonly string[]): boolean {
  try {
    return selectAssets(known, terms).length > 0
  } catch {
    return false
  }
}
