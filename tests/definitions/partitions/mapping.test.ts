import fc from 'fast-check'
import { downstreamOf, upstreamOf } from '../../../src/definitions/partitions/map-partitions.ts'
import type { MappedPartitions } from '../../../src/definitions/partitions/map-partitions.ts'
import { checkMapping, defaultMapping, mapPartitions } from '../../../src/definitions/partitions/partition-mapping.ts'
import type { PartitionMapping } from '../../../src/definitions/partitions/partition-mapping.ts'
import { partitionSet } from '../../../src/definitions/partitions/partition-set.ts'
import type { PartitionSet } from '../../../src/definitions/partitions/partition-set.ts'
import {
  dailyPartitions,
  dynamicPartitions,
  hourlyPartitions,
  monthlyPartitions,
  multiPartitions,
  staticPartitions,
  weeklyPartitions,
} from '../../../src/definitions/partitions/partitions.ts'
import type { PartitionsSpec } from '../../../src/definitions/partitions/partitions-spec.ts'
import { describe, expect, test } from '../../support/test.ts'

const now = new Date('2026-04-01T00:00:00Z')
const setOf = (spec: PartitionsSpec): PartitionSet => partitionSet(spec, { now, dynamic: () => ['a', 'b', 'c'] })
const keysOf = (set: PartitionSet, { ranges }: MappedPartitions): string[] =>
  ranges.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, n) => set.at(from + n)))

const daily = dailyPartitions({ start: '2026-01-01' })
const hourly = hourlyPartitions({ start: '2026-01-02', timeZone: 'Europe/Berlin' })
const weekly = weeklyPartitions({ start: '2026-01-01' })
const monthly = monthlyPartitions({ start: '2026-01-01' })
const regions = staticPartitions(['eu', 'us', 'asia'])
const byRegion = multiPartitions({ region: regions, date: daily })
const byTeam = multiPartitions({ date: daily, team: dynamicPartitions('teams') })

function up(mapping: PartitionMapping, downstream: PartitionsSpec, key: string, upstream: PartitionsSpec): string {
  const set = setOf(upstream)
  const found = upstreamOf(mapping, setOf(downstream), key, set)
  return `${keysOf(set, found).join(' ')}${found.incomplete ? ' …' : ''}`
}

describe('what a partition is made from', () => {
  const { same, all, last, window, dimension } = mapPartitions
  test.for([
    ['the same day', same(), daily, '2026-03-01', daily, '2026-03-01'],
    ['the days of a week', same(), weekly, '2026-03-01', daily, '2026-03-01 2026-03-02 2026-03-03 2026-03-04 2026-03-05 2026-03-06 2026-03-07'],
    ['the week of a day', same(), daily, '2026-03-04', weekly, '2026-03-01'],
    ['the weeks that share days with a month', same(), monthly, '2026-02-01', weekly, '2026-02-01 2026-02-08 2026-02-15 2026-02-22'],
    ['a day that is not there yet', same(), dailyPartitions({ start: '2026-01-01', endOffset: 1 }), '2026-04-01', daily, ' …'],
    [
      'the days that are there of a week under way',
      same(),
      weeklyPartitions({ start: '2026-01-01', endOffset: 1 }),
      '2026-03-29',
      daily,
      '2026-03-29 2026-03-30 2026-03-31 …',
    ],
    ['a day that was never there', same(), daily, '2026-01-01', hourly, '2026-01-02-00:00 …'],
    ['the same key', same(), regions, 'us', staticPartitions(['us', 'eu']), 'us'],
    ['a key that is not there', same(), regions, 'asia', staticPartitions(['us', 'eu']), ' …'],
    [
      'a week of days behind it',
      window({ start: -6 }),
      daily,
      '2026-03-07',
      daily,
      '2026-03-01 2026-03-02 2026-03-03 2026-03-04 2026-03-05 2026-03-06 2026-03-07',
    ],
    ['the day before', window({ start: -1, end: -1 }), daily, '2026-03-07', daily, '2026-03-06'],
    ['the first with fewer behind it', window({ start: -2 }), daily, '2026-01-02', daily, '2026-01-01 2026-01-02 …'],
    ['the day before the first', window({ start: -1, end: -1 }), daily, '2026-01-01', daily, ' …'],
    ['all', all(), daily, '2026-03-01', regions, 'eu us asia'],
    ['the last', last(), regions, 'us', daily, '2026-03-31'],
    ['one of two dimensions', dimension('region'), byRegion, '2026-03-01|us', regions, 'us'],
    ['the first of two dimensions', dimension('date'), byRegion, '2026-03-01|us', daily, '2026-03-01'],
    ['all of a day', dimension('date'), daily, '2026-03-01', byRegion, '2026-03-01|eu 2026-03-01|us 2026-03-01|asia'],
    ['each of both', same(), byRegion, '2026-03-01|us', byRegion, '2026-03-01|us'],
  ] as const)('%s', ([, mapping, downstream, key, upstream, expected]) => {
    expect(up(mapping, downstream, key, upstream)).toBe(expected)
  })

  test('the days of a region, through all of them', () => {
    const set = setOf(byRegion)
    for (const region of ['eu', 'us']) {
      const found = upstreamOf(dimension('region'), setOf(regions), region, set)
      expect(keysOf(set, found)).toEqual(Array.from({ length: 90 }, (_, n) => `${new Date(Date.UTC(2026, 0, 1 + n)).toISOString().slice(0, 10)}|${region}`))
    }
  })

  test('whole days of both are one range', () => {
    const set = setOf(byTeam)
    expect(upstreamOf(dimension('date'), setOf(weekly), '2026-03-01', set)).toEqual({ ranges: [{ from: 59 * 3, to: 66 * 3 }], incomplete: false })
  })
})

