import { createPool } from '../../catalog/database.ts'
import type { BackfillDetail } from '../../api/backfills.ts'
import { cancelBackfill } from '../../producers/launch/backfill/end-backfill.ts'
import { startBackfill } from '../../producers/launch/backfill/start-backfill.ts'
import type { BackfillRequest } from '../../producers/launch/backfill/start-backfill.ts'
import type { LaunchDeps } from '../../producers/launch/launch.ts'
import { createQueues } from '../../queues/queues.ts'
import { harmless } from '../argument.ts'
import { readEnvironment } from '../environment.ts'
import { exitCode } from '../exit-code.ts'
import { commandName, openForOneRun } from '../one-run.ts'
import { stopSignal } from '../stop-signals.ts'
import { shortened } from '../table-output.ts'
import { followBackfill } from './follow-backfill.ts'
import { describeFailures, describeProgress } from './show-backfill.ts'

export interface BackfillOnceOptions extends Omit<BackfillRequest, 'launchedBy'> {
  /** Whether to wait for the end. */
  readonly follow: boolean
  /** Whether the end is printed as JSON, and no progress. */
  readonly json: boolean
  /** What is said once it has begun: why it is a backfill. */
  readonly why?: string
}

/** Starts a backfill, shows how far it is, and sets the exit code by its end. With no installation running, starts what it needs and stops it again. */
export async function backfillOnce({ follow, json, ...request }: BackfillOnceOptions): Promise<void> {
  const { config, logger } = readEnvironment(process.env['LOG_LEVEL'] === undefined ? { LOG_LEVEL: 'fatal' } : {})
  const interrupted = stopSignal()
  const { assets, job, location } = request
  const open = await openForOneRun({
    config,
    logger,
    job,
    assets,
    location,
    follow,
    interrupted,
    say: (line) => !json && process.stderr.write(`${line}\n`),
  })
  const { databaseUrl } = open.installation
  const pool = createPool({ url: databaseUrl, max: 3, name: commandName, logger })
  const queues = createQueues({ databaseUrl, redisUrl: config.redisUrl, prefix: config.queuePrefix, logger })
  try {
    await startAndFollow({ pool, queues, logger }, { ...request, follow, json }, interrupted)
  } finally {
    await queues.close()
    await pool.end()
    await open.close()
  }
}

/** The same, where what it needs runs already. @param interrupted cancels it when it resolves */
export async function startAndFollow(deps: LaunchDeps, { follow, json, why, ...request }: BackfillOnceOptions, interrupted: Promise<unknown>): Promise<void> {
  const { backfillId } = await startBackfill(deps, { ...request, launchedBy: 'cli' })
  if (!json && why !== undefined) process.stderr.write(`${why}\n`)
  if (!follow) {
    process.stdout.write(json ? `${JSON.stringify({ backfillId })}\n` : `Backfill ${backfillId} was started.\n`)
    return
  }
  if (!json) process.stdout.write(`Backfill ${backfillId}\n`)
  const show = createProgressLine(process.stdout, process.stdout.isTTY)
  const cancel = () => cancelBackfill(deps, backfillId)
  report(await followBackfill({ pool: deps.pool, id: backfillId, interrupted, cancel, onProgress: (backfill) => !json && show(backfill) }), json)
}

/** One line that is drawn anew on a terminal; elsewhere a line where something changed, at most every 2 s. */
function createProgressLine(stream: NodeJS.WriteStream, terminal: boolean): (backfill: BackfillDetail) => void {
  let last = { text: '', at: -Infinity }
  return (backfill) => {
    const waits = backfill.problem === null ? '' : `  ${backfill.problem}`
    const text = harmless(`${describeProgress(backfill)}${waits}`)
    const now = performance.now()
    if (terminal) {
      stream.write(`\r\u001B[K${shortened(text, Math.max(20, stream.columns) - 1, true)}${backfill.endedAt === null ? '' : '\n'}`)
    } else if (text !== last.text && (now - last.at >= 2000 || backfill.endedAt !== null)) {
      stream.write(`${text}\n`)
      last = { text, at: now }
    }
  }
}

function report(end: BackfillDetail, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(end)}\n`)
  } else {
    process.stderr.write(describeFailures(end))
    const seconds = (Date.parse(end.endedAt ?? '') - Date.parse(end.createdAt)) / 1000
    process.stdout.write(`Backfill ${end.id} ${end.status === 'canceled' ? 'was canceled' : end.status} after ${seconds.toFixed(1)} s.\n`)
    if (end.status === 'failed') process.stderr.write(whatNext(end))
  }
  process.exitCode = end.status === 'succeeded' ? exitCode.done : end.status === 'canceled' ? exitCode.interrupted : exitCode.failed
}

function whatNext({ id, failures }: BackfillDetail): string {
  const run = failures.find((one) => one.runId !== null)?.runId
  const shown = run === undefined || run === null ? '' : `\`millrace runs show ${run.slice(0, 8)}\` tells what happened, `
  return `${shown}\`millrace backfills retry ${id.slice(0, 8)}\` makes again what failed, and what was skipped for it.\n`
}
