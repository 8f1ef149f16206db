import fc from 'fast-check'
import { Temporal } from 'temporal-polyfill'
import { partitionSet } from '../../../src/definitions/partitions/partition-set.ts'
import type { PartitionSet } from '../../../src/definitions/partitions/partition-set.ts'
import { cronPartitions, dailyPartitions, hourlyPartitions, monthlyPartitions, weeklyPartitions } from '../../../src/definitions/partitions/partitions.ts'
import type { TimePartitionsSpec } from '../../../src/definitions/partitions/partitions-spec.ts'
import { timePartitions } from '../../../src/definitions/partitions/time-partitions.ts'
import { describe, expect, test } from '../../support/test.ts'

const setAt = (spec: TimePartitionsSpec, now: string): PartitionSet => partitionSet(spec, { now: new Date(now), dynamic: () => [] })
const keysOf = (set: PartitionSet): string[] => Array.from({ length: set.count }, (_, index) => set.at(index))
const windowOf = (set: PartitionSet, key: string): string => {
  const window = set.windowOf(key)
  return window === undefined ? 'none' : `${window.start.toISOString()} ${window.end.toISOString()}`
}

describe('windows of time', () => {
  test('a day is there once it has ended, and with an offset before', () => {
    const spec = { start: '2026-03-01' }
    expect(keysOf(setAt(dailyPartitions(spec), '2026-03-03T23:59:59Z'))).toEqual(['2026-03-01', '2026-03-02'])
    expect(keysOf(setAt(dailyPartitions(spec), '2026-03-04T00:00:00Z'))).toEqual(['2026-03-01', '2026-03-02', '2026-03-03'])
    expect(keysOf(setAt(dailyPartitions({ ...spec, endOffset: 1 }), '2026-03-03T12:00:00Z'))).toEqual(['2026-03-01', '2026-03-02', '2026-03-03'])
    expect(keysOf(setAt(dailyPartitions({ ...spec, endOffset: -1 }), '2026-03-03T12:00:00Z'))).toEqual(['2026-03-01'])
    expect(setAt(dailyPartitions(spec), '2026-02-01T00:00:00Z').count).toBe(0)
    expect(keysOf(setAt(dailyPartitions({ ...spec, end: '2026-03-03' }), '2030-01-01T00:00:00Z'))).toEqual(['2026-03-01', '2026-03-02'])
  })

  test('days of a zone are 23 and 25 hours long where its clock is changed', () => {
    const set = setAt(dailyPartitions({ start: '2026-01-01', timeZone: 'Europe/Berlin' }), '2027-01-01T00:00:00Z')
    expect(set.count).toBe(365)
    expect(windowOf(set, '2026-03-29')).toBe('2026-03-28T23:00:00.000Z 2026-03-29T22:00:00.000Z')
    expect(windowOf(set, '2026-10-25')).toBe('2026-10-24T22:00:00.000Z 2026-10-25T23:00:00.000Z')
    expect(windowOf(set, '2027-01-01')).toBe('none')
    expect(windowOf(set, '2025-12-31')).toBe('none')
  })

  test('a day that begins at a time that is left out begins as long after the change', () => {
    const set = setAt(dailyPartitions({ start: '2026-03-28', timeZone: 'Europe/Berlin', hourOffset: 2, minuteOffset: 30 }), '2026-04-01T00:00:00Z')
    expect(windowOf(set, '2026-03-28')).toBe('2026-03-28T01:30:00.000Z 2026-03-29T01:30:00.000Z')
    expect(windowOf(set, '2026-03-29')).toBe('2026-03-29T01:30:00.000Z 2026-03-30T00:30:00.000Z')
  })

  test('an hour that is left out has no partition, and one that comes twice has two', () => {
    const spring = keysOf(setAt(hourlyPartitions({ start: '2026-03-29T00:00', timeZone: 'Europe/Berlin' }), '2026-03-29T03:00:00Z'))
    expect(spring).toEqual(['2026-03-29-00:00', '2026-03-29-01:00', '2026-03-29-03:00', '2026-03-29-04:00'])
    const autumn = setAt(hourlyPartitions({ start: '2026-10-25T01:00', timeZone: 'Europe/Berlin' }), '2026-10-25T03:00:00Z')
    expect(keysOf(autumn)).toEqual(['2026-10-25-01:00', '2026-10-25-02:00', '2026-10-25-02:00+0100', '2026-10-25-03:00'])
    expect(windowOf(autumn, '2026-10-25-02:00')).toBe('2026-10-25T00:00:00.000Z 2026-10-25T01:00:00.000Z')
    expect(windowOf(autumn, '2026-10-25-02:00+0100')).toBe('2026-10-25T01:00:00.000Z 2026-10-25T02:00:00.000Z')
    for (const wrong of ['2026-10-25-02:00+0200', '2026-10-25-01:00+0200', '2026-10-25-02:30', '2026-10-25', '2026-13-25-02:00'])
      expect(autumn.indexOf(wrong), wrong).toBe(-1)
  })

  test('where the clock is changed by half an hour, one window is longer and one shorter', () => {
    const zone = { timeZone: 'Australia/Lord_Howe' }
    const autumn = setAt(hourlyPartitions({ ...zone, start: '2026-04-05T00:00' }), '2026-04-04T18:00:00Z')
    expect(keysOf(autumn).map((key) => `${key} ${windowOf(autumn, key).slice(11, 16)}`)).toEqual([
      '2026-04-05-00:00 13:00',
      '2026-04-05-01:00 14:00',
      '2026-04-05-02:00 15:30',
      '2026-04-05-03:00 16:30',
    ])
  })

  test('weeks begin on Sunday or on another day, months on the first or another', () => {
    expect(keysOf(setAt(weeklyPartitions({ start: '2026-03-01' }), '2026-03-20T00:00:00Z'))).toEqual(['2026-03-01', '2026-03-08'])
    expect(keysOf(setAt(weeklyPartitions({ start: '2026-03-01', dayOffset: 1 }), '2026-03-20T00:00:00Z'))).toEqual(['2026-03-02', '2026-03-09'])
    expect(keysOf(setAt(monthlyPartitions({ start: '2025-11-02' }), '2026-03-20T00:00:00Z'))).toEqual(['2025-12-01', '2026-01-01', '2026-02-01'])
    expect(keysOf(setAt(monthlyPartitions({ start: '2025-11-02', dayOffset: 15 }), '2026-02-20T00:00:00Z'))).toEqual(['2025-11-15', '2025-12-15', '2026-01-15'])
    const weekly = setAt(weeklyPartitions({ start: '2026-03-01' }), '2026-03-20T00:00:00Z')
    expect([weekly.indexOf('2026-03-08'), weekly.indexOf('2026-03-09'), weekly.indexOf('2026-02-30')]).toEqual([1, -1, -1])
  })

  test('a cron expression gives windows from each of its times to the next', () => {
    const set = setAt(cronPartitions({ cron: '30 6 * * 1-5', start: '2026-03-06', timeZone: 'Europe/Berlin' }), '2026-03-10T12:00:00Z')
    expect(keysOf(set)).toEqual(['2026-03-06-06:30', '2026-03-09-06:30'])
    expect(windowOf(set, '2026-03-06-06:30')).toBe('2026-03-06T05:30:00.000Z 2026-03-09T05:30:00.000Z')
    expect([set.indexOf('2026-03-09-06:30'), set.indexOf('2026-03-07-06:30'), set.indexOf('2026-03-05-06:30')]).toEqual([1, -1, -1])
  })

  test('100,000 hours are counted and found without being made', () => {
    const set = setAt(hourlyPartitions({ start: '2010-01-01', timeZone: 'America/New_York' }), '2021-05-30T04:00:00Z')
    expect(set.count).toBe(4167 * 24 - 1)
    expect(set.at(set.count - 1)).toBe('2021-05-29-23:00')
    expect(set.indexOf('2021-05-29-23:00')).toBe(set.count - 1)
  })
})

