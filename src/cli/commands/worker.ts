import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings'
import { queueKinds } from '../../queues/jobs.ts'
import type { QueueKind } from '../../queues/jobs.ts'
import { environmentOf, readEnvironment } from '../environment.ts'
import type { Environment } from '../environment.ts'
import { requireInstallation, waitForDatabase } from '../installation.ts'
import { startWorkerHere } from '../start-worker.ts'
import { endWithin, stopSignal } from '../stop-signals.ts'
import { tidyMemory } from '../tidy-memory.ts'
import { hearOrders } from '../worker-orders.ts'
import type { Orders, Ready } from '../worker-orders.ts'

const isKind = (value: string): value is QueueKind => queueKinds.some((kind) => kind === value)

function parseQueues(value: string): QueueKind[] {
  const names = value.split(',').map((one) => one.trim())
  const kinds = names.filter(isKind)
  if (kinds.length !== names.length) throw new InvalidArgumentError(`The queues are: ${queueKinds.join(', ')}.`)
  return kinds
}

/** Gets ready up to where the definitions would be read, and works in the environment that the parent hands over then; undefined when it is to end instead. */
async function waitToBegin({ begun }: Orders, stopped: Promise<string>): Promise<Environment | undefined> {
  await waitForDatabase((await requireInstallation(environmentOf(process.env).config)).databaseUrl, 60_000)
  tidyMemory()
  // What definitions import, as a rule.
  await Promise.all([import('../../index.ts'), import('../../sources/index.ts'), import('../../io/index.ts')])
  const env = await Promise.race([begun, stopped])
  if (typeof env === 'string') return undefined
  for (const name of Object.keys(process.env)) if (!(name in env)) Reflect.deleteProperty(process.env, name)
  Object.assign(process.env, env)
  return environmentOf(process.env)
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
    .addOption(new Option('--wait', 'begin when the parent process says so, and in the environment that it hands over').hideHelp())
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
      const stopped = stopSignal()
      const orders = wait === true ? hearOrders() : undefined
      const environment = orders === undefined ? readEnvironment() : await waitToBegin(orders, stopped)
      if (environment === undefined) return orders?.close()
      const { config, logger } = environment
      const installation = await requireInstallation(config)
      if (orders === undefined) await waitForDatabase(installation.databaseUrl, 60_000)
      const worker = await startWorkerHere({ config, installation, logger, locations: location.length === 0 ? undefined : location, queues })
      logger.info({ queues: queues ?? queueKinds }, 'worker ready')
      const broken = worker.locations.broken.map(({ name }) => name)
      process.send?.({ kind: 'ready', notices: [...worker.notices], broken } satisfies Ready)
      const retiring = orders?.retired.then(() => worker.retire())
      const signal = await Promise.race([stopped, ...(retiring === undefined ? [] : [retiring])])
      logger.info(signal === undefined ? {} : { signal }, 'worker stopping')
      endWithin(config.drainMs + 8000, logger)
      await worker.stop()
      return orders?.close()
    })
}
