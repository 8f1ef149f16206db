import { Command, Option } from '@commander-js/extra-typings'
import { backfillDetail, presentBackfill } from '../../api/backfills.ts'
import { backfillStatuses } from '../../catalog/backfills.ts'
import { createPool } from '../../catalog/database.ts'
import { listBackfills } from '../../catalog/read/backfills.ts'
import type { BackfillRead } from '../../catalog/read/backfills.ts'
import { moment } from '../../definitions/moment.ts'
import { MillraceError } from '../../errors.ts'
import { cancelBackfill, retryBackfill } from '../../producers/launch/backfill/end-backfill.ts'
import type { LaunchDeps } from '../../producers/launch/launch.ts'
import { createQueues } from '../../queues/queues.ts'
import { describeCounts, describeMade, duration } from '../../ui/format.ts'
import { wholeNumber } from '../argument.ts'
import { checkLocation } from '../check-location.ts'
import { findBackfill } from '../find-by-id.ts'
import { describeBackfill } from '../backfill/show-backfill.ts'
import { readEnvironment } from '../environment.ts'
import { createStandardOutput } from '../standard-output.ts'
import { formatTable } from '../table-output.ts'
import { withCatalog } from '../with-client.ts'

const examples = `
A backfill is named by its id, or by as much of its beginning as no other shares.

Examples:
  millrace backfills list --status running
  millrace backfills show 3f2a
  millrace backfills retry 3f2a`

export function backfillsCommand() {
  return new Command('backfills')
    .description('List backfills, look at one, cancel it, make again what failed of it.')
    .addHelpText('after', examples)
    .addCommand(listCommand().exitOverride())
    .addCommand(showCommand().exitOverride())
    .addCommand(cancelCommand().exitOverride())
    .addCommand(retryCommand().exitOverride())
}

function listCommand() {
  return new Command('list')
    .description('The newest backfills, the newest first.')
    .addOption(new Option('--status <status>', 'only those').choices(backfillStatuses))
    .option('--asset <key>', 'only those that make this asset')
    .option('--location <name>', 'only those of this code location')
    .option('--limit <backfills>', 'how many', wholeNumber, 20)
    .option('--json', 'print an array of objects')
    .action(async ({ status, asset, location, limit, json }) => {
      const found = await withCatalog(readEnvironment().config, 'backfills', async (client) => {
        await checkLocation(client, location, { past: true })
        return listBackfills(client, { status, asset, location, limit })
      })
      const text =
        json === true ? `${JSON.stringify(found.map(presentBackfill), null, 2)}\n` : found.length === 0 ? 'There are no such backfills.\n' : tableOf(found)
      await createStandardOutput().write(text)
    })
}

function tableOf(found: readonly BackfillRead[]): string {
  const columns = [{ name: 'backfill' }, { name: 'status' }, { name: 'how far' }, { name: 'started' }, { name: 'by' }, { name: 'took' }, { name: 'assets' }]
  return formatTable(
    columns,
    found.map((one) => [
      one.id,
      one.status,
      describeCounts(one.counts, 'succeeded'),
      moment(one.createdAt),
      one.launchedBy,
      duration(one.createdAt, one.endedAt, Date.now()),
      describeMade(one, 3),
    ]),
  )
}

function showCommand() {
  return new Command('show')
    .description('One backfill: how far it is, by what is made together, and what failed.')
    .argument('<id>', 'the backfill')
    .option('--json', 'print one object')
    .action(async (id, { json }) => {
      await withBackfill(id, async ({ pool }, found) => {
        const backfill = await backfillDetail({ pool }, found)
        if (backfill === undefined) throw new MillraceError(`The backfill ${found} is gone.`, { code: 'UNKNOWN_BACKFILL' })
        await createStandardOutput().write(json === true ? `${JSON.stringify(backfill, null, 2)}\n` : describeBackfill(backfill, Date.now()))
      })
    })
}

function cancelCommand() {
  return new Command('cancel')
    .description('Launch nothing more of a backfill, and ask its runs to end.')
    .argument('<id>', 'the backfill')
    .action(async (id) => {
      await withBackfill(id, async (deps, found) => {
        if ((await cancelBackfill(deps, found)) === 'ended') {
          throw new MillraceError(`The backfill ${found} cannot be canceled: it has ended.`, { code: 'BACKFILL_ENDED' })
        }
        const ended = (await backfillDetail(deps, found))?.endedAt !== null
        process.stdout.write(ended ? `Backfill ${found} was canceled.\n` : `Backfill ${found} ends as soon as its runs have.\n`)
      })
    })
}

function retryCommand() {
  return new Command('retry')
    .description('Make again what of a backfill failed, was skipped or canceled.')
    .argument('<id>', 'the backfill')
    .action(async (id) => {
      await withBackfill(id, async (deps, found) => {
        const parts = await retryBackfill(deps, found)
        process.stdout.write(`Backfill ${found} goes on: ${String(parts)} ${parts === 1 ? 'partition is' : 'partitions are'} made again.\n`)
      })
    })
}

async function withBackfill(given: string, use: (deps: LaunchDeps, id: string) => Promise<unknown>): Promise<void> {
  const { config, logger } = readEnvironment()
  await withCatalog(config, 'backfills', async (client, databaseUrl) => {
    const id = await findBackfill(client, given)
    const pool = createPool({ url: databaseUrl, max: 2, name: 'millrace backfills', logger })
    const queues = createQueues({ databaseUrl, redisUrl: config.redisUrl, prefix: config.queuePrefix, logger })
    try {
      await use({ pool, queues, logger }, id)
    } finally {
      await queues.close()
      await pool.end()
    }
  })
}
