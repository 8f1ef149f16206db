import { cronTimes } from '../../src/definitions/cron-times.ts'
import { externalAsset } from '../../src/definitions/external-asset.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import { job } from '../../src/definitions/ops/job.ts'
import { op } from '../../src/definitions/ops/op.ts'
import {
  cronPartitions,
  dailyPartitions,
  dynamicPartitions,
  hourlyPartitions,
  monthlyPartitions,
  multiPartitions,
  staticPartitions,
  weeklyPartitions,
} from '../../src/definitions/partitions/partitions.ts'
import type { PartitionsSpec, TimePartitionsSpec } from '../../src/definitions/partitions/partitions-spec.ts'
import { timePartitions } from '../../src/definitions/partitions/time-partitions.ts'
import { schedule, slotsOf } from '../../src/definitions/schedule.ts'
import type { ScheduleOptions } from '../../src/definitions/schedule.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { Manifest, manifestOf } from '../../src/definitions/manifest.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { describe, expect, test } from '../support/test.ts'

const daily = dailyPartitions({ start: '2026-01-01' })
const paris = { start: '2026-01-01', timeZone: 'Europe/Paris' }

describe('the times of cron expressions', () => {
  test.for<[cron: string | readonly string[], timeZone: string, from: string, times: readonly string[]]>([
    ['0 2 * * *', 'America/New_York', '2026-01-01T00:00Z', ['2026-01-01T07:00', '2026-01-02T07:00']],
    // Clocks go forward: what is left out comes as long after.
    ['30 2 * * *', 'Europe/Paris', '2026-03-28T12:00Z', ['2026-03-29T01:30', '2026-03-30T00:30']],
    ['0 2,3 * * *', 'Europe/Paris', '2026-03-28T12:00Z', ['2026-03-29T01:00', '2026-03-30T00:00', '2026-03-30T01:00']],
    ['0 0 * * *', 'Africa/Cairo', '2026-04-22T12:00Z', ['2026-04-22T22:00', '2026-04-23T22:00', '2026-04-24T21:00']],
    ['0 0 * * *', 'America/Sao_Paulo', '2018-11-02T12:00Z', ['2018-11-03T03:00', '2018-11-04T03:00', '2018-11-05T02:00']],
    ['15 2 * * *', 'Australia/Lord_Howe', '2026-10-02T12:00Z', ['2026-10-02T15:45', '2026-10-03T15:45', '2026-10-04T15:15']],
    // Clocks go back: chosen hours come once, each hour as often as the clock shows it.
    ['30 2 * * *', 'Europe/Paris', '2026-10-24T12:00Z', ['2026-10-25T00:30', '2026-10-26T01:30']],
    ['15 1 * * *', 'America/New_York', '2026-10-31T12:00Z', ['2026-11-01T05:15', '2026-11-02T06:15']],
    ['15 2 * * *', 'Australia/Lord_Howe', '2026-04-03T00:00Z', ['2026-04-03T15:15', '2026-04-04T15:45', '2026-04-05T15:45']],
    ['0 * * * *', 'Europe/Paris', '2026-10-24T23:30Z', ['2026-10-25T00:00', '2026-10-25T01:00', '2026-10-25T02:00']],
    ['0 * * * *', 'Australia/Lord_Howe', '2026-04-04T13:30Z', ['2026-04-04T14:00', '2026-04-04T15:30', '2026-04-04T16:30']],
    ['*/30 * * * *', 'Europe/Paris', '2026-03-29T00:10Z', ['2026-03-29T00:30', '2026-03-29T01:00', '2026-03-29T01:30']],
    [
      ['0 8 * * 1-5', '0 10 * * 6,0', '0 8 * * 1'],
      'UTC',
      '2026-11-20T12:00Z',
      ['2026-11-21T10:00', '2026-11-22T10:00', '2026-11-23T08:00', '2026-11-24T08:00'],
    ],
    ['0 0 29 2 *', 'UTC', '2026-01-01T00:00Z', ['2028-02-29T00:00', '2032-02-29T00:00']],
    ['* * * * * *', 'Europe/Paris', '2026-03-29T00:59:58.500Z', ['2026-03-29T00:59:59', '2026-03-29T01:00']],
  ])('%j in %s after %s', ([cron, timeZone, from, expected]) => {
    const times = cronTimes([cron].flat(), timeZone)
    const wanted = expected.map((one) => Date.parse(`${one}Z`))
    const found: number[] = []
    for (let at = Date.parse(from); found.length < wanted.length;) found.push((at = times.after(at)))
    expect(found.map((one) => new Date(one).toISOString())).toEqual(wanted.map((one) => new Date(one).toISOString()))
    // From any moment between two, both ways.
    for (const [at, one] of wanted.entries()) {
      const next = wanted[at + 1] ?? one + 2
      for (const moment of [one + 1, Math.floor((one + next) / 2), next]) {
        expect(new Date(times.before(moment) ?? NaN)).toEqual(new Date(one))
        if (moment < next && at + 1 < wanted.length) expect(new Date(times.after(moment))).toEqual(new Date(next))
      }
    }
  })
})

const rows = (key: string, partitions?: PartitionsSpec) =>
  asset({ key, io: jsonFiles({ folder: 'values' }), ...(partitions === undefined ? {} : { partitions }), run: () => 1 })

const one = op({ name: 'one', run: () => undefined })
const daysOfOps = job({ name: 'days_of_ops', graph: one, partitions: daily })
const fixedJob = job({ name: 'fixed_of_ops', graph: one, partitions: staticPartitions(['eu', 'us']) })

/** Without an expression. */
const byWindows = { cron: undefined } as object