/** When the clocks of zones are changed: by an hour, by half of one (Lord Howe), at midnight (São Paulo), for Ramadan (Casablanca). */
const changes = [
  ['Europe/Berlin', '2026-03-29T01:00Z'],
  ['Europe/Berlin', '2026-10-25T01:00Z'],
  ['America/St_Johns', '2026-03-08T05:30Z'],
  ['America/St_Johns', '2026-11-01T04:30Z'],
  ['Australia/Lord_Howe', '2026-04-04T15:00Z'],
  ['Australia/Lord_Howe', '2026-10-03T15:30Z'],
  ['Pacific/Chatham', '2026-04-04T14:00Z'],
  ['Pacific/Chatham', '2026-09-26T14:00Z'],
  ['America/Sao_Paulo', '2018-02-18T02:00Z'],
  ['America/Sao_Paulo', '2018-11-04T03:00Z'],
  ['Africa/Casablanca', '2026-02-15T02:00Z'],
  ['Africa/Casablanca', '2026-03-22T02:00Z'],
] as const

test('the changes of clocks are where the tests below look for them', () => {
  for (const [timeZone, time] of changes) {
    const at = Temporal.Instant.from(time)
    const [before, after] = [at.subtract({ nanoseconds: 1 }), at].map((one) => one.toZonedDateTimeISO(timeZone).offset)
    expect(before, `${timeZone} ${time}`).not.toBe(after)
  }
})

