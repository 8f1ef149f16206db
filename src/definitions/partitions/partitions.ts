import * as z from 'zod'
import { DefinitionError } from '../definition-error.ts'
import { refuseUnknown } from '../known-options.ts'
import { dimensionSeparator } from './partition-set.ts'
import { PartitionsSpec, TimePartitionsSpec } from './partitions-spec.ts'
import type { OneDimensionSpec } from './partitions-spec.ts'
import { timePartitions } from './time-partitions.ts'

type OptionsOf<Kind extends TimePartitionsSpec['kind']> = Omit<Extract<z.input<typeof TimePartitionsSpec>, { kind: Kind }>, 'kind'>

export type HourlyPartitionsOptions = OptionsOf<'hourly'>
export type DailyPartitionsOptions = OptionsOf<'daily'>
export type WeeklyPartitionsOptions = OptionsOf<'weekly'>
export type MonthlyPartitionsOptions = OptionsOf<'monthly'>
export type CronPartitionsOptions = OptionsOf<'cron'>

/** A partition for each hour of a time zone's clock: `2026-11-22-05:00`. @throws DefinitionError */
export const hourlyPartitions = (options: HourlyPartitionsOptions): TimePartitionsSpec => time('hourlyPartitions', { kind: 'hourly', ...options })

/** A partition for each day: `2026-11-22`. @throws DefinitionError */
export const dailyPartitions = (options: DailyPartitionsOptions): TimePartitionsSpec => time('dailyPartitions', { kind: 'daily', ...options })

/** A partition for each week, named by its first day, Sunday unless `dayOffset` says otherwise. @throws DefinitionError */
export const weeklyPartitions = (options: WeeklyPartitionsOptions): TimePartitionsSpec => time('weeklyPartitions', { kind: 'weekly', ...options })

/** A partition for each month, named by its first day: `2026-11-01`. @throws DefinitionError */
export const monthlyPartitions = (options: MonthlyPartitionsOptions): TimePartitionsSpec => time('monthlyPartitions', { kind: 'monthly', ...options })

/** A partition from each time of a cron expression to the next: `2026-11-22-05:30`. @throws DefinitionError */
export const cronPartitions = (options: CronPartitionsOptions): TimePartitionsSpec => time('cronPartitions', { kind: 'cron', ...options })

/** Partitions that are known while the definitions are written. @throws DefinitionError */
export function staticPartitions(keys: readonly string[]): OneDimensionSpec {
  const twice = keys.find((key, index) => keys.indexOf(key) !== index)
  if (twice !== undefined) throw new DefinitionError(`staticPartitions has the key ${JSON.stringify(twice)} twice. Take one out.`)
  return parse('staticPartitions', { kind: 'static', keys }) as OneDimensionSpec
}

/** Partitions that are added and removed while everything runs. Assets that say the same name share them. @throws DefinitionError */
export const dynamicPartitions = (name: string): OneDimensionSpec => parse('dynamicPartitions', { kind: 'dynamic', name }) as OneDimensionSpec

/**
 * Partitions of two dimensions: `multiPartitions({ date: dailyPartitions(…), region: staticPartitions(['eu', 'us']) })` has `2026-11-22|eu`. Their keys stand in the order
 * of the dimensions' names.
 * @throws DefinitionError unless there are two dimensions, neither of which has keys with a `|`
 */
export function multiPartitions(dimensions: Readonly<Record<string, OneDimensionSpec>>): PartitionsSpec {
  const entries = Object.entries(dimensions).toSorted(([one], [other]) => (one < other ? -1 : 1))
  if (entries.length !== 2) throw new DefinitionError(`multiPartitions has ${String(entries.length)} dimensions, not two.`)
  for (const [name, one] of entries) {
    const key = one.kind === 'static' ? one.keys.find((text) => text.includes(dimensionSeparator)) : undefined
    if (key !== undefined) {
      throw new DefinitionError(
        `The key ${JSON.stringify(key)} of the dimension ${name} has a "${dimensionSeparator}", which stands between two dimensions. Rename it.`,
      )
    }
  }
  return parse('multiPartitions', { kind: 'multi', dimensions: entries.map(([name, partitions]) => ({ name, partitions })) })
}

function parse(what: string, options: unknown): PartitionsSpec {
  const parsed = PartitionsSpec.safeParse(options)
  if (parsed.success) return parsed.data
  throw new DefinitionError(`${what} cannot be: ${z.prettifyError(parsed.error)}.`)
}

function time(what: string, options: z.input<typeof TimePartitionsSpec>): TimePartitionsSpec {
  const { kind: _, ...names } = TimePartitionsSpec.options.find(({ shape }) => shape.kind.value === options.kind)?.shape ?? {}
  const { kind: __, ...given } = options
  refuseUnknown(`${what}()`, given, names)
  const parsed = parse(what, options) as TimePartitionsSpec
  if (parsed.kind === 'cron' && parsed.cron.trim().split(/\s+/).length !== 5) {
    throw new DefinitionError(`${what} cannot be: ${JSON.stringify(parsed.cron)} has not five fields (minute, hour, day, month, day of the week).`)
  }
  try {
    const { first, cadence } = timePartitions(parsed)
    cadence.step(first, 1)
  } catch (error) {
    throw new DefinitionError(`${what} cannot be: ${error instanceof Error ? error.message : String(error)}.`, { cause: error })
  }
  if (parsed.end !== undefined && parsed.end <= parsed.start)
    throw new DefinitionError(`${what} ends at ${parsed.end}, which is not after its start, ${parsed.start}.`)
  return parsed
}
