import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings'
import { queueKinds } from '../../queues/jobs.ts'
import type { QueueKind } from '../../queues/jobs.ts'
import { readEnvironment } from '../environment.ts'
import { requireInstallation, waitForDatabase } from '../installation.ts'
import { startWorkerHere } from '../start-worker.ts'
import { endWithin, stopSignal } from '../stop-signals.ts'
import { begin } from '../worker-process.ts'
import type { Ready } from '../worker-process.ts'

const isKind = (value: string): value is QueueKind => queueKinds.some((kind) => kind === value)

function parseQueues(value: string): QueueKind[] {
  const names = value.split(',').map((one) => one.trim())
  const kinds = names.filter(isKind)
  if (kinds.length !== names.length) throw new InvalidArgumentError(`The queues are: ${queueKinds.join(', ')}.`)
  return kinds
}

/** Resolves with the parent's word to begin. */
function toldToBegin(): Promise<true> {
  return new Promise((resolve) => {
    process.on('message', (message) => {
      if (message === begin) resolve(true)
    })
  })
}

export function workerCommand() {
  return new Command('worker')
    .description('Load code locations and work their queues. Any number may run, of different versions, side by side.')
    .option(
      '-l, --location <name>',
      'a code location to load; may be repeated; all of the project by default',
      (value: string, all: string[]) => [...all, value],
      [] as string[],
    )
    .option('-q, --queues <kinds>', `kinds of queue to work, joined by commas: ${queueKinds.join(', ')}; all by default`, parseQueues)
    .addOption(new Option('--wait', 'begin when the parent process says so').hideHelp())
    .addHelpText(
      'after',
      `
SIGTERM lets work in hand finish within MILLRACE_DRAIN_SECONDS (20), then gives the rest back to other workers.

Examples:
  millrace worker
  millrace worker --queues extract,transform
  millrace worker --location tailscale --queues load`,
    )
    .action(async ({ location, queues, wait }) => {
      let { config, logger } = readEnvironment()
      const installation = await requireInstallation(config)
      const stopped = stopSignal()
      const told = wait === true ? toldToBegin() : undefined
      await waitForDatabase(installation.databaseUrl, 60_000)
      if (told !== undefined) {
        // What definitions import, as a rule.
        await Promise.all([import('../../index.ts'), import('../../sources/index.ts'), import('../../io/index.ts')])
        if ((await Promise.race([told, stopped])) !== true) return
        // What was added to `.env` while it waited.
        ;({ config, logger } = readEnvironment())
      }
      const worker = await startWorkerHere({ config, installation, logger, locations: location.length === 0 ? undefined : location, queues })
      logger.info({ queues: queues ?? queueKinds }, 'worker ready')
      const broken = worker.locations.broken.map(({ name }) => name)
      process.send?.({ kind: 'ready', notices: [...worker.notices], broken } satisfies Ready)
      const signal = await stopped
      logger.info({ signal }, 'worker stopping')
      endWithin(config.drainMs + 8000, logger)
      await worker.stop()
    })
}