const hour = 3_600_000
/** A minute of every hour, or of chosen hours, on every day or on weekdays. */
const crons = fc.record({
  minute: fc.integer({ min: 0, max: 59 }),
  hours: fc.oneof(
    fc.constant(undefined),
    fc.uniqueArray(fc.integer({ min: 0, max: 23 }), { minLength: 1, maxLength: 3 }),
    fc.constantFrom([0], [1, 2], [2, 3]),
  ),
  weekdays: fc.boolean(),
})
type Cron = typeof crons extends fc.Arbitrary<infer Value> ? Value : never

const cronSpec = ({ minute, hours, weekdays }: Cron, timeZone: string, start: number): TimePartitionsSpec =>
  cronPartitions({
    cron: `${String(minute)} ${hours?.join(',') ?? '*'} * * ${weekdays ? '1-5' : '*'}`,
    timeZone,
    start: new Date(start).toISOString().slice(0, 16),
  })

/** Its times from one to another (out), as the calendar of the platform has them. */
function cronTimesOf({ minute, hours, weekdays }: Cron, timeZone: string, from: number, to: number): number[] {
  const isMeant = (date: { readonly dayOfWeek: number }): boolean => !weekdays || date.dayOfWeek < 6
  const found = new Set<number>()
  if (hours === undefined) {
    // Offsets are whole quarters of an hour.
    for (let utc = Math.floor(from / hour) * hour + (minute % 15) * 60_000; utc < to; utc += hour / 4) {
      const shown = Temporal.Instant.fromEpochMilliseconds(utc).toZonedDateTimeISO(timeZone)
      if (shown.minute === minute && isMeant(shown)) found.add(utc)
    }
  } else {
    const last = Temporal.Instant.fromEpochMilliseconds(to).toZonedDateTimeISO(timeZone).toPlainDate()
    let date = Temporal.Instant.fromEpochMilliseconds(from).toZonedDateTimeISO(timeZone).toPlainDate()
    for (; Temporal.PlainDate.compare(date, last) <= 0; date = date.add({ days: 1 })) {
      for (const one of isMeant(date) ? hours : []) found.add(date.toZonedDateTime({ timeZone, plainTime: { hour: one, minute } }).epochMilliseconds)
    }
  }
  return [...found].filter((utc) => utc >= from && utc < to).toSorted((one, other) => one - other)
}

