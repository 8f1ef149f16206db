import { Command, Option } from '@commander-js/extra-typings'
import { runWaitOf } from '../../api/run-waits.ts'
import { statusesOf, waitOf } from '../../api/waits.ts'
import { requestCancel } from '../../catalog/cancel.ts'
import { createChangeListener } from '../../catalog/change-feed.ts'
import { createPool } from '../../catalog/database.ts'
import { eventLevels, readSchemaEvents } from '../../catalog/read/events.ts'
import { readChecksOfRun } from '../../catalog/read/assets.ts'
import { listRuns, readRun, runStatuses } from '../../catalog/read/runs.ts'
import type { RunRead } from '../../catalog/read/runs.ts'
import { readQueue, readSurroundings } from '../../catalog/read/waits.ts'
import { readSteps } from '../../catalog/read/steps.ts'
import { moment } from '../../definitions/moment.ts'
import { MillraceError } from '../../errors.ts'
import { launchAgain } from '../../producers/launch/launch-again.ts'
import { retry } from '../../producers/launch/retry.ts'
import { createQueues } from '../../queues/queues.ts'
import { redact } from '../../redact.ts'
import { count, describeAssets, describePartitions, duration } from '../../ui/format.ts'
import { harmless, wholeNumber } from '../argument.ts'
import { checkLocation } from '../check-location.ts'
import { readEnvironment } from '../environment.ts'
import { exitCode } from '../exit-code.ts'
import { findRun } from '../find-by-id.ts'
import { logFields } from '../log-fields.ts'
import { followEvents } from '../runs/follow-events.ts'
import { describeRun } from '../runs/show-run.ts'
import { createStandardOutput } from '../standard-output.ts'
import { formatTable } from '../table-output.ts'
import { withCatalog } from '../with-client.ts'

const examples = `
A run is named by its id, or by as much of its beginning as no other run shares.

Examples:
  millrace runs list --status failed
  millrace runs show 3f2a
  millrace runs logs 3f2a --follow --level warn
  millrace runs cancel 3f2a
  millrace runs retry 3f2a`

export function runsCommand() {
  return new Command('runs')
    .description('List runs, look at one, read its log, cancel it, try it again.')
    .addHelpText('after', examples)
    .addCommand(listCommand().exitOverride())
    .addCommand(showCommand().exitOverride())
    .addCommand(logsCommand().exitOverride())
    .addCommand(cancelCommand().exitOverride())
    .addCommand(retryCommand().exitOverride())
}

function listCommand() {
  return new Command('list')
    .description('The newest runs, the newest first.')
    .addOption(new Option('--status <status>', 'only those').choices(runStatuses))
    .option('--asset <key>', 'only those that materialize this asset')
    .option('--location <name>', 'only those of this code location')
    .option('--limit <runs>', 'how many', wholeNumber, 20)
    .option('--json', 'print an array of objects')
    .action(async ({ status, asset, location, limit, json }) => {
      const runs = await withCatalog(readEnvironment().config, 'runs', async (client) => {
        await checkLocation(client, location, { past: true })
        return listRuns(client, { status, asset, location, limit })
      })
      const text =
        json === true ? `${JSON.stringify(redact(runs.map(publicRun)), null, 2)}\n` : runs.length === 0 ? 'There are no such runs.\n' : runTable(runs)
      await createStandardOutput().write(text)
    })
}

function runTable(runs: readonly RunRead[]): string {
  // Of the runs of one job, the partition is what tells them apart.
  const some = runs.some(({ partitions }) => partitions !== null)
  const columns = [
    { name: 'run' },
    { name: 'status' },
    { name: 'launched' },
    { name: 'by' },
    { name: 'took', align: 'right' as const },
    { name: 'rows', align: 'right' as const },
    { name: 'job or assets' },
    ...(some ? [{ name: 'partitions' }] : []),
  ]
  return formatTable(
    columns,
    runs.map((run) => [
      run.id,
      run.status,
      moment(run.createdAt),
      run.launchedBy,
      duration(run.createdAt, run.endedAt, Date.now()),
      count(run.rows),
      run.job ?? describeAssets(run.assets, 3),
      ...(some ? [run.partitions === null ? '' : describePartitions(run.partitions)] : []),
    ]),
  )
}

/** Without what only paging needs. */
function publicRun(run: RunRead): Omit<RunRead, 'createdText'> & { readonly createdText: undefined } {
  return { ...run, createdText: undefined }
}

