import * as z from 'zod'
import { customSql, fresh, inRange, notEmpty, notNull, references, rowCountBetween, schemaUnchanged, unique } from '../../src/definitions/check.ts'
import type { TableCheckSpec } from '../../src/definitions/check-spec.ts'
import { destination, fromEnv } from '../../src/definitions/destination.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import { check } from '../../src/definitions/function-check.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import type { LocationOptions } from '../../src/definitions/location.ts'
import { Manifest, manifestOf } from '../../src/definitions/manifest.ts'
import { sqlAsset } from '../../src/definitions/sql-asset.ts'
import { table } from '../../src/definitions/table.ts'
import type { WriteOptions } from '../../src/definitions/table.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { describe, expect, test } from '../support/test.ts'

const columns = z.object({ id: z.int(), customerId: z.int().nullable(), name: z.string(), seenAt: z.iso.datetime(), day: z.iso.date() })
const orders = (checks: readonly TableCheckSpec[], write: WriteOptions = { disposition: 'append' }) =>
  table({ key: 'shop/orders', columns, write, extract: () => [], checks })
const customers = table({ key: 'shop/customers', columns: z.object({ customerId: z.int() }), extract: () => [] })
const manifest = (...assets: NonNullable<LocationOptions['assets']>) => manifestOf(defineLocation({ name: 'shop', assets }))
const io = jsonFiles({ folder: 'values' })