const timed = fc.constantFrom(daily, hourly, weekly, monthly, dailyPartitions({ start: '2026-02-01', timeZone: 'America/Los_Angeles', hourOffset: 5 }))
const mappings = fc.oneof(
  fc.constantFrom(mapPartitions.same(), mapPartitions.all(), mapPartitions.last()),
  fc.record({ start: fc.integer({ min: -5, max: 5 }), end: fc.integer({ min: -5, max: 5 }) }).map(mapPartitions.window),
)

test('what an upstream partition goes into is whatever is made from it', () => {
  fc.assert(
    fc.property(timed, timed, mappings, fc.nat(), (upstreamSpec, downstreamSpec, mapping, seed) => {
      const [upstream, downstream] = [setOf(upstreamSpec), setOf(downstreamSpec)]
      const key = upstream.at(seed % upstream.count)
      const place = upstream.indexOf(key)
      const madeFromIt = Array.from({ length: downstream.count }, (_, n) => downstream.at(n)).filter((one) =>
        upstreamOf(mapping, downstream, one, upstream).ranges.some(({ from, to }) => from <= place && place < to),
      )
      expect(keysOf(downstream, downstreamOf(mapping, upstream, key, downstream))).toEqual(madeFromIt)
    }),
    { numRuns: 60 },
  )
})

describe('a mapping that can find nothing is refused', () => {
  const refusal = (mapping: PartitionMapping, upstream: PartitionsSpec | undefined, downstream: PartitionsSpec | undefined): string => {
    try {
      checkMapping(mapping, upstream, downstream, 'a → b')
      return 'fine'
    } catch (error) {
      return String(error)
    }
  }
  test.for([
    ['same', daily, undefined, /one of the two has no partitions\. Use "all" or "last"/],
    ['same', daily, regions, /only one of the two is windows of time/],
    ['same', byTeam, byRegion, /have not the same dimensions/],
    ['same', byTeam, daily, /have not the same dimensions/],
    ['same', byRegion, byRegion, /^fine$/],
    ['same', daily, monthly, /^fine$/],
    ['all', undefined, daily, /^fine$/],
    ['last', daily, undefined, /^fine$/],
  ] as const)('%s', ([kind, upstream, downstream, expected]) => {
    expect(refusal({ kind }, upstream, downstream)).toMatch(expected)
  })

  test('by the windows of what has none, and by a dimension that is not there', () => {
    expect(refusal(mapPartitions.window({ start: -1 }), daily, regions)).toMatch(/"window": both must be windows of time/)
    expect(refusal(mapPartitions.dimension('team'), byRegion, daily)).toMatch(/no dimension team, only date and region/)
    expect(refusal(mapPartitions.dimension('date'), daily, daily)).toMatch(/one of the two must have two dimensions/)
    expect(refusal(mapPartitions.dimension('date'), byTeam, daily)).toBe('fine')
  })

  test('nobody need say one', () => {
    expect([defaultMapping(daily, weekly), defaultMapping(undefined, daily), defaultMapping(daily, undefined)]).toEqual([
      { kind: 'same' },
      { kind: 'all' },
      { kind: 'all' },
    ])
  })
})
