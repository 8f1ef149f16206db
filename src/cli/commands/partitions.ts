import { Command, Option } from '@commander-js/extra-typings'
import type pg from 'pg'
import { createPool } from '../../catalog/database.ts'
import { jobPartitionStatuses } from '../../catalog/job-partitions.ts'
import { changePartitionKeys, findDynamicPartitions, readPartitionKeys } from '../../catalog/partition-keys.ts'
import type { KnownKey } from '../../catalog/partition-keys.ts'
import { createLocationReader } from '../../catalog/read/locations.ts'
import { findPartitions } from '../../catalog/read/partitioned-asset.ts'
import { partitionStatuses, readPartitionStates, stretchesOf } from '../../catalog/read/partitions.ts'
import { orList } from '../../definitions/known-instead.ts'
import { moment } from '../../definitions/moment.ts'
import { ConfigError } from '../../errors.ts'
import { findJobPartitions } from '../../producers/launch/job-partitions.ts'
import { count, describeCounts } from '../../ui/format.ts'
import { wholeNumber } from '../argument.ts'
import { checkLocation } from '../check-location.ts'
import { readEnvironment } from '../environment.ts'
import { createStandardOutput } from '../standard-output.ts'
import { formatTable } from '../table-output.ts'
import { withCatalog } from '../with-client.ts'

const examples = `
Examples:
  millrace partitions list retail/sales
  millrace partitions list retail/sales --status failed --json
  millrace partitions add shops paris oslo
  millrace partitions keys shops`

const locationOption = ['-l, --location <name>', 'the code location, where several have it'] as const

export function partitionsCommand() {
  return new Command('partitions')
    .description('Look at the partitions of an asset; list, add and remove the keys of dynamic ones.')
    .addHelpText('after', examples)
    .addCommand(listCommand().exitOverride())
    .addCommand(keysCommand().exitOverride())
    .addCommand(addCommand().exitOverride())
    .addCommand(removeCommand().exitOverride())
}

function listCommand() {
  return new Command('list')
    .description('How the partitions of an asset, or of a job of ops, stand: those that follow each other and stand alike on one line.')
    .argument('[asset]', 'its key')
    .option('--job <name>', 'a job of ops in place of an asset: how the last run of each partition ended')
    .addOption(new Option('--status <status>', 'only those').choices([...new Set([...partitionStatuses, ...jobPartitionStatuses])]))
    .option('--limit <lines>', 'how many lines', wholeNumber, 50)
    .option(...locationOption)
    .option('--json', 'print one object')
    .action(async (asset, { job, status, limit, location, json }) => {
      if ((asset === undefined) === (job === undefined)) throw new ConfigError('Say whose: an asset, or --job NAME.', { code: 'NOTHING_NAMED' })
      await withCatalog(readEnvironment().config, 'partitions', async (client) => {
        refuseOther(status, asset === undefined)
        await checkLocation(client, location)
        const found = await (asset === undefined ? ofJob(client, job ?? '', location) : ofAsset(client, asset, location))
        const { states } = found
        const all = stretchesOf<string>(found.set, states, states.count).stretches.filter((one) => status === undefined || one.status === status)
        const stretches = all.slice(0, limit)
        const output = createStandardOutput()
        if (json === true) {
          const { counts } = states
          await output.write(
            `${JSON.stringify({ ...found.named, location: found.location, kind: found.spec.kind, count: states.count, counts, stretches }, null, 2)}\n`,
          )
          return
        }
        const table = formatTable(
          [{ name: 'from' }, { name: 'to' }, { name: 'partitions', align: 'right' }, { name: 'status' }],
          stretches.map((one) => [one.from, one.to, count(one.count), one.status]),
        )
        const more = all.length > stretches.length ? `${count(all.length - stretches.length)} lines more: --limit.\n` : ''
        await output.write(
          `${stretches.length === 0 ? '' : `${table}${more}`}${describeCounts(states.counts, asset === undefined ? 'succeeded' : 'materialized')}\n`,
        )
      })
    })
}