const place = (options: Partial<ScheduleOptions>) =>
  defineLocation({
    name: 'place',
    assets: [
      rows('whole'),
      rows('daily', daily),
      rows('hourly', hourlyPartitions({ start: '2026-01-01' })),
      rows('fixed', staticPartitions(['eu', 'us'])),
      rows('files', dynamicPartitions('files')),
      externalAsset({ key: 'theirs', partitions: hourlyPartitions({ start: '2026-01-01' }) }),
      rows('both', multiPartitions({ date: daily, region: staticPartitions(['eu', 'us']) })),
      rows('neither', multiPartitions({ file: dynamicPartitions('files'), region: staticPartitions(['eu', 'us']) })),
    ],
    jobs: [job({ name: 'days', assets: 'daily' }), job({ name: 'ops', graph: one }), daysOfOps, fixedJob],
    schedules: [schedule({ name: 's', cron: '0 0 * * *', ...('job' in options ? {} : { assets: 'whole' }), ...options } as ScheduleOptions)],
  })

describe('schedules', () => {
  test.for<[why: string, options: Partial<ScheduleOptions>, message: RegExp]>([
    ['a name that is none', { name: 'a b' }, /^The schedule "a b" cannot be: name: .*letters, digits.*\.$/],
    ['no expression', { cron: [] }, /cannot be/],
    ['an expression that is none', { cron: '61 * * * *' }, /"61 \* \* \* \*", which never comes or is none: .*61/],
    ['one with too few fields', { cron: '* * *' }, /five fields, or six/],
    ['one that differs for each who reads it', { cron: 'H * * * *' }, /five fields, or six/],
    ['one of several', { cron: ['0 0 * * *', 'noon'] }, /"noon"/],
    ['one that never comes', { cron: '0 0 30 2 *' }, /never comes/],
    ['one twice', { cron: ['0 0 * * *', '0 0 * * *'] }, /twice/],
    ['a time zone that is none', { timeZone: 'Europe/Atlantis' }, /time zone "Europe\/Atlantis", which there is not/],
    ['no assets', { assets: [] }, /chooses no assets/],
    ['a catch-up of none', { catchUp: 0 }, /catchUp/],
    ['partitions and no word of which', { assets: 'daily' }, /does not say which/],
    ['the same of a job', { job: 'days' }, /does not say which/],
    ['new partitions of what has none', { partitions: 'new' }, /of what has none/],
    ['new partitions of ops', { job: 'ops', partitions: 'new' }, /of what has none/],
    ['the partitions of a job of ops and no word of which', { job: 'days_of_ops' }, /does not say which/],
    ['no expression where the job is known by its name alone', { job: 'days_of_ops', ...byWindows }, /has no `cron`.*not its name/],
    ['no expression where the job has no windows of time', { job: fixedJob, ...byWindows }, /has no `cron`/],
    ['no expression and a function', { job: daysOfOps, ...byWindows, run: () => null }, /leave `run` and `timeZone` out/],
    ['new partitions where none ever come', { assets: 'fixed', partitions: 'new' }, /there never are any/],
    ['new partitions of two dimensions without time', { assets: 'neither', partitions: 'new' }, /no one dimension of time/],
    ['what something else makes alone', { assets: 'theirs' }, /theirs is made by something else/],
    ['two kinds of partitions', { assets: ['daily', 'hourly'], partitions: 'new' }, /daily and hourly, which have different partitions/],
    ['a function and partitions', { assets: 'daily', partitions: 'new', run: () => null }, /Leave `partitions` out/],
  ])('with %s are refused', ([, options, message]) => {
    expect(() => place(options)).toThrow(message)
  })

  test.for<Partial<ScheduleOptions>>([
    { assets: ['daily', 'whole'], partitions: 'new' },
    // No run makes what something else makes, whatever its partitions.
    { assets: ['daily', 'theirs'], partitions: 'new' },
    { assets: ['whole', 'theirs'] },
    { assets: 'files', partitions: 'new' },
    { assets: 'both', partitions: 'new', catchUp: 7 },
    { job: 'days_of_ops', partitions: 'new' },
    { job: daysOfOps, ...byWindows },
    { assets: 'daily', run: () => ({ runs: [{ partitions: ['2026-01-01'] }] }) },
  ])('may be as %j, and their manifest is read as it was written', (options) => {
    const manifest = manifestOf(place(options))
    expect(Manifest.parse(JSON.parse(JSON.stringify(manifest)))).toEqual(manifest)
    // As it was before there were several expressions.
    const older = { ...manifest, schedules: [{ ...manifest.schedules[0], cron: manifest.schedules[0]?.cron[0] }] }
    expect(Manifest.parse(JSON.parse(JSON.stringify(older)))).toEqual(manifest)
  })

  test.for<PartitionsSpec>([
    hourlyPartitions({ ...paris, start: '2026-03-20', minuteOffset: 20 }),
    hourlyPartitions({ ...paris, start: '2026-10-20' }),
    dailyPartitions(paris),
    dailyPartitions({ ...paris, hourOffset: 5, minuteOffset: 30 }),
    weeklyPartitions({ ...paris, dayOffset: 3, hourOffset: 1 }),
    monthlyPartitions({ ...paris, dayOffset: 28 }),
    cronPartitions({ ...paris, cron: '0 6 * * 1-5' }),
  ])('without an expression tick where the windows of their job end: %j', (partitions) => {
    const { spec } = schedule({ name: 's', job: job({ name: 'windows', graph: one, partitions }) })
    expect(spec).toMatchObject({ partitions: 'new', timeZone: 'Europe/Paris' })
    const { cadence, first } = timePartitions(partitions as TimePartitionsSpec)
    const ends = Array.from({ length: 400 }, (_, at) => cadence.step(first, at + 1))
    let last = first
    expect(ends.map(() => (last = slotsOf(spec).after(last)))).toEqual(ends)
  })
})
