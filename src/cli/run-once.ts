import type pg from 'pg'
import { createChangeListener } from '../catalog/change-feed.ts'
import { createPool } from '../catalog/database.ts'
import type { JsonObject } from '../definitions/json.ts'
import { runOptionsOf } from '../definitions/run-limits.ts'
import type { RunOptions } from '../definitions/run-limits.ts'
import { launch } from '../producers/launch/launch.ts'
import { createQueues } from '../queues/queues.ts'
import { MillraceError } from '../errors.ts'
import { onePartitionPerRun } from '../producers/launch/resolve-partitions.ts'
import { startAndFollow } from './backfill/backfill-once.ts'
import { readEnvironment } from './environment.ts'
import { exitCode } from './exit-code.ts'
import { followRun } from './follow-run.ts'
import type { RunProgress } from './follow-run.ts'
import { commandName, openForOneRun } from './one-run.ts'
import { createProgressOutput } from './progress-output.ts'
import { describeFailure } from './describe-failure.ts'
import { stopSignal } from './stop-signals.ts'

export interface OnceOptions {
  /** The job to be launched, in place of assets. */
  readonly job?: string
  readonly assets: readonly string[]
  readonly location: string | undefined
  readonly runConfig: JsonObject | undefined
  readonly tags?: Readonly<Record<string, string>>
  /** Keys and ranges, of assets that have partitions. */
  readonly partitions?: readonly string[] | undefined
  /** What is said of the run itself: its priority, its time, its retries. */
  readonly options?: RunOptions
  /** Whether to wait for the end. */
  readonly follow: boolean
  /** Whether the end is printed as JSON, and no progress. */
  readonly json: boolean
  /** Whether the records come from quarantine. */
  readonly redrive?: boolean
  /** Whether everything is fetched again, and takes the place of what is there. */
  readonly fullRefresh?: boolean
}

/**
 * Launches a run, shows its progress, and sets the exit code by its end. With no installation running, starts what it needs and stops it again. Of several partitions of
 * what is made one by one a backfill makes a run for each.
 */
export async function runOnce({
  assets,
  job,
  location,
  runConfig,
  tags = {},
  partitions,
  options = {},
  follow,
  json,
  redrive = false,
  fullRefresh = false,
}: OnceOptions): Promise<void> {
  // What a worker in this process would log about the run, the command itself shows.
  const { config, logger } = readEnvironment(process.env['LOG_LEVEL'] === undefined ? { LOG_LEVEL: 'fatal' } : {})
  const interrupted = stopSignal()
  const open = await openForOneRun({ config, logger, assets, job, location, follow, interrupted, say: (line) => !json && process.stderr.write(`${line}\n`) })
  const { databaseUrl } = open.installation
  const pool = createPool({ url: databaseUrl, max: 3, name: commandName, logger })
  const queues = createQueues({ databaseUrl, redisUrl: config.redisUrl, prefix: config.queuePrefix, logger })
  const listener = createChangeListener(databaseUrl, logger)
  try {
    const deps = { pool, queues, logger }
    const asked = { assets, job, location, tags, partitions, ...(runConfig === undefined ? {} : { config: runConfig }) }
    const launched = await launch(deps, { ...asked, ...options, redrive, fullRefresh, launchedBy: 'cli' }).catch((error: unknown) => {
      // What is said of the run itself a backfill would not say of its runs.
      const plain = Object.keys(runOptionsOf(options)).length === 0 && !redrive && !fullRefresh
      const splits = plain && error instanceof MillraceError && error.code === onePartitionPerRun
      if (!splits) throw error
      return undefined
    })
    if (launched === undefined) {
      const why = 'One run makes one of these partitions: a backfill makes them, each by a run of its own.'
      await startAndFollow(deps, { ...asked, follow, json, why }, interrupted)
      return
    }
    const { runId } = launched
    if (!follow) {
      process.stdout.write(json ? `${JSON.stringify({ runId })}\n` : `Run ${runId} was launched.\n`)
      return
    }
    if (!json && (await isQueued(pool, runId))) process.stderr.write(`The run waits in the queue. \`millrace explain ${runId.slice(0, 8)}\` says why.\n`)
    const toTheEnd = (id: string): Promise<RunProgress> => {
      const output = createProgressOutput(process.stdout, process.stdout.isTTY && !json)
      return followRun({ pool, listener, runId: id, interrupted, onProgress: (progress) => !json && output.show(progress) })
    }
    let end = await toTheEnd(runId)
    for (let next = await triedAgainBy(pool, runId); next !== null; next = await triedAgainBy(pool, next)) {
      if (!json) {
        tellEnd(end)
        process.stdout.write(`The run ${next} tries it again from its start.\n`)
      }
      end = await toTheEnd(next)
    }
    report(end, json, open.stays)
  } finally {
    await listener.close()
    await queues.close()
    await pool.end()
    await open.close()
  }
}

async function isQueued(pool: pg.Pool, runId: string): Promise<boolean> {
  const { rows } = await pool.query<{ status: string }>(`SELECT status FROM millrace.run WHERE id = $1`, [runId])
  return rows[0]?.status === 'queued'
}

/** The run that tries a failed one again from its start. */
async function triedAgainBy(pool: pg.Pool, runId: string): Promise<string | null> {
  const { rows } = await pool.query<{ next: string | null }>(`SELECT retried_by AS next FROM millrace.run WHERE id = $1`, [runId])
  return rows[0]?.next ?? null
}

function tellEnd({ runId, status, seconds, steps }: RunProgress): void {
  for (const step of steps) if (step.error !== null && step.status === 'failed') process.stderr.write(`${describeFailure(step.error)}\n`)
  process.stdout.write(`Run ${runId} ${status === 'canceled' ? 'was canceled' : status} after ${seconds.toFixed(1)} s.\n`)
}

function report(end: RunProgress, json: boolean, stays: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(end)}\n`)
  } else {
    tellEnd(end)
    if (end.status === 'failed') process.stderr.write(whatNext(end.runId.slice(0, 8), stays))
  }
  process.exitCode = end.status === 'succeeded' ? exitCode.done : end.status === 'canceled' ? exitCode.interrupted : exitCode.failed
}

/** What somebody can do about a run that failed. @param stays whether anything is running that could do it */
function whatNext(id: string, stays: boolean): string {
  const commands = `\`millrace runs show ${id}\` tells what happened, \`millrace runs retry ${id}\` goes on from what failed`
  return stays ? `${commands}.\n` : `${commands}, once \`millrace dev\` or a worker runs.\n`
}
