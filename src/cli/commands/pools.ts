import { Command } from '@commander-js/extra-typings'
import { readPools, resetPoolSize, setPoolSize } from '../../catalog/pools.ts'
import type { PoolRead } from '../../catalog/pools.ts'
import type { Queryable } from '../../catalog/read/row.ts'
import { knownInstead } from '../../definitions/known-instead.ts'
import { MillraceError } from '../../errors.ts'
import { wholeNumber } from '../argument.ts'
import { readEnvironment } from '../environment.ts'
import { operator } from '../operator.ts'
import { createStandardOutput } from '../standard-output.ts'
import { formatTable } from '../table-output.ts'
import { withCatalog } from '../with-client.ts'

export function poolsCommand() {
  return new Command('pools')
    .description('Pools of slots, which bound how many steps run at once: see them, change their size.')
    .addCommand(listCommand().exitOverride(), { isDefault: true })
    .addCommand(setCommand().exitOverride())
    .addCommand(resetCommand().exitOverride())
}

function listCommand() {
  return new Command('list')
    .description('Each pool: its slots, how many are taken, how many steps wait.')
    .option('--json', 'print an array of objects')
    .action(async ({ json }) => {
      const pools = await withCatalog(readEnvironment().config, 'pools', readPools)
      const text = json === true ? `${JSON.stringify(pools, null, 2)}\n` : pools.length === 0 ? 'No location declares a pool.\n' : poolTable(pools)
      await createStandardOutput().write(text)
    })
}

function poolTable(pools: readonly PoolRead[]): string {
  const right = { align: 'right' as const }
  return formatTable(
    [{ name: 'pool' }, { name: 'location' }, { name: 'slots', ...right }, { name: 'taken', ...right }, { name: 'waiting', ...right }, { name: 'set' }],
    pools.map((one) => [one.name, one.location, String(one.slots), String(one.used), String(one.waiting), setText(one)]),
  )
}

const setText = ({ setBy, declared }: PoolRead): string =>
  setBy === null ? (declared === null ? 'no longer declared' : '') : `by ${setBy}${declared === null ? '' : ` (declared: ${String(declared)})`}`

function setCommand() {
  return new Command('set')
    .description('Give a pool another number of slots than its location declares. What holds more than that goes on.')
    .argument('<name>', 'the pool')
    .argument('<slots>', 'how many', wholeNumber)
    .option('-l, --location <name>', 'whose pool, where several locations have one of that name')
    .action(async (name, slots, { location }) => {
      await withCatalog(readEnvironment().config, 'pools', async (client) => {
        const pool = await findPool(client, name, location)
        await setPoolSize(client, { ...pool, slots }, operator())
        process.stdout.write(`The pool ${name} of ${pool.location} has ${String(slots)} slot${slots === 1 ? '' : 's'} now.\n`)
      })
    })
}

function resetCommand() {
  return new Command('reset')
    .description('Go back to the slots that the location declares.')
    .argument('<name>', 'the pool')
    .option('-l, --location <name>', 'whose pool, where several locations have one of that name')
    .action(async (name, { location }) => {
      await withCatalog(readEnvironment().config, 'pools', async (client) => {
        const pool = await findPool(client, name, location)
        await resetPoolSize(client, pool)
        process.stdout.write(`The pool ${name} of ${pool.location} has the slots that are declared.\n`)
      })
    })
}

async function findPool(client: Queryable, name: string, location: string | undefined): Promise<PoolRead> {
  const pools = await readPools(client)
  const [found, ...others] = pools.filter((one) => one.name === name && (location === undefined || one.location === location))
  if (found === undefined) {
    const known = pools.filter((one) => location === undefined || one.location === location).map((one) => one.name)
    throw new MillraceError(`There is no pool ${name}${location === undefined ? '' : ` of ${location}`}.`, {
      code: 'POOL_UNKNOWN',
      hint:
        known.length === 0
          ? 'No location declares one: defineLocation({ pools: { … } }).'
          : knownInstead(name, known, { what: 'pools', list: 'millrace pools list' }),
    })
  }
  if (others.length > 0) {
    throw new MillraceError(`Several locations have a pool ${name}: ${[found, ...others].map((one) => one.location).join(', ')}.`, {
      code: 'POOL_AMBIGUOUS',
      hint: 'Say which one by --location.',
    })
  }
  return found
}