function showCommand() {
  return new Command('show')
    .description('One run: its steps, attempts, rows, checks, errors, and what it changed of its tables.')
    .argument('<id>', 'the run')
    .option('--json', 'print one object')
    .action(async (id, { json }) => {
      await withCatalog(readEnvironment().config, 'runs', async (client) => {
        const runId = await findRun(client, id)
        const run = await readRun(client, runId)
        if (run === undefined) throw new MillraceError(`The run ${runId} is gone.`, { code: 'RUN_UNKNOWN' })
        const rows = await readSteps(client, runId)
        const circumstances = { statuses: statusesOf(rows), ...(await readSurroundings(client, runId)) }
        const queue = await readQueue(client, runId)
        const waitsFor = queue === undefined ? null : runWaitOf(run, queue, circumstances)
        const steps = rows.map((step) => ({ ...step, spoolWait: undefined, waitsFor: waitsFor ?? waitOf(step, circumstances) }))
        const checks = await readChecksOfRun(client, runId)
        const schema = await readSchemaEvents(client, runId)
        const text =
          json === true
            ? `${JSON.stringify(redact({ ...publicRun(run), waitsFor, steps, checks, schema: schema.map(({ asset, message, data }) => ({ asset, message, ...data })) }), null, 2)}\n`
            : describeRun({ run, waitsFor, steps, checks, schema }, Date.now())
        await createStandardOutput().write(text)
      })
    })
}

function logsCommand() {
  return new Command('logs')
    .description('What a run did and said. With --follow until it ends; the exit code is then 1 unless it succeeded.')
    .argument('<id>', 'the run')
    .option('-f, --follow', 'wait for more until the run has ended')
    .addOption(new Option('--level <level>', 'only what is as serious as this, or more').choices(eventLevels))
    .option('--step <asset>', 'only what one step did, by its asset')
    .option('--kind <kind...>', 'only events of these kinds: log, for one, is what code said')
    .option('--text <text>', 'only what has this in it, in capitals or not')
    .option('--json', 'print one object a line')
    .action(async (id, { follow, level, step, kind, text, json }) => {
      const { config, logger } = readEnvironment()
      await withCatalog(config, 'runs', async (client, databaseUrl) => {
        const runId = await findRun(client, id)
        const output = createStandardOutput()
        const listener = follow === true ? createChangeListener(databaseUrl, logger) : undefined
        try {
          await followEvents({
            db: client,
            runId,
            filter: { level, asset: step, kinds: kind, text },
            ...(listener === undefined ? {} : { listener }),
            print: (events) =>
              output.write(
                events
                  .map((event) =>
                    json === true
                      ? `${JSON.stringify(event)}\n`
                      : `${moment(event.at)}  ${event.level.padEnd(5)}  ${event.asset === null ? '' : `${event.asset}: `}${harmless(event.message)}${event.kind === 'log' ? logFields(event.data) : ''}\n`,
                  )
                  .join(''),
              ),
          })
        } finally {
          await listener?.close()
        }
        if (follow === true && (await readRun(client, runId))?.status !== 'succeeded') process.exitCode = exitCode.failed
      })
    })
}

function cancelCommand() {
  return new Command('cancel')
    .description('Ask a run to end. What is being published is either done or undone, never left half.')
    .argument('<id>', 'the run')
    .action(async (id) => {
      const { config, logger } = readEnvironment()
      await withCatalog(config, 'runs', async (client, databaseUrl) => {
        const runId = await findRun(client, id)
        const pool = createPool({ url: databaseUrl, max: 1, name: 'millrace runs', logger })
        let answer: Awaited<ReturnType<typeof requestCancel>>
        try {
          answer = await requestCancel(pool, runId)
        } finally {
          await pool.end()
        }
        const status = (await readRun(client, runId))?.status ?? 'unknown'
        if (answer !== 'canceling') {
          throw new MillraceError(`The run ${runId} cannot be canceled: it has ended (${status}).`, { code: 'RUN_ENDED' })
        }
        process.stdout.write(
          status === 'canceled'
            ? `Run ${runId} was canceled.\n`
            : `Run ${runId} ends as soon as its workers hear of it. \`millrace runs logs ${runId.slice(0, 8)} -f\` waits for it.\n`,
        )
      })
    })
}

function retryCommand() {
  return new Command('retry')
    .description('Try a failed run again from where it failed: what has succeeded is kept.')
    .argument('<id>', 'the run')
    .option('--all', 'launch a run like it instead, with all of its steps; it may have succeeded, or been canceled')
    .action(async (id, { all }) => {
      const { config, logger } = readEnvironment()
      await withCatalog(config, 'runs', async (client, databaseUrl) => {
        const runId = await findRun(client, id)
        const pool = createPool({ url: databaseUrl, max: 1, name: 'millrace runs', logger })
        const queues = createQueues({ databaseUrl, redisUrl: config.redisUrl, prefix: config.queuePrefix, logger })
        let again = runId
        try {
          if (all === true) again = (await launchAgain({ pool, queues, logger }, runId, { launchedBy: 'cli' })).runId
          else await retry({ pool, queues, logger }, runId)
        } finally {
          await queues.close()
          await pool.end()
        }
        const what = all === true ? `Run ${again} is launched, with all steps of ${runId.slice(0, 8)}.` : `Run ${runId} is tried again.`
        process.stdout.write(`${what} \`millrace runs logs ${again.slice(0, 8)} -f\` follows it.\n`)
      })
    })
}
