import { requirePartition, requireRange } from '../../../src/definitions/partitions/choose-partitions.ts'
import { partitionSet } from '../../../src/definitions/partitions/partition-set.ts'
import type { PartitionSet } from '../../../src/definitions/partitions/partition-set.ts'
import {
  cronPartitions,
  dailyPartitions,
  dynamicPartitions,
  hourlyPartitions,
  monthlyPartitions,
  multiPartitions,
  staticPartitions,
  weeklyPartitions,
} from '../../../src/definitions/partitions/partitions.ts'
import { PartitionsSpec } from '../../../src/definitions/partitions/partitions-spec.ts'
import { describe, expect, test } from '../../support/test.ts'

const moment = (dynamic: readonly string[] = []) => ({ now: new Date('2026-04-01T00:00:00Z'), dynamic: () => dynamic })
const setOf = (spec: PartitionsSpec, dynamic?: readonly string[]): PartitionSet => partitionSet(spec, moment(dynamic))
const daily = dailyPartitions({ start: '2026-01-01' })
const regions = staticPartitions(['eu', 'us'])

describe('definitions that cannot be', () => {
  test.for([
    [() => dailyPartitions({ start: '2026-02-30' }), /dailyPartitions cannot be: .*there is no such day/s],
    [() => dailyPartitions({ start: '1.2.2026' }), /a date, as 2026-01-31/],
    [() => dailyPartitions({ start: '2026-01-01', timeZone: 'Europe/Nowhere' }), /cannot be: timeZone: there is no such time zone\.$/],
    [() => dailyPartitions({ start: '2026-01-02', end: '2026-01-02' }), /ends at 2026-01-02, which is not after its start/],
    [() => hourlyPartitions({ start: '2026-01-01', minuteOffset: 60 }), /minuteOffset/],
    [() => weeklyPartitions({ start: '2026-01-01', dayOffset: 7 }), /dayOffset/],
    [() => monthlyPartitions({ start: '2026-01-01', dayOffset: 31 }), /dayOffset/],
    [() => cronPartitions({ start: '2026-01-01', cron: '*/5 * * * * *' }), /has not five fields/],
    [() => cronPartitions({ start: '2026-01-01', cron: '61 * * * *' }), /cronPartitions cannot be: .*61/],
    [() => cronPartitions({ start: '2026-01-01', cron: '0 0 30 2 *' }), /cronPartitions cannot be/],
    [() => staticPartitions([]), /staticPartitions cannot be/],
    [() => staticPartitions(['a', 'b', 'a']), /has the key "a" twice/],
    [() => staticPartitions(['a\nb']), /no control characters/],
    [() => staticPartitions(['a..b']), /between the two ends of a range/],
    [() => dynamicPartitions('my teams'), /letters, digits, _ and -/],
    [() => multiPartitions({ date: daily }), /has 1 dimensions, not two/],
    [() => multiPartitions({ date: daily, region: staticPartitions(['a|b']) }), /"a\|b" of the dimension region/],
  ] as const)('%#', ([define, expected]) => {
    expect(define).toThrow(expected)
    expect(define).toThrow(expect.objectContaining({ code: 'DEFINITION_INVALID' }))
  })
})

test('two dimensions stand in the order of their names, however they are written', () => {
  const spec = multiPartitions({ region: regions, date: daily })
  expect(spec).toEqual(multiPartitions({ date: daily, region: regions }))
  const set = setOf(spec)
  expect([set.count, set.at(0), set.at(1), set.at(2), set.at(179)]).toEqual([180, '2026-01-01|eu', '2026-01-01|us', '2026-01-02|eu', '2026-03-31|us'])
  expect([set.indexOf('2026-01-02|us'), set.indexOf('us|2026-01-02'), set.indexOf('2026-01-02'), set.indexOf('2026-01-02|us|')]).toEqual([3, -1, -1, -1])
  expect(set.windowOf('2026-01-02|us')).toEqual({ start: new Date('2026-01-02T00:00:00Z'), end: new Date('2026-01-03T00:00:00Z') })
  expect(() => set.at(180)).toThrow('There are 180 partitions, and so none with the number 180')
})

test('a definition is the same after its way through a manifest', () => {
  for (const spec of [
    daily,
    regions,
    multiPartitions({ region: regions, date: daily }),
    cronPartitions({ start: '2026-01-01T05:00', cron: '0 5 * * 1' }),
    dynamicPartitions('teams'),
  ]) {
    expect(PartitionsSpec.parse(JSON.parse(JSON.stringify(spec)))).toEqual(spec)
  }
})

describe('asking for partitions', () => {
  test('one that is there, and one that is not', () => {
    expect(requirePartition(setOf(daily), '2026-01-31', 'a/b')).toBe(30)
    const problem = (set: PartitionSet, key: string): unknown => {
      try {
        return requirePartition(set, key, 'a/b')
      } catch (error) {
        return error
      }
    }
    expect(problem(setOf(daily), '2026-04-01')).toMatchObject({
      code: 'UNKNOWN_PARTITION',
      message: 'a/b has no partition "2026-04-01".',
      hint: 'It has 90, from 2026-01-01 to 2026-03-31.',
    })
    expect(problem(setOf(regions), 'EU')).toMatchObject({ hint: 'It has eu, us.' })
    expect(problem(setOf(dynamicPartitions('teams')), 'x')).toMatchObject({ hint: 'It has none yet.' })
    expect(requirePartition(setOf(dynamicPartitions('teams'), ['x', 'y']), 'y', 'a/b')).toBe(1)
  })

  test('a range has both its ends', () => {
    expect(requireRange(setOf(daily), '2026-01-30..2026-02-02', 'a/b')).toEqual({ from: 29, to: 33 })
    expect(requireRange(setOf(daily), '2026-01-30..2026-01-30', 'a/b')).toEqual({ from: 29, to: 30 })
  })

  test.for([
    ['2026-02-02..2026-01-30', { code: 'PARTITION_RANGE_INVALID', hint: 'Turn it round: 2026-01-30..2026-02-02.' }],
    ['2026-01-30', { code: 'PARTITION_RANGE_INVALID' }],
    ['2026-01-30..', { code: 'PARTITION_RANGE_INVALID' }],
    ['2026-01-30..2026-02-02..2026-02-03', { code: 'PARTITION_RANGE_INVALID' }],
    ['2026-01-30..2027-01-30', { code: 'UNKNOWN_PARTITION' }],
  ] as const)('%s is refused', ([range, expected]) => {
    expect(() => requireRange(setOf(daily), range, 'a/b')).toThrow(expect.objectContaining(expected))
  })
})
