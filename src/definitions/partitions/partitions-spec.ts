import { Temporal } from 'temporal-polyfill'
import * as z from 'zod'

function works(parse: () => unknown): boolean {
  try {
    parse()
    return true
  } catch {
    return false
  }
}

const localTime = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d(T\d\d:\d\d)?$/, 'a date, as 2026-01-31, or a local time, as 2026-01-31T05:30')
  .refine((text) => works(() => Temporal.PlainDateTime.from(text)), 'there is no such day or time')

/** A key that is known by itself: of static and of dynamic partitions. */
export const PartitionKey = z
  .string()
  .min(1)
  .max(255)
  .regex(/^\P{Cc}*$/u, 'a partition key has no control characters')
  .refine((key) => !key.includes('..'), '".." stands between the two ends of a range')

/** What every row of windows of time has. */
const span = {
  /** The first window is the first that begins then or later: a date or a local time of the time zone. */
  start: localTime,
  /** The last window ends then or earlier. Default: none, so that windows come as time goes by. */
  end: localTime.optional(),
  timeZone: z
    .string()
    .refine((name) => works(() => new Intl.DateTimeFormat('en', { timeZone: name })), 'there is no such time zone')
    .default('UTC'),
  /** How many windows there are beyond those that have ended: 1 has the one that is under way as well. */
  endOffset: z.int().default(0),
}
const minuteOffset = z.int().min(0).max(59).default(0)
const hourOffset = z.int().min(0).max(23).default(0)

export const TimePartitionsSpec = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('hourly'), ...span, minuteOffset }),
  z.object({ kind: z.literal('daily'), ...span, hourOffset, minuteOffset }),
  /** `dayOffset`: the day on which a week begins, from Sunday, 0. */
  z.object({ kind: z.literal('weekly'), ...span, dayOffset: z.int().min(0).max(6).default(0), hourOffset, minuteOffset }),
  /** `dayOffset`: the day of the month on which a month begins. */
  z.object({ kind: z.literal('monthly'), ...span, dayOffset: z.int().min(1).max(28).default(1), hourOffset, minuteOffset }),
  /** Five fields. */
  z.object({ kind: z.literal('cron'), ...span, cron: z.string() }),
])
export type TimePartitionsSpec = z.infer<typeof TimePartitionsSpec>

const StaticPartitionsSpec = z.object({ kind: z.literal('static'), keys: z.array(PartitionKey).min(1) })

/** Keys are added and removed while everything runs, by sensors, the API and the CLI; several assets may share them by their name. */
const DynamicPartitionsSpec = z.object({ kind: z.literal('dynamic'), name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]*$/, 'letters, digits, _ and -') })

export const OneDimensionSpec = z.union([TimePartitionsSpec, StaticPartitionsSpec, DynamicPartitionsSpec])
export type OneDimensionSpec = z.infer<typeof OneDimensionSpec>

const Dimension = z.object({ name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'letters, digits and _'), partitions: OneDimensionSpec })

/** Each key of the one with each of the other; in the order of their names, so that the order in which they are written says nothing. */
const TwoDimensionsSpec = z.object({ kind: z.literal('multi'), dimensions: z.tuple([Dimension, Dimension]) })

/** The partitions of an asset as data. */
export const PartitionsSpec = z.union([OneDimensionSpec, TwoDimensionsSpec])
export type PartitionsSpec = z.infer<typeof PartitionsSpec>
