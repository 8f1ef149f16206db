import * as z from 'zod'
import { DefinitionError } from '../definition-error.ts'
import { aNumber, aText, recordOf, texts } from '../option-kinds.ts'
import { refuseWrong, refuseWrongValue, required } from '../option-shape.ts'
import type { OptionShape } from '../option-shape.ts'
import { dimensionSeparator } from './partition-set.ts'
import { dimensionKind } from './partitions-kind.ts'
import { PartitionsSpec } from './partitions-spec.ts'
import type { OneDimensionSpec, TimePartitionsSpec } from './partitions-spec.ts'
import { timePartitions } from './time-partitions.ts'
import { issuesOf } from '../issues.ts'

type OptionsOf<Kind extends TimePartitionsSpec['kind']> = Omit<Extract<z.input<typeof PartitionsSpec>, { kind: Kind }>, 'kind'>

export type HourlyPartitionsOptions = OptionsOf<'hourly'>
export type DailyPartitionsOptions = OptionsOf<'daily'>
export type WeeklyPartitionsOptions = OptionsOf<'weekly'>
export type MonthlyPartitionsOptions = OptionsOf<'monthly'>
export type CronPartitionsOptions = OptionsOf<'cron'>

const span: OptionShape<Omit<HourlyPartitionsOptions, 'minuteOffset'>> = {
  start: required(aText('2026-01-01')),
  end: aText('2027-01-01'),
  timeZone: aText('Europe/Paris'),
  endOffset: aNumber,
}
/** How great numbers may be is asked with the rest. */
const shapes: { readonly [Kind in TimePartitionsSpec['kind']]: OptionShape<OptionsOf<Kind>> } = {
  hourly: { ...span, minuteOffset: aNumber },
  daily: { ...span, hourOffset: aNumber, minuteOffset: aNumber },
  weekly: { ...span, dayOffset: aNumber, hourOffset: aNumber, minuteOffset: aNumber },
  monthly: { ...span, dayOffset: aNumber, hourOffset: aNumber, minuteOffset: aNumber },
  cron: { ...span, cron: required(aText('0 6 * * *')) },
}

/** A partition for each hour of a time zone's clock: `2026-11-22-05:00`. @throws DefinitionError */
export const hourlyPartitions = (options: HourlyPartitionsOptions): TimePartitionsSpec => time('hourly', options)

/** A partition for each day: `2026-11-22`. @throws DefinitionError */
export const dailyPartitions = (options: DailyPartitionsOptions): TimePartitionsSpec => time('daily', options)

/** A partition for each week, named by its first day, Sunday unless `dayOffset` says otherwise. @throws DefinitionError */
export const weeklyPartitions = (options: WeeklyPartitionsOptions): TimePartitionsSpec => time('weekly', options)

/** A partition for each month, named by its first day: `2026-11-01`. @throws DefinitionError */
export const monthlyPartitions = (options: MonthlyPartitionsOptions): TimePartitionsSpec => time('monthly', options)

/** A partition from each time of a cron expression to the next: `2026-11-22-05:30`. @throws DefinitionError */
export const cronPartitions = (options: CronPartitionsOptions): TimePartitionsSpec => time('cron', options)

/** Partitions that are known while the definitions are written. @throws DefinitionError */
export function staticPartitions(keys: readonly string[]): OneDimensionSpec {
  refuseWrongValue('What staticPartitions() is handed', keys, texts('eu'))
  const twice = keys.find((key, index) => keys.indexOf(key) !== index)
  if (twice !== undefined) throw new DefinitionError(`staticPartitions has the key ${JSON.stringify(twice)} twice. Take one out.`)
  return parse('staticPartitions', { kind: 'static', keys }) as OneDimensionSpec
}

/** Partitions that are added and removed while everything runs. Assets that say the same name share them. @throws DefinitionError */
export function dynamicPartitions(name: string): OneDimensionSpec {
  refuseWrongValue('What dynamicPartitions() is handed', name, aText('customers'))
  return parse('dynamicPartitions', { kind: 'dynamic', name }) as OneDimensionSpec
}

const dimensionsKind = recordOf(dimensionKind, "an object of two dimensions, as { date: dailyPartitions(…), region: staticPartitions(['eu', 'us']) }")

/**
 * Partitions of two dimensions: `multiPartitions({ date: dailyPartitions(…), region: staticPartitions(['eu', 'us']) })` has `2026-11-22|eu`. Their keys stand in the order
 * of the dimensions' names.
 * @throws DefinitionError unless there are two dimensions, neither of which has keys with a `|`
 */
export function multiPartitions(dimensions: Readonly<Record<string, OneDimensionSpec>>): PartitionsSpec {
  refuseWrongValue('What multiPartitions() is handed', dimensions, dimensionsKind)
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
  throw new DefinitionError(`${what} cannot be: ${issuesOf(parsed.error)}.`)
}

function time<Kind extends TimePartitionsSpec['kind']>(kind: Kind, options: OptionsOf<Kind>): TimePartitionsSpec {
  const what = `${kind}Partitions`
  refuseWrong(`${what}()`, options, shapes[kind])
  const parsed = parse(what, { ...options, kind }) as TimePartitionsSpec
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
