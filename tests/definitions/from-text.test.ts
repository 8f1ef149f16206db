import * as z from 'zod'
import { decimal, inet } from '../../src/definitions/column-types.ts'
import { fromText } from '../../src/definitions/from-text.ts'
import { describe, expect, test } from '../support/test.ts'

const Everything = z.object({
  count: z.int32(),
  id: z.bigint(),
  price: decimal(12, 2),
  ratio: z.number().nullable(),
  active: z.boolean().nullable(),
  at: z.iso.datetime({ offset: true, local: true }).nullable(),
  on: z.iso.date().optional(),
  address: inet().nullable(),
  tags: z.array(z.string()).nullable(),
  extra: z.record(z.string(), z.json()).nullable(),
  name: z.string(),
  note: z.string().nullable(),
})

const full = {
  count: ' 7 ',
  id: '9007199254740993',
  price: '12.50',
  ratio: '1e-3',
  active: 'Yes',
  at: '2026-11-21 10:00:00.5+01',
  on: '2026-11-21',
  address: '10.0.0.1',
  tags: '["a","b"]',
  extra: '{"a":[1]}',
  name: ' as it is ',
  note: 'x',
}

describe('fromText', () => {
  test('reads each text as its column wants it, and leaves text alone', () => {
    const row = fromText(Everything)(full)
    expect(row).toEqual({
      count: 7,
      id: 9007199254740993n,
      price: '12.50',
      ratio: 0.001,
      active: true,
      at: '2026-11-21T10:00:00.5+01:00',
      on: '2026-11-21',
      address: '10.0.0.1',
      tags: ['a', 'b'],
      extra: { a: [1] },
      name: ' as it is ',
      note: 'x',
    })
    expect(Everything.safeParse(row).success).toBe(true)
  })

  test('takes the empty text as NULL where there may be one, and other words where it was told', () => {
    const read = fromText(Everything, { nulls: ['NA'] })
    const row = read({ ...full, ratio: 'NA', active: '', at: ' ', on: '', address: 'NA', tags: '', extra: '', name: '', note: '' })
    expect(row).toMatchObject({ ratio: null, active: null, at: null, on: undefined, address: null, tags: null, extra: null, name: '', note: null })
    expect(read({ ...full, note: 'NA', name: 'NA' })).toMatchObject({ note: 'NA', name: 'NA' })
  })

  test.each([
    ['count', '3 pieces'],
    ['count', ''],
    ['count', '007'],
    ['count', '1.0'],
    ['count', '0x10'],
    ['count', '9007199254740993'],
    ['ratio', 'NaN'],
    ['ratio', '1,5'],
    ['active', 'maybe'],
    ['at', '21.11.2026'],
    ['at', '2026-02-30T00:00:00'],
    ['on', '2026-02-30'],
    ['extra', '{"a":'],
    ['tags', 'a,b'],
  ])('of %s, %j is left to be refused, with its column', (field, text) => {
    const result = Everything.safeParse(fromText(Everything)({ ...full, [field]: text }))
    expect(result.error?.issues.map((issue) => issue.path[0])).toEqual([field])
  })

  test('finds a field under the name that the record gives it, and hands on what is no text', () => {
    const read = fromText(z.object({ shipMode: z.string(), quantity: z.int32() }), { names: { shipMode: 'Ship Mode' } })
    expect(read({ 'Ship Mode': 'First', quantity: 3, more: 'x' })).toEqual({ shipMode: 'First', quantity: 3 })
  })
})
