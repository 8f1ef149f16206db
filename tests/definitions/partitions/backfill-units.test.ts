import { unitsOf } from '../../../src/definitions/partitions/backfill-units.ts'
import { mapPartitions } from '../../../src/definitions/partitions/partition-mapping.ts'
import { dailyPartitions, weeklyPartitions } from '../../../src/definitions/partitions/partitions.ts'
import { describe, expect, test } from '../../support/test.ts'

const partitions = dailyPartitions({ start: '2026-01-01' })
const weeks = weeklyPartitions({ start: '2026-01-04' })

describe('the units of a backfill', () => {
  test('are assets that are made from the same partition of each other', () => {
    const units = unitsOf([
      { key: 'a', deps: [], partitions },
      { key: 'b', deps: ['a'], partitions },
      { key: 'week', deps: ['b'], partitions: weeks },
      { key: 'whole', deps: ['week', 'a'] },
    ])
    expect(units.map(({ assets, upstream }) => [assets, upstream])).toEqual([
      [['a', 'b'], []],
      [['week'], [{ unit: 0, mapping: { kind: 'same' } }]],
      [
        ['whole'],
        [
          { unit: 1, mapping: { kind: 'all' } },
          { unit: 0, mapping: { kind: 'all' } },
        ],
      ],
    ])
  })

  test('do not wait for each other in a circle', () => {
    // c is made from the same day of a and from all weeks, which are made from a: it cannot be made together with a.
    const units = unitsOf([
      { key: 'a', deps: [], partitions },
      { key: 'week', deps: ['a'], partitions: weeks },
      { key: 'c', deps: ['a', 'week'], partitions, mappings: { week: mapPartitions.all() } },
      { key: 'd', deps: ['c', 'a'], partitions },
    ])
    expect(units.map(({ assets }) => assets)).toEqual([['a'], ['week'], ['c', 'd']])
    for (const [place, { upstream }] of units.entries()) for (const { unit } of upstream) expect(unit).toBeLessThan(place)
  })

  test('have a window of their own partitions apart', () => {
    const units = unitsOf([
      { key: 'a', deps: [], partitions },
      { key: 'trend', deps: ['a'], partitions, mappings: { a: mapPartitions.window({ start: -6 }) } },
    ])
    expect(units.map(({ assets }) => assets)).toEqual([['a'], ['trend']])
  })
})
