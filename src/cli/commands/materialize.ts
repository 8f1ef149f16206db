import { Command, InvalidArgumentError } from '@commander-js/extra-typings'
import * as z from 'zod'
import { createChangeListener } from '../../catalog/change-feed.ts'
import { createPool } from '../../catalog/database.ts'
import type { JsonObject } from '../../definitions/json.ts'
import { launch } from '../../producers/launch/launch.ts'
import { createQueues } from '../../queues/queues.ts'
import { readEnvironment } from '../environment.ts'
import { exitCode } from '../exit-code.ts'
import { followRun } from '../follow-run.ts'
import type { RunProgress } from '../follow-run.ts'
import { createProgressOutput } from '../progress-output.ts'
import { describeError } from '../report-error.ts'
import { commandName, openForOneRun } from '../one-run.ts'
import { stopSignal } from '../stop-signals.ts'

function parseConfig(text: string): JsonObject {
  try {
    return z.record(z.string(), z.json()).parse(JSON.parse(text))
  } catch (error) {
    throw new InvalidArgumentError(`It must be a JSON object: ${error instanceof Error ? error.message.split('\n')[0] : ''}`)
  }
}

function parseTag(text: string, all: Record<string, string>): Record<string, string> {
  const [name = '', ...value] = text.split('=')
  if (name === '' || value.length === 0) throw new InvalidArgumentError('A tag is name=value.')
  return { ...all, [name]: value.join('=') }
}

export function materializeCommand() {
  return new Command('materialize')
    .description('Materialize assets now and follow the run. With no installation running, starts what this one run needs and stops it again.')
    .argument('<assets...>', 'asset keys, group:NAME, or *')
    .option('-c, --config <json>', 'run configuration', parseConfig)
    .option('-l, --location <name>', 'the code location, where several have what is asked for')
    .option('-t, --tag <name=value>', 'a tag of the run; may be repeated', parseTag, {})
    .option('--no-follow', 'launch and do not wait for the end (needs a running installation)')
    .option('--json', 'print the end as JSON, and no progress')
    .addHelpText(
      'after',
      `
Ctrl-C cancels the run. Exit code 0: it succeeded; 1: it failed; 130: it was canceled.

Examples:
  millrace materialize tailscale/devices
  millrace materialize retail/operational_data --config '{"source_csv_path":"http://localhost:8000/2023-08-02/stock.csv"}'
  millrace materialize group:tailscale --json`,
    )
    .action(async (assets, { config: runConfig, location, tag, follow, json }) => {
      // What a worker in this process would log about the run, the command itself shows.
      const { config, logger } = readEnvironment(process.env['LOG_LEVEL'] === undefined ? { LOG_LEVEL: 'fatal' } : {})
      const interrupted = stopSignal()
      const open = await openForOneRun({ config, logger, assets, location, follow, say: (line) => json !== true && process.stderr.write(`${line}\n`) })
      const { databaseUrl } = open.installation
      const pool = createPool({ url: databaseUrl, max: 3, name: commandName, logger })
      const queues = createQueues({ databaseUrl, redisUrl: config.redisUrl, prefix: config.queuePrefix, logger })
      const listener = createChangeListener(databaseUrl, logger)
      try {
        const { runId } = await launch(
          { pool, queues, logger },
          { assets, location, tags: tag, launchedBy: 'cli', ...(runConfig === undefined ? {} : { config: runConfig }) },
        )
        if (!follow) {
          process.stdout.write(json === true ? `${JSON.stringify({ runId })}\n` : `Run ${runId} was launched.\n`)
          return
        }
        const output = createProgressOutput(process.stdout, process.stdout.isTTY && json !== true)
        const end = await followRun({ pool, listener, runId, interrupted, onProgress: (progress) => json !== true && output.show(progress) })
        report(end, json === true)
      } finally {
        await listener.close()
        await queues.close()
        await pool.end()
        await open.close()
      }
    })
}

function report(end: RunProgress, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(end)}\n`)
  } else {
    for (const step of end.steps) if (step.error !== null && step.status === 'failed') process.stderr.write(`${describeError(step.error)}\n`)
    process.stdout.write(`Run ${end.runId} ${end.status === 'canceled' ? 'was canceled' : end.status} after ${end.seconds.toFixed(1)} s.\n`)
  }
  process.exitCode = end.status === 'succeeded' ? exitCode.done : end.status === 'canceled' ? exitCode.interrupted : exitCode.failed
}
