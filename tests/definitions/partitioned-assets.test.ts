import * as z from 'zod'
import { asset, partitionsOf } from '../../src/definitions/function-asset.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { mapPartitions } from '../../src/definitions/partitions/partition-mapping.ts'
import { dailyPartitions, hourlyPartitions, multiPartitions, staticPartitions, weeklyPartitions } from '../../src/definitions/partitions/partitions.ts'
import { table } from '../../src/definitions/table.ts'
import type { WriteOptions } from '../../src/definitions/table.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { expectTypeOf } from 'vitest'
import { describe, expect, test } from '../support/test.ts'

const io = jsonFiles({ folder: 'values' })
const daily = dailyPartitions({ start: '2026-01-01' })
const weekly = weeklyPartitions({ start: '2026-01-04' })
const day = asset({ key: 'sales/day', partitions: daily, io, run: ({ partition }) => partition.key.length })
const whole = asset({ key: 'sales/settings', io, run: () => 'all' })

describe('an asset with partitions', () => {
  test('is in the manifest with them, and with the mappings that it names', () => {
    const week = asset({
      key: 'sales/week',
      partitions: weekly,
      inputs: { days: partitionsOf(day), settings: whole },
      io,
      run: ({ inputs, partition }) => {
        expectTypeOf(inputs.days).toEqualTypeOf<Readonly<Record<string, number>>>()
        expectTypeOf(inputs.settings).toEqualTypeOf<string>()
        expectTypeOf(partition.key).toEqualTypeOf<string>()
        return Object.values(inputs.days).length
      },
    })
    const last = asset({
      key: 'sales/last',
      inputs: { day },
      deps: [{ asset: day, partitions: mapPartitions.last() }],
      io,
      run: ({ inputs, partition }) => {
        expectTypeOf(partition).toEqualTypeOf<undefined>()
        return inputs.day
      },
    })
    const { assets } = manifestOf(defineLocation({ name: 'place', assets: [week, last, day, whole] }))
    expect(assets.map(({ key, partitions, mappings }) => [key, partitions?.kind, mappings])).toEqual([
      ['sales/day', 'daily', undefined],
      ['sales/settings', undefined, undefined],
      ['sales/week', 'weekly', undefined],
      ['sales/last', undefined, { 'sales/day': { kind: 'last' } }],
    ])
    expect(JSON.parse(JSON.stringify(assets))).toEqual(assets)
  })

  test.for([
    [
      asset({ key: 'a/week', partitions: weekly, inputs: { day }, io, run: () => 1 }),
      'The input day of a/week may be several partitions of sales/day. Hand it partitionsOf(…)',
    ],
    [asset({ key: 'a/whole', inputs: { day }, io, run: () => 1 }), 'The input day of a/whole may be several partitions of sales/day'],
    [
      asset({ key: 'a/static', partitions: staticPartitions(['x']), deps: [day], io, run: () => 1 }),
      'The partitions of sales/day for a/static cannot be mapped by "same": only one of the two is windows of time',
    ],
    [
      asset({ key: 'a/window', deps: [{ asset: day, partitions: mapPartitions.window({ start: -1 }) }], io, run: () => 1 }),
      'cannot be mapped by "window": one of the two has no partitions',
    ],
  ] as const)('is refused where its upstream partitions cannot be found (%#)', ([one, message]) => {
    expect(() => defineLocation({ name: 'place', assets: [day, one] })).toThrow(message)
  })
})

describe('a table with partitions', () => {
  const columns = z.object({ date: z.iso.date(), at: z.iso.datetime(), region: z.string(), id: z.int() })
  const byRegion = multiPartitions({ date: daily, region: staticPartitions(['eu', 'us']) })
  const define = (write: WriteOptions, partitions: Parameters<typeof table>[0]['partitions'] | typeof daily | typeof byRegion, more: object = {}) =>
    manifestOf(
      defineLocation({
        name: 'place',
        assets: [table({ key: 'sales/rows', columns, write, partitions: partitions as typeof daily, primaryKey: ['id'], extract: () => [], ...more })],
      }),
    )

  test('is replaced by the field that says which partition a row is of, or merged', () => {
    define({ disposition: 'replace', by: 'date' }, daily)
    define({ disposition: 'replace', by: 'at' }, hourlyPartitions({ start: '2026-01-01' }))
    define({ disposition: 'replace', by: ['region', 'date'] }, byRegion)
    define({ disposition: 'replace', by: 'region' }, staticPartitions(['eu']))
    define({ disposition: 'merge' }, daily)
  })

  test.for<[write: WriteOptions, partitions: object, message: string]>([
    [{ disposition: 'append' }, daily, 'is written by append: a partition that is materialized again could not take the place of what it was'],
    [{ disposition: 'replace' }, daily, 'is written by replace: a partition that is materialized again'],
    [{ disposition: 'scd2' }, daily, 'is written by scd2'],
    [{ disposition: 'replace', by: ['date', 'region'] }, daily, 'has partitions of one dimension, and is replaced by date and region'],
    [{ disposition: 'replace', by: 'region' }, daily, 'region, by which it is replaced, is of type text; it must be a date or a time'],
    [
      { disposition: 'replace', by: 'date' },
      hourlyPartitions({ start: '2026-01-01' }),
      'do not begin at midnight, and date, by which it is replaced, is a date',
    ],
    [{ disposition: 'replace', by: 'date' }, byRegion, 'has the dimensions date and region, and is replaced by date'],
  ])('is refused otherwise (%#)', ([write, partitions, message]) => {
    expect(() => define(write, partitions as typeof daily)).toThrow(message)
  })

  test('keeps no cursor', () => {
    expect(() => define({ disposition: 'merge' }, daily, { cursor: { field: 'id' } })).toThrow('has partitions and a cursor')
  })
})
