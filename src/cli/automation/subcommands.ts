import { Command } from '@commander-js/extra-typings'
import { redact } from '../../redact.ts'
import { wholeNumber } from '../argument.ts'
import { checkLocation } from '../check-location.ts'
import { createStandardOutput } from '../standard-output.ts'
import { findOne } from './find-one.ts'
import type { Pool } from './with-automation.ts'

interface Located {
  readonly location: string
}

type WithPool<One> = <T>(use: (pool: Pool, all: readonly One[]) => Promise<T>) => Promise<T>

export interface ListOptions<One extends Located> {
  readonly description: string
  readonly withPool: WithPool<One>
  /** Said where there are none, with its full stop. */
  readonly none: string
  readonly table: (all: readonly One[]) => string
}

/** `list`: all that there is of something, of one location where one is named. */
export function listCommand<One extends Located>({ description, withPool, none, table }: ListOptions<One>) {
  return new Command('list')
    .description(description)
    .option('--location <name>', 'only of this code location')
    .option('--json', 'print an array of objects')
    .action(async ({ location, json }) => {
      const all = await withPool(async (pool, found) => {
        await checkLocation(pool, location)
        return found.filter((one) => location === undefined || one.location === location)
      })
      await createStandardOutput().write(json === true ? `${JSON.stringify(redact(all), null, 2)}\n` : all.length === 0 ? `${none}\n` : table(all))
    })
}

export interface TicksOptions<One extends Located, Tick> {
  readonly kind: 'schedule' | 'sensor'
  readonly description: string
  readonly withPool: WithPool<One>
  /** The newest first. */
  readonly read: (pool: Pool, found: One, limit: number) => Promise<readonly Tick[]>
  /** Said before them. */
  readonly head?: (found: One) => string
  /** Said where there are none, with its full stop. */
  readonly none: string
  readonly text: (ticks: readonly Tick[]) => string
}

/** `show`: the newest ticks of what has a name. */
export function ticksCommand<One extends Located & { readonly name: string }, Tick>({
  kind,
  description,
  withPool,
  read,
  head,
  none,
  text,
}: TicksOptions<One, Tick>) {
  return new Command('show')
    .description(description)
    .argument('<name>', `the ${kind}`)
    .option('--location <name>', 'where several code locations have it')
    .option('--limit <ticks>', 'how many', wholeNumber, 20)
    .option('--json', 'print an array of objects')
    .action(async (name, { location, limit, json }) => {
      const { found, ticks } = await withPool(async (pool, all) => {
        const one = findOne(all, kind, name, location)
        return { found: one, ticks: await read(pool, one, limit) }
      })
      const said = `${head === undefined ? '' : `${head(found)}\n`}${ticks.length === 0 ? `${none}\n` : text(ticks)}`
      await createStandardOutput().write(json === true ? `${JSON.stringify(redact(ticks), null, 2)}\n` : said)
    })
}

export interface SwitchOptions<One extends Located> {
  readonly kind: 'schedule' | 'sensor'
  readonly descriptions: Readonly<Record<'start' | 'stop', string>>
  readonly withPool: WithPool<One>
  readonly set: (pool: Pool, found: One, stopped: boolean) => Promise<unknown>
}

/** `start` and `stop` of what has a name. */
export function switchCommands<One extends Located & { readonly name: string }>({ kind, descriptions, withPool, set }: SwitchOptions<One>) {
  const command = (what: 'start' | 'stop') =>
    new Command(what)
      .description(descriptions[what])
      .argument('<name>', `the ${kind}`)
      .option('--location <name>', 'where several code locations have it')
      .action(async (name, { location }) => {
        await withPool((pool, all) => set(pool, findOne(all, kind, name, location), what === 'stop'))
        process.stdout.write(what === 'start' ? `${name} is started.\n` : `${name} is stopped.\n`)
      })
      .exitOverride()
  return { start: command('start'), stop: command('stop') }
}
