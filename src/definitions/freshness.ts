import * as z from 'zod'
import { cronTimes } from './cron-times.ts'
import { DefinitionError } from './definition-error.ts'
import { anObject, aText } from './option-kinds.ts'
import { refuseWrong, required } from './option-shape.ts'
import type { OptionShape } from './option-shape.ts'
import { isTime } from './partitions/partition-mapping.ts'
import type { PartitionsSpec } from './partitions/partitions-spec.ts'

type Unit = 'second' | 'minute' | 'hour' | 'day' | 'week'

/** `26 hours`, `1 day`, `90 minutes`. */
export type Span = `${number} ${Unit}${'' | 's'}`

export interface FreshnessPolicy {
  /**
   * How old the last materialization may be. With `cron` how long before its times it must have been made. Of an asset whose partitions are windows of time: how long after
   * its end the last window's partition must be there.
   */
  readonly within: Span
  /** Sooner than `within`: from then on it is `warning`. Not with `cron`. */
  readonly warnAfter?: Span
  /** At each of its times the asset must have been made `within` before. Not of partitions that are windows of time. */
  readonly cron?: string
  /** Of `cron`. Default UTC. */
  readonly timeZone?: string
}

export interface FreshnessOption {
  /** How fresh it is to be; what is not shows, and its change is an event. */
  readonly freshness?: FreshnessPolicy
}

export const freshnessShape: OptionShape<FreshnessOption> = { freshness: anObject("{ within: '26 hours' }") }
const policyShape: OptionShape<FreshnessPolicy> = {
  within: required(aText('26 hours')),
  warnAfter: aText('25 hours'),
  cron: aText('0 9 * * *'),
  timeZone: aText('Europe/Paris'),
}

/** A freshness policy as data. */
export const FreshnessSpec = z.strictObject({
  withinMs: z.number().positive(),
  warnMs: z.number().positive().optional(),
  cron: z.string().optional(),
  timeZone: z.string().optional(),
})
export type FreshnessSpec = z.infer<typeof FreshnessSpec>

const unitMs: Readonly<Record<Unit, number>> = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000 }

/** @throws DefinitionError for a policy that cannot be */
export function freshnessOf(key: string, { freshness }: FreshnessOption, partitions?: PartitionsSpec): FreshnessSpec | undefined {
  if (freshness === undefined) return undefined
  refuseWrong(`The freshness of ${key}`, freshness, policyShape)
  const { within, warnAfter, cron, timeZone } = freshness
  const refuse = (why: string): never => {
    throw new DefinitionError(`The freshness of ${key} cannot be: ${why}`)
  }
  const spanOf = (name: string, text: string): number =>
    spanMs(text) ?? refuse(`${name} is ${JSON.stringify(text)}, which is no span of time. Write it as '26 hours'.`)
  const withinMs = spanOf('within', within)
  const warnMs = warnAfter === undefined ? undefined : spanOf('warnAfter', warnAfter)
  if (warnMs !== undefined && warnMs >= withinMs) refuse(`warnAfter (${warnAfter ?? ''}) must be sooner than within (${within}).`)
  if (cron === undefined) {
    if (timeZone !== undefined) refuse('timeZone belongs to cron, which is not there.')
  } else {
    if (warnMs !== undefined) refuse('warnAfter and cron do not go together: until the time of cron nothing is late.')
    if (isByWindow(partitions)) refuse('its partitions are windows of time, which are due by their ends. Leave cron out.')
    try {
      cronTimes([cron], timeZone ?? 'UTC').after(Date.now())
    } catch (error) {
      refuse(`${error instanceof Error ? error.message : String(error)} (cron ${JSON.stringify(cron)}, timeZone ${JSON.stringify(timeZone ?? 'UTC')}).`)
    }
  }
  return { withinMs, ...(warnMs === undefined ? {} : { warnMs }), ...(cron === undefined ? {} : { cron, timeZone: timeZone ?? 'UTC' }) }
}

function spanMs(text: string): number | undefined {
  const [, number = '', unit = ''] = /^(\d{1,9}(?:\.\d{1,9})?) (second|minute|hour|day|week)s?$/.exec(text) ?? []
  const ms = Number(number) * (unitMs[unit as Unit] ?? 0)
  return ms > 0 && ms < 100 * 365 * unitMs.day ? ms : undefined
}

/** Whether the windows of time of partitions say how fresh an asset is, and not its last materialization. */
export function isByWindow(partitions: PartitionsSpec | undefined): boolean {
  return (
    partitions !== undefined &&
    (isTime(partitions) || (partitions.kind === 'multi' && partitions.dimensions.filter((one) => isTime(one.partitions)).length === 1))
  )
}

/** `within 26 hours`; `at 0 9 * * * Europe/Paris, within 3 hours`. */
export function describeFreshness({ withinMs, warnMs, cron, timeZone }: FreshnessSpec): string {
  const by = cron === undefined ? '' : `at ${cron} ${timeZone ?? 'UTC'}, `
  return `${by}within ${spanText(withinMs)}${warnMs === undefined ? '' : `, warning after ${spanText(warnMs)}`}`
}

function spanText(ms: number): string {
  const [unit, size] = (Object.entries(unitMs) as [Unit, number][]).findLast(([, one]) => ms % one === 0 && ms >= one) ?? ['second', unitMs.second]
  return `${String(ms / size)} ${unit}${ms === size ? '' : 's'}`
}