describe('checks of tables', () => {
  test('are in the manifest with columns for fields, and names of their own', () => {
    const all = [
      notEmpty(),
      unique(['id', 'seenAt']),
      notNull('customerId', { severity: 'warn', description: 'Guests have none.' }),
      rowCountBetween(1, undefined),
      fresh('seenAt', { maxAgeMs: 60_000 }),
      inRange('id', 0, '12345678901234567890.5', { blocking: false, name: 'sane' }),
      references('customerId', customers, 'customerId'),
      schemaUnchanged(),
      customSql('no_ghosts', 'SELECT * FROM {{ table }} WHERE name = $$ghost$$'),
    ]
    const made = manifest(orders(all), customers)
    expect(Manifest.parse(JSON.parse(JSON.stringify(made)))).toEqual(made)
    expect(made.assets.find(({ key }) => key === 'shop/orders')?.checks).toEqual([
      { kind: 'not-empty', name: 'not_empty', blocking: true },
      { kind: 'unique', name: 'unique_id_seenAt', blocking: true, columns: ['id', 'seen_at'] },
      { kind: 'not-null', name: 'not_null_customerId', blocking: false, severity: 'warn', description: 'Guests have none.', columns: ['customer_id'] },
      { kind: 'row-count', name: 'row_count', blocking: true, min: 1 },
      { kind: 'fresh', name: 'fresh_seenAt', blocking: true, columns: ['seen_at'], maxAgeMs: 60_000 },
      { kind: 'in-range', name: 'sane', blocking: false, columns: ['id'], min: '0', max: '12345678901234567890.5' },
      {
        kind: 'references',
        name: 'references_customerId',
        blocking: true,
        columns: ['customer_id'],
        to: { asset: 'shop/customers', columns: ['customer_id'], table: { schema: 'shop', name: 'customers' } },
      },
      { kind: 'schema-unchanged', name: 'schema_unchanged', blocking: true },
      { kind: 'custom-sql', name: 'no_ghosts', blocking: true, query: 'SELECT * FROM {{ table }} WHERE name = $$ghost$$', timeoutMs: 600_000 },
    ])
  })

  test('of the whole of a snapshot may name the column that publishing adds, and of its load may not', () => {
    const write = { disposition: 'snapshot' } as const
    const made = manifest(orders([unique(['id', 'snapshot_at'], { of: 'table' })], write))
    expect(made.assets[0]?.checks).toMatchObject([{ columns: ['id', 'snapshot_at'] }])
    expect(() => manifest(orders([unique(['id', 'snapshot_at'])], write))).toThrow('names "snapshot_at", which its columns do not have')
  })

  const elsewhere = destination({ name: 'finance', url: fromEnv('FINANCE_URL') })
  test.for<[what: string, define: () => unknown, message: string]>([
    [
      'a column that is not there',
      () => manifest(orders([notNull('email')])),
      'The check not_null_email of shop/orders names "email", which its columns do not have. They are: id, customerId, name, seenAt, day.',
    ],
    ['a range of text', () => manifest(orders([inRange('name', 1, 2)])), 'names name, a column of type text; it must be a number.'],
    ['the age of a number', () => manifest(orders([fresh('id', { maxAgeMs: 1 })])), 'names id, a column of type bigint; it must be a time or a date.'],
    [
      'one name twice',
      () => manifest(orders([unique('id'), unique('id')])),
      'Two checks of shop/orders are called unique_id. Give one of the two another `name`.',
    ],
    [
      'one name twice, of a query',
      () => manifest(sqlAsset({ key: 'a/b', select: 'SELECT 1', store: { kind: 'view' }, checks: [notEmpty(), notEmpty()] })),
      'Two checks of a/b are called not_empty.',
    ],
    ['a least above the greatest', () => rowCountBetween(3, 2), 'rowCountBetween(3, 2) can never pass'],
    ['part of a row', () => rowCountBetween(0.5, undefined), 'takes whole numbers from 0, and 0.5 is none'],
    ['no bound', () => inRange('id', undefined, undefined), 'inRange("id") wants a least or a greatest value.'],
    ['an empty range that a float would hide', () => inRange('id', '1.0000000000000000002', '1.0000000000000000001'), 'can never pass'],
    ['an empty range over powers', () => inRange('id', '1e3', -1), 'its least value, 1e3, is above its greatest, -1'],
    ['a bound that lost digits', () => inRange('id', 0, 2 ** 60), 'may have lost digits as a number: write it as text, or as a bigint.'],
    ['a bound that is none', () => inRange('id', Number.NaN, 3), 'is "NaN", which is no number'],
    ['a bound that is SQL', () => inRange('id', "0'; DROP TABLE x; --", 3), 'which is no number'],
    ['an age of nothing', () => fresh('seenAt', { maxAgeMs: 0 }), 'wants a positive maxAgeMs'],
    ['no columns', () => notNull([]), 'The check notNull names no column.'],
    ['more columns than it refers to', () => references(['a', 'b'], customers, 'id'), 'names 1 columns of shop/customers for its 2'],
    [
      'an asset that is not there',
      () => manifest(orders([references('customerId', 'shop/nobody', 'id')])),
      'refers to shop/nobody, which is not an asset of its location',
    ],
    [
      'a column that the other has not',
      () => manifest(orders([references('customerId', customers, 'id')]), customers),
      'The check references_customerId of shop/orders names "id", which the columns of shop/customers do not have. They are: customerId.',
    ],
    [
      'a table of another database',
      () =>
        manifest(
          orders([references('customerId', customers, 'customerId')]),
          table({ key: 'shop/customers', columns, destination: elsewhere, extract: () => [] }),
        ),
      'which is in another database: finance',
    ],
    [
      'a value',
      () => manifest(orders([references('customerId', 'shop/value', 'id')]), asset({ key: 'shop/value', io, run: () => 1 })),
      'a function asset and has no table',
    ],
    ['no rows of its own', () => customSql('odd', 'SELECT 1'), 'The query of the check odd does not read {{table}}'],
    ['what it cannot have', () => customSql('odd', 'SELECT * FROM {{table}}, {{ this }}'), 'has {{this}}; all it can have is {{table}}'],
    ['a warning that blocks', () => notEmpty({ severity: 'warn', blocking: true }), 'a warning blocks nothing'],
    ['no name', () => notEmpty({ name: '' }), 'cannot be the name of a check'],
  ])('cannot be of %s', ([, define, message]) => {
    expect(define).toThrow(message)
  })
})

describe('checks of values', () => {
  const five = (names: readonly string[]) => asset({ key: 'basics/five', io, checks: names.map((name) => check({ name, severity: 'warn' })), run: () => 5 })

  test('are in the manifest without their functions', () => {
    const made = manifest(asset({ key: 'basics/five', io, checks: [check({ name: 'odd', run: () => ({ passed: true }) })], run: () => 5 }))
    expect(made.assets[0]?.checks).toEqual([{ kind: 'function', name: 'odd', blocking: true }])
    expect(Manifest.parse(made)).toEqual(made)
    expect(manifest(five(['one', 'two'])).assets[0]?.checks).toMatchObject([{ blocking: false }, { blocking: false }])
  })

  test('cannot have one name', () => {
    expect(() => manifest(five(['one', 'one']))).toThrow('Two checks of basics/five are called one.')
    expect(() => check({ name: 'late', timeoutMs: -1 })).toThrow('The check late wants a positive timeoutMs')
  })
})