test('windows of a cron expression begin at all its times, and at no others, around the changes of clocks', () => {
  fc.assert(
    fc.property(fc.constantFrom(...changes), crons, fc.integer({ min: 1, max: 90 }), ([timeZone, change], cron, hoursBefore) => {
      const start = Math.floor(Date.parse(change) / hour) * hour - hoursBefore * hour
      const now = start + 7 * 24 * hour
      const spec = cronSpec(cron, timeZone, start)
      const from = Temporal.PlainDateTime.from(spec.start).toZonedDateTime(timeZone).epochMilliseconds
      const set = partitionSet(spec, { now: new Date(now), dynamic: () => [] })
      const begins = cronTimesOf(cron, timeZone, from, now + 1)
      expect(keysOf(set).map((key) => set.windowOf(key)?.start.toISOString())).toEqual(begins.slice(0, -1).map((utc) => new Date(utc).toISOString()))
      expect(keysOf(set).map((key) => set.windowOf(key)?.end.toISOString())).toEqual(begins.slice(1).map((utc) => new Date(utc).toISOString()))
      expect(keysOf(set).map((key) => set.indexOf(key))).toEqual(Array.from({ length: set.count }, (_, index) => index))
    }),
    { numRuns: 120 },
  )
})

const zones = ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'America/Sao_Paulo', 'Asia/Kathmandu', 'Africa/Casablanca', 'Pacific/Chatham']
const specs = fc
  .record({
    kind: fc.constantFrom('hourly', 'daily', 'weekly', 'monthly'),
    start: fc.date({ min: new Date('1995-01-01'), max: new Date('2030-01-01'), noInvalidDate: true }).map((date) => date.toISOString().slice(0, 16)),
    timeZone: fc.constantFrom(...zones),
    hourOffset: fc.integer({ min: 0, max: 23 }),
    minuteOffset: fc.integer({ min: 0, max: 59 }),
  })
  .map(({ kind, hourOffset, ...rest }): TimePartitionsSpec => {
    if (kind === 'hourly') return hourlyPartitions(rest)
    if (kind === 'daily') return dailyPartitions({ ...rest, hourOffset })
    return kind === 'weekly'
      ? weeklyPartitions({ ...rest, hourOffset, dayOffset: hourOffset % 7 })
      : monthlyPartitions({ ...rest, hourOffset, dayOffset: (hourOffset % 28) + 1 })
  })

/** Whether a window begins at a minute, as the calendar of the platform has it. */
function begins(spec: TimePartitionsSpec, time: Temporal.ZonedDateTime): boolean {
  if (spec.kind === 'cron') throw new Error('not here')
  if (spec.kind === 'hourly') return time.minute === spec.minuteOffset
  const date = time.toPlainDate()
  const meant = date.toZonedDateTime({ timeZone: time.timeZoneId, plainTime: { hour: spec.hourOffset, minute: spec.minuteOffset } })
  if (meant.epochMilliseconds !== time.epochMilliseconds) return false
  if (spec.kind === 'weekly') return date.dayOfWeek % 7 === spec.dayOffset
  return spec.kind === 'daily' || date.day === spec.dayOffset
}

test('every window begins where the calendar of its zone says, each ends where the next begins, and each key is found again', () => {
  fc.assert(
    fc.property(specs, fc.integer({ min: 1, max: 400 }), (spec, days) => {
      const start = Temporal.PlainDateTime.from(spec.start).toZonedDateTime(spec.timeZone)
      const set = partitionSet(spec, { now: new Date(start.add({ hours: 24 * days }).epochMilliseconds), dynamic: () => [] })
      // All of the first and last few, and some between: around the changes of the clock too.
      const numbers = [...new Set(Array.from({ length: Math.min(60, set.count) }, (_, n) => (n < 30 ? n : set.count - 1 - (n - 30) * 7)))].filter((n) => n >= 0)
      for (const index of numbers) {
        const key = set.at(index)
        expect(set.indexOf(key)).toBe(index)
        const window = set.windowOf(key)
        if (window === undefined) throw new Error(`${key} has no window`)
        expect(begins(spec, Temporal.Instant.fromEpochMilliseconds(window.start.getTime()).toZonedDateTimeISO(spec.timeZone)), key).toBe(true)
        if (index + 1 < set.count) expect(set.windowOf(set.at(index + 1))?.start).toEqual(window.end)
      }
    }),
    { numRuns: 150 },
  )
})