/** A job's partitions succeed, an asset's are materialized: of the other's word there would be none, whatever happened. @throws ConfigError `STATUS_UNKNOWN` */
function refuseOther(status: string | undefined, isJob: boolean): void {
  const known: readonly string[] = isJob ? jobPartitionStatuses : partitionStatuses
  if (status === undefined || known.includes(status)) return
  throw new ConfigError(`The partitions of ${isJob ? 'a job' : 'an asset'} are never ${status}.`, {
    code: 'STATUS_UNKNOWN',
    hint: `They are ${orList(known)}.`,
  })
}

async function ofAsset(client: pg.Client, asset: string, location: string | undefined) {
  const found = await findPartitions(client, createLocationReader(), asset, location)
  return { ...found, named: { asset }, states: await readPartitionStates(client, found.location, asset, found.set) }
}

async function ofJob(client: pg.Client, job: string, location: string | undefined) {
  return { ...(await findJobPartitions(client, job, location)), named: { job } }
}

/** Read in one go. */
const pageKeys = 10_000

function keysCommand() {
  return new Command('keys')
    .description('The keys of dynamic partitions, in the order in which they were added.')
    .argument('<name>', 'as in dynamicPartitions(name)')
    .option(...locationOption)
    .option('--json', 'print an array of objects')
    .action(async (name, { location, json }) => {
      await withCatalog(readEnvironment().config, 'partitions', async (client) => {
        await checkLocation(client, location)
        const found = await findDynamicPartitions(client, createLocationReader(), name, location)
        const keys: KnownKey[] = []
        for (let page = await readPartitionKeys(client, found, '0', pageKeys); page.length > 0;) {
          keys.push(...page)
          page = page.length < pageKeys ? [] : await readPartitionKeys(client, found, page.at(-1)?.ordinal ?? '0', pageKeys)
        }
        const plain = keys.map(({ key, addedAt }) => ({ key, addedAt: addedAt.toISOString() }))
        const table = () =>
          formatTable(
            [{ name: 'key' }, { name: 'added' }],
            plain.map((one) => [one.key, moment(one.addedAt)]),
          )
        await createStandardOutput().write(json === true ? `${JSON.stringify(plain, null, 2)}\n` : plain.length === 0 ? 'There are no keys yet.\n' : table())
      })
    })
}

function addCommand() {
  return new Command('add')
    .description('Add keys to dynamic partitions.')
    .argument('<name>', 'as in dynamicPartitions(name)')
    .argument('<keys...>', 'the keys')
    .option(...locationOption)
    .action((name, keys, { location }) => change(name, location, { add: keys, remove: [] }))
}

function removeCommand() {
  return new Command('remove')
    .description('Remove keys of dynamic partitions. What was stored for them stays.')
    .argument('<name>', 'as in dynamicPartitions(name)')
    .argument('<keys...>', 'the keys')
    .option(...locationOption)
    .action((name, keys, { location }) => change(name, location, { add: [], remove: keys }))
}

async function change(
  name: string,
  location: string | undefined,
  keys: { readonly add: readonly string[]; readonly remove: readonly string[] },
): Promise<void> {
  const { config, logger } = readEnvironment()
  await withCatalog(config, 'partitions', async (client, databaseUrl) => {
    await checkLocation(client, location)
    const found = await findDynamicPartitions(client, createLocationReader(), name, location)
    const pool = createPool({ url: databaseUrl, max: 1, name: 'millrace partitions', logger })
    try {
      const { added, removed } = await changePartitionKeys(pool, found, { ...keys, by: 'cli' })
      const number = keys.add.length > 0 ? added : removed
      process.stdout.write(`${String(number)} ${number === 1 ? 'key' : 'keys'} ${keys.add.length > 0 ? 'added' : 'removed'}.\n`)
    } finally {
      await pool.end()
    }
  })
}
