import { CronExpressionParser } from 'cron-parser'
import type { CronExpression } from 'cron-parser'
import { zoneClock } from './partitions/zone-clock.ts'
import type { ZoneClock } from './partitions/zone-clock.ts'

/** The times of cron expressions, in milliseconds since 1970 UTC. */
export interface CronTimes {
  /** The first time after one. */
  readonly after: (utc: number) => number
  /** The last time before one; undefined where there was none for nine years. */
  readonly before: (utc: number) => number | undefined
}

const known = new Map<string, CronTimes>()
const mostKnown = 10_000

/**
 * The times of several cron expressions on the clock of a time zone; one that two of them have is one time.
 *
 * Where clocks are changed: an expression for every hour goes by what the clock shows, and so twice through an hour that comes twice. One for chosen hours comes once: at the
 * first of two equal times, and for a time that is left out as long after the change. cron-parser alone leaves such days out in some zones, never ends in others (Lord Howe,
 * Cairo), and its `prev` is not the reverse of its `next`; so it is only asked for days and hours, and the zone's changes are ours.
 * @throws what cron-parser throws for an expression that it cannot read, and RangeError for a time zone that nobody knows
 */
export function cronTimes(expressions: readonly string[], timeZone: string): CronTimes {
  const id = JSON.stringify([timeZone, ...expressions])
  const found = known.get(id)
  if (found !== undefined) return found
  if (known.size >= mostKnown) known.clear()
  const made = remember(together(expressions.map((one) => timesOf(one, zoneClock(timeZone)))))
  known.set(id, made)
  return made
}

/** Times are asked for around the same moment again and again. */
function remember(times: CronTimes): CronTimes {
  let before = NaN
  let after = NaN
  const look = (utc: number): void => {
    if (utc > before && utc <= after) return
    const found = times.before(utc)
    before = found ?? NaN
    after = found === undefined ? NaN : times.after(found)
  }
  return {
    after: (utc) => (utc >= before && utc < after ? after : times.after(utc)),
    before(utc) {
      look(utc)
      return Number.isNaN(before) ? undefined : before
    },
  }
}

function together(all: readonly CronTimes[]): CronTimes {
  return {
    after: (utc) => Math.min(...all.map((one) => one.after(utc))),
    before: (utc) => all.map((one) => one.before(utc)).reduce((latest, one) => (latest === undefined || (one !== undefined && one > latest) ? one : latest)),
  }
}

function timesOf(cron: string, clock: ZoneClock): CronTimes {
  // Read once: partitions ask for thousands of times, one after the other.
  const expression = CronExpressionParser.parse(cron, { tz: 'UTC' })
  const everyHour = expression.fields.hour.values.length === 24
  const after = (utc: number): number => (everyHour ? shownAfter(expression, clock, utc) : chosenAfter(expression, clock, utc))
  return { after, before: (utc) => lastBefore(after, utc) }
}

function nextLocal(expression: CronExpression, local: number): number {
  expression.reset(new Date(local))
  return expression.next().getTime()
}

/** The next time at which the clock shows one of the expression's. */
function shownAfter(expression: CronExpression, clock: ZoneClock, utc: number): number {
  for (let from = utc, stretch = clock.stretchOf(utc); ; from = stretch.to - 1, stretch = clock.stretchOf(stretch.to)) {
    const found = nextLocal(expression, from + stretch.offset) - stretch.offset
    if (found < stretch.to) return found
  }
}

/** No clock is changed by more. */
const changeMs = 3 * 3_600_000

/** The next of the expression's times, each of which comes once. */
function chosenAfter(expression: CronExpression, clock: ZoneClock, utc: number): number {
  const { from, to, offset } = clock.stretchOf(utc)
  const plain = nextLocal(expression, utc + offset) - offset
  if (utc - changeMs >= from && plain + changeMs < to) return plain
  let found = Infinity
  expression.reset(new Date(utc + offset - changeMs))
  for (;;) {
    const local = expression.next().getTime()
    const time = clock.toUtc(local)
    if (found < Infinity && time > found + changeMs) return found
    if (time > utc) found = Math.min(found, time)
  }
}

const hour = 3_600_000
const spans = [60_000, hour, 24 * hour, 8 * 24 * hour, 32 * 24 * hour, 367 * 24 * hour, 9 * 366 * 24 * hour]

/** By going forward from ever further back. */
function lastBefore(after: (utc: number) => number, utc: number): number | undefined {
  for (const span of spans) {
    let found = after(utc - span)
    if (found >= utc) continue
    for (let next = after(found); next < utc; next = after(next)) found = next
    return found
  }
  return undefined
}