test('boundaries follow each other, forward and backward, also around the changes of a clock', () => {
  const times = fc.tuple(fc.constantFrom(...changes, ['UTC', '2026-06-01T00:00Z'] as const), fc.integer({ min: -180, max: 180 }))
  const either = fc.oneof(
    { arbitrary: specs, weight: 2 },
    // Some begin after the change: what is before is counted, too.
    fc.tuple(crons, fc.integer({ min: -3, max: 3 })),
  )
  fc.assert(
    fc.property(either, times, fc.integer({ min: -9000, max: 9000 }), (kind, [[timeZone, change], minutes], count) => {
      const spec = Array.isArray(kind) ? cronSpec(kind[0], timeZone, Date.parse(change) + kind[1] * 24 * hour) : { ...kind, timeZone }
      const { cadence } = timePartitions(spec)
      const utc = Date.parse(change) + minutes * 60_000
      const before = cadence.atOrBefore(utc)
      expect(before).toBeLessThanOrEqual(utc)
      expect(cadence.step(before, 1)).toBeGreaterThan(utc)
      expect(cadence.atOrBefore(before)).toBe(before)
      expect(cadence.atOrAfter(utc)).toBe(before === utc ? utc : cadence.step(before, 1))
      const steps = Math.trunc(spec.kind === 'hourly' ? count : count / 100) + 0
      const other = cadence.step(before, steps)
      expect(cadence.between(before, other)).toBe(steps)
      expect(cadence.step(other, -steps)).toBe(before)
    }),
    { numRuns: 300 },
  )
})

test('a time beside a change of the clock is in the day that it is in, and in one only', () => {
  const { cadence } = timePartitions(dailyPartitions({ start: '2026-01-01', timeZone: 'Europe/Berlin', hourOffset: 2, minuteOffset: 30 }))
  const dayOf = (time: string): string => cadence.format(cadence.atOrBefore(Date.parse(time)))
  // 02:30 is left out, so that the day begins at 03:30, an hour later; and comes twice, of which the first counts.
  expect(['2026-03-29T01:10Z', '2026-03-29T01:29Z', '2026-03-29T01:30Z'].map(dayOf)).toEqual(['2026-03-28', '2026-03-28', '2026-03-29'])
  expect(['2026-10-25T00:29Z', '2026-10-25T00:30Z', '2026-10-25T01:10Z'].map(dayOf)).toEqual(['2026-10-24', '2026-10-25', '2026-10-25'])
})

test('no hour is left out: those of a year are the ones that the platform counts', () => {
  for (const timeZone of ['Europe/Berlin', 'Australia/Lord_Howe', 'America/St_Johns', 'Africa/Casablanca']) {
    const set = setAt(hourlyPartitions({ start: '2026-01-01', timeZone, minuteOffset: 30 }), '2027-01-02T00:00:00Z')
    const expected: string[] = []
    for (let time = Temporal.PlainDateTime.from('2026-01-01').toZonedDateTime(timeZone); time.year < 2027; time = time.add({ minutes: 30 })) {
      if (time.minute === 30) expected.push(new Date(time.epochMilliseconds).toISOString())
    }
    const found = Array.from({ length: set.count }, (_, index) => set.windowOf(set.at(index))?.start.toISOString())
    expect(found.slice(0, expected.length), timeZone).toEqual(expected)
  }
})
