import * as z from 'zod'
import { bytes, decimal, inet } from '../../../src/definitions/column-types.ts'
import { columnsOf } from '../../../src/definitions/columns.ts'
import { compileEncoder } from '../../../src/warehouse/encoder/compile-encoder.ts'
import { readPart, storePart } from '../../../src/warehouse/statistics/batch-part.ts'
import { columnStatistics } from '../../../src/warehouse/statistics/column-statistics.ts'
import { createSummary } from '../../../src/warehouse/statistics/summary.ts'
import { describe, expect, test } from 'vitest'

type Rows = readonly Readonly<Record<string, unknown>>[]

/** The COPY stream of rows. */
function streamOf(schema: z.ZodObject, rows: Rows) {
  const columns = columnsOf(schema)
  const encoder = compileEncoder(columns, schema)
  for (const row of rows) {
    const issues = encoder.encode(row)
    if (issues !== null) throw new Error(JSON.stringify(issues))
  }
  return { columns, format: encoder.format, stream: Buffer.from(encoder.finish()) }
}

/** The statistics of batches, by column: each batch through what is stored of it. */
function statisticsOf(schema: z.ZodObject, batches: readonly Rows[], pieceBytes = Infinity) {
  const summary = createSummary()
  for (const rows of batches) {
    const { columns, format, stream } = streamOf(schema, rows)
    const statistics = columnStatistics(columns, format)
    for (let at = 0; at < stream.length; at += pieceBytes) statistics.add(stream.subarray(at, at + pieceBytes))
    const part = statistics.part()
    expect(part.rows).toBe(rows.length)
    summary.add(readPart(storePart(part)))
  }
  return Object.fromEntries(summary.columns().map((one) => [one.column, one]))
}

/** Of one column. */
const of = (type: z.ZodType, values: readonly unknown[]) => statisticsOf(z.object({ value: type }), [values.map((value) => ({ value }))])['value']

const long = 'ä'.repeat(100)

describe('the least and the greatest value', () => {
  const cases: readonly [string, z.ZodType, readonly unknown[], unknown, unknown][] = [
    ['smallint', z.int().meta({ postgres: 'smallint' }), [3, -32768, 32767], -32768, 32767],
    ['integer', z.int32(), [0, -2147483648, 2147483647, 1], -2147483648, 2147483647],
    ['bigint', z.int(), [5, -4294967297, 4294967296, -1], -4294967297, 4294967296],
    ['bigint beyond what JSON keeps', z.bigint(), [0n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 63n - 2n], '-9223372036854775808', '9223372036854775807'],
    ['double', z.number(), [1.5, -0, 1e308, -5e-324], -5e-324, 1e308],
    ['a double that is zero', z.number(), [-0, 0], 0, 0],
    ['real', z.number().meta({ postgres: 'real' }), [0.1, -3.4e38, 2], -3.4e38, 2],
    ['boolean', z.boolean(), [true, false, true], false, true],
    ['a boolean that is always true', z.boolean(), [true, true], true, true],
    ['date', z.iso.date(), ['2024-02-29', '0001-01-01', '9999-12-31'], '0001-01-01', '9999-12-31'],
    [
      'timestamptz',
      z.iso.datetime({ offset: true }),
      ['2024-02-29T23:59:59.5Z', '1999-12-31T23:00:00-05:00', '2000-01-01T00:00:00Z'],
      '2000-01-01T00:00:00Z',
      '2024-02-29T23:59:59.5Z',
    ],
    ['a time before 2000', z.iso.datetime(), ['1999-12-31T23:59:59.999999Z', '0001-01-01T00:00:00Z'], '0001-01-01T00:00:00Z', '1999-12-31T23:59:59.999999Z'],
    ['time', z.iso.time(), ['23:59:59', '00:00:00', '12:30:00.25'], '00:00:00', '23:59:59'],
    ['numeric', decimal(20, 4), ['10', '9.5', '-0.0001', '100000000', '-12345.67'], '-12345.6700', '100000000.0000'],
    ['numerics that begin alike', decimal(30, 10), ['1.0000000002', '1.0000000001', '1.0000000003'], '1.0000000001', '1.0000000003'],
    ['negative numerics that begin alike', decimal(30, 10), ['-1.0000000002', '-1.0000000001', '-1.0000000003'], '-1.0000000003', '-1.0000000001'],
    ['numeric zero', decimal(6, 2), ['0', '0.01', '-0.01'], '-0.01', '0.01'],
    ['text by its bytes', z.string(), ['b', 'a', 'Z', 'ä', '😀', '~'], 'Z', '😀'],
    ['an empty text', z.string(), ['x', '', ' '], '', 'x'],
    [
      'texts that begin alike',
      z.string(),
      ['https://example.com/b', 'https://example.com/a', 'https://example.com/', 'https://example.com'],
      'https://example.com',
      'https://example.com/b',
    ],
    [
      'texts that go on where others end',
      z.string(),
      ['item 0005', 'item 0005 b', 'item', 'item 0005 a', 'item 00', 'item 9', 'item 0004 z', 'itel', 'item 0'],
      'itel',
      'item 9',
    ],
    ['texts of which one is the beginning of all', z.string(), ['abcdefgh', 'abcdefghijkl', 'abcdefghij', 'abcdefghijklm', 'abcd'], 'abcd', 'abcdefghijklm'],
    ['short texts', z.string(), ['abcd', 'abc', 'abcde', 'ab', 'abcdef'], 'ab', 'abcdef'],
    ['uuid, which has none', z.uuid(), ['0b5f1ad3-7a2c-4c66-9a5c-0f3a1b2c3d4e'], undefined, undefined],
    ['an array, which has none', z.array(z.string()), [['a']], undefined, undefined],
    ['bytes, which have none', bytes(), [Buffer.from('a')], undefined, undefined],
    ['inet, which has none', inet(), ['10.0.0.1'], undefined, undefined],
  ]
  test.each(cases)('of %s', (_, type, values, min, max) => {
    expect(of(type, values)).toMatchObject({ nulls: 0, nullShare: 0 })
    expect([of(type, values)?.min, of(type, values)?.max]).toStrictEqual([min, max])
    // Whatever the order, and with each value in a batch of its own.
    const schema = z.object({ value: type })
    const apart = statisticsOf(
      schema,
      values.toReversed().map((value) => [{ value }]),
    )['value']
    expect([apart?.min, apart?.max]).toStrictEqual([min, max])
  })

  test('takes what is no number as Postgres does: as the greatest', () => {
    // Such rows come as they are from another Postgres; no record of ours has them.
    const { columns, stream } = streamOf(z.object({ value: z.number() }), [{ value: 1 }, { value: -2 }, { value: 3 }])
    const damaged = (values: readonly number[]) => {
      const bytes = Buffer.from(stream)
      for (const [index, value] of values.entries()) bytes.writeDoubleBE(value, 19 + index * 14 + 6)
      const statistics = columnStatistics(columns, 'binary')
      statistics.add(bytes)
      const summary = createSummary()
      summary.add(statistics.part())
      return summary.columns()[0]
    }
    expect(damaged([Number.NaN, -Infinity, 5])).toMatchObject({ min: '-Infinity', max: 'NaN', distinct: 3 })
    expect(damaged([Number.NaN, Number.NaN, Number.NaN])).toMatchObject({ min: 'NaN', max: 'NaN', distinct: 1 })
    expect(damaged([Infinity, -1, 5])).toMatchObject({ min: -1, max: 'Infinity' })
  })

  test('shows the first 64 characters of a text, and says that it is cut', () => {
    expect(of(z.string(), [`${long}b`, `${long}a`, 'z'])).toMatchObject({ min: 'z', max: 'ä'.repeat(64), cut: ['max'] })
    expect(of(z.string(), ['😀'.repeat(64)])).toStrictEqual({
      column: 'value',
      nulls: 0,
      nullShare: 0,
      distinct: 1,
      min: '😀'.repeat(64),
      max: '😀'.repeat(64),
    })
    expect(of(z.string(), [`${'😀'.repeat(64)}!`])?.cut).toStrictEqual(['min', 'max'])
  })

  test.each([1, 2, 3, 4, 5, 8, 70])('is found among many texts that begin alike, of up to %i characters', (most) => {
    // A generator of its own: the same texts in each run.
    let state = most
    const next = (below: number) => Math.floor(((state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) / 2 ** 32) * below)
    const texts = Array.from({ length: 4000 }, () => 'ab'.repeat(next(4)) + Array.from({ length: next(most + 1) }, () => 'abé'[next(3)]).join(''))
    const sorted = texts.map((text) => Buffer.from(text)).toSorted((one, other) => Buffer.compare(one, other))
    const shown = (raw: Buffer | undefined) => [...(raw?.toString() ?? '')].slice(0, 64).join('')
    const found = statisticsOf(z.object({ value: z.string() }), [texts.map((value) => ({ value }))], 4096)['value']
    expect([found?.min, found?.max]).toStrictEqual([shown(sorted[0]), shown(sorted.at(-1))])
  })

  test('hides what has the form of a secret', () => {
    expect(of(z.string(), ['postgres://user:hunter2@host/db'])?.min).toBe('postgres://user:[redacted]@host/db')
  })
})

describe('NULLs', () => {
  test('are counted for every type, and are neither least nor greatest', () => {
    const schema = z.object({
      number: z.int().nullable(),
      text: z.string().nullable(),
      tags: z.array(z.string()).nullable(),
      json: z.record(z.string(), z.int()).nullable(),
    })
    const empty = { number: null, text: null, tags: null, json: null }
    const rows = [empty, { number: -4, text: '', tags: [], json: {} }, empty, { ...empty, number: 7 }]
    expect(statisticsOf(schema, [rows, [empty]])).toStrictEqual({
      number: { column: 'number', nulls: 3, nullShare: 0.6, distinct: 2, min: -4, max: 7 },
      text: { column: 'text', nulls: 4, nullShare: 0.8, distinct: 1, min: '', max: '' },
      tags: { column: 'tags', nulls: 4, nullShare: 0.8 },
      json: { column: 'json', nulls: 4, nullShare: 0.8 },
    })
  })

  test('in between take no value away, whichever columns they are in', () => {
    const schema = z.object({ number: z.int().nullable(), text: z.string().nullable(), ok: z.boolean().nullable(), late: z.boolean() })
    // More rows than are looked at together, each column with its NULLs elsewhere.
    const rows = Array.from({ length: 3000 }, (_, index) => ({
      number: index % 2 === 0 ? null : index,
      text: index % 3 === 0 ? `text ${String(index)}` : null,
      ok: index < 2990 ? null : index === 2995,
      late: index > 2900,
    }))
    const found = statisticsOf(schema, [rows], 5000)
    expect(found).toMatchObject({
      number: { nulls: 1500, min: 1, max: 2999 },
      text: { nulls: 2000, min: 'text 0', max: 'text 999' },
      ok: { nulls: 2990, distinct: 2, min: false, max: true },
      late: { nulls: 0, distinct: 2, min: false, max: true },
    })
    expect(statisticsOf(schema, [rows])).toStrictEqual(found)
  })

  test('alone leave nothing else to say, and neither does a load without rows', () => {
    expect(of(z.string().nullable(), [null])).toStrictEqual({ column: 'value', nulls: 1, nullShare: 1, distinct: 0 })
    expect(of(z.string(), [])).toStrictEqual({ column: 'value', nulls: 0, nullShare: 0, distinct: 0 })
  })
})

const Mixed = z.object({ id: z.int(), name: z.string().nullable(), at: z.iso.datetime(), ok: z.boolean(), amount: decimal(12, 2), tags: z.array(z.string()) })
const mixed = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => ({
    id: from + index,
    name: (from + index) % 3 === 0 ? null : `name ${String(from + index)}`,
    at: new Date(1.7e12 + (from + index) * 1000).toISOString(),
    ok: index % 2 === 0,
    amount: `${String(from + index)}.25`,
    tags: ['a', String(index)],
  }))

describe('a stream', () => {
  test('may be cut anywhere', () => {
    const whole = statisticsOf(Mixed, [mixed(0, 40)])
    for (const pieceBytes of [1, 7, 64, 1000]) expect(statisticsOf(Mixed, [mixed(0, 40)], pieceBytes)).toStrictEqual(whole)
    expect(whole).toMatchObject({
      id: { min: 0, max: 39, distinct: 40 },
      name: { nulls: 14, min: 'name 1', max: 'name 8' },
      amount: { min: '0.25', max: '39.25' },
    })
  })

  test('says the same in one batch as in many', () => {
    const all = mixed(0, 3000)
    const parts = Array.from({ length: 30 }, (_, index) => all.slice(index * 100, index * 100 + 100))
    expect(statisticsOf(Mixed, parts)).toStrictEqual(statisticsOf(Mixed, [all]))
    expect(statisticsOf(Mixed, [all])['id']).toMatchObject({ min: 0, max: 2999 })
  })

  test('of text COPY is read too: NULLs, numbers, booleans and text', () => {
    const schema = z.object({
      ...Mixed.shape,
      big: z.bigint(),
      ratio: z.number().nullable(),
      span: z.string().meta({ postgres: 'interval' }).optional(),
    })
    const rows = mixed(0, 50).map((row, index) => ({
      ...row,
      big: BigInt(index) - 2n ** 63n,
      ratio: index === 3 ? null : index / 4 - 1,
      name: index === 1 ? 'tab\t\\N\nline' : row.name,
    }))
    expect(streamOf(schema, rows).format).toBe('text')
    const found = statisticsOf(schema, [rows.slice(0, 20), rows.slice(20)], 100)
    expect(found).toMatchObject({
      id: { nulls: 0, min: 0, max: 49, distinct: 50 },
      name: { nulls: 17, min: 'name 10', max: 'tab\t\\N\nline' },
      ok: { min: false, max: true, distinct: 2 },
      big: { min: '-9223372036854775808', max: '-9223372036854775759' },
      ratio: { nulls: 1, min: -1, max: 11.25 },
      span: { nulls: 50, nullShare: 1 },
    })
    expect(found['at']).not.toHaveProperty('min')
    expect(found['tags']).toStrictEqual({ column: 'tags', nulls: 0, nullShare: 0 })
  })

  test('of text COPY says of numbers, booleans and text what one of binary COPY does', () => {
    const columns = {
      big: z.bigint(),
      small: z.int().meta({ postgres: 'smallint' }),
      integer: z.int32(),
      whole: z.int(),
      real: z.number().meta({ postgres: 'real' }),
      ratio: z.number().nullable(),
      ok: z.boolean(),
      text: z.string().nullable(),
    }
    const texts = ['', '\\', '\\N', '\\\\N', 'a\tb', '\b\f\v\r\n', 'ä😀'.repeat(40), `${'x'.repeat(200)}\t`, 'N', null]
    const rows = texts.map((text, index) => ({
      big: BigInt(index) * 2n ** 59n - 2n ** 62n,
      small: index * 3 - 7,
      integer: index * -400_000_000 + 2_000_000_000,
      whole: index * 900_000_000_000_000 - 4_000_000_000_000_000,
      real: index / 8,
      ratio: index === 4 ? null : index / 7 - 0.5,
      ok: index > 4,
      text,
    }))
    const odd = { span: z.string().meta({ postgres: 'interval' }).optional() }
    const { span, ...found } = statisticsOf(z.object({ ...columns, ...odd }), [rows], 64)
    expect(streamOf(z.object({ ...columns, ...odd }), rows).format).toBe('text')
    expect(found).toStrictEqual(statisticsOf(z.object(columns), [rows]))
    expect(span).toStrictEqual({ column: 'span', nulls: 10, nullShare: 1, distinct: 0 })
  })

  test('leaves out the columns that are not to be looked at', () => {
    const { columns, stream } = streamOf(Mixed, mixed(0, 10))
    const statistics = columnStatistics(
      columns.map((column) => (column.name === 'name' ? undefined : column)),
      'binary',
    )
    statistics.add(stream)
    const stored = storePart(statistics.part())
    expect(readPart(stored).columns.map(({ name }) => name)).toStrictEqual(['id', 'at', 'ok', 'amount', 'tags'])
    expect(readPart(stored).rows).toBe(10)
  })
})

describe('the number of distinct values', () => {
  test('is not estimated beyond the first 200 columns, whose other statistics are', () => {
    const names = Array.from({ length: 203 }, (_, index) => `c${String(index)}`)
    const schema = z.object(Object.fromEntries(names.map((name) => [name, z.int32()])))
    const rows = [3, 1, 2].map((value) => Object.fromEntries(names.map((name) => [name, value])))
    const found = statisticsOf(schema, [rows, rows])
    expect(found['c199']).toStrictEqual({ column: 'c199', nulls: 0, nullShare: 0, distinct: 3, min: 1, max: 3 })
    expect(found['c200']).toStrictEqual({ column: 'c200', nulls: 0, nullShare: 0, min: 1, max: 3 })
  })

  const bound = 0.1
  const distributions: Readonly<Record<string, { readonly type: z.ZodType; readonly value: (index: number) => unknown; readonly rows: number }>> = {
    'numbers, all different': { type: z.int(), value: (index) => index, rows: 60_000 },
    'numbers far apart': { type: z.int(), value: (index) => index * 1_000_003, rows: 60_000 },
    'multiples of 2^32': { type: z.int(), value: (index) => (index % 20_000) * 4_294_967_296, rows: 40_000 },
    'numbers around zero': { type: z.int(), value: (index) => index - 20_000, rows: 40_000 },
    'the same as integers': { type: z.int32(), value: (index) => index - 20_000, rows: 40_000 },
    'times, one a minute': { type: z.iso.datetime(), value: (index) => new Date(1.7e12 + index * 60_000).toISOString(), rows: 60_000 },
    'texts with a number at the end': { type: z.string(), value: (index) => `host-${String(index)}`, rows: 30_000 },
    'texts with a number in the middle': { type: z.string(), value: (index) => `https://example.com/items/${String(index)}/details.html`, rows: 30_000 },
    'a few texts': { type: z.string(), value: (index) => `state ${String(index % 12)}`, rows: 20_000 },
    'a hundred, most of them rare': { type: z.string(), value: (index) => String(Math.min(99, Math.floor(Math.log2(index + 1) * 7))), rows: 20_000 },
    'a third of them twice': { type: z.int32(), value: (index) => index - (index % 3 === 0 && index > 0 ? 1 : 0), rows: 30_000 },
    'a long tail': { type: z.int(), value: (index) => Math.floor(60_000 / (index + 1)) + (index % 2) * index, rows: 60_000 },
    'all alike but one in a thousand': { type: z.string(), value: (index) => (index % 1000 === 7 ? `code ${String(index)}` : 'none'), rows: 60_000 },
    'one in a hundred, sorted': { type: z.string(), value: (index) => `customer ${String(Math.floor(index / 100))}`, rows: 60_000 },
    'one in a hundred, in turn': { type: z.string(), value: (index) => `customer ${String(index % 600)}`, rows: 60_000 },
    doubles: { type: z.number(), value: (index) => index / 7, rows: 30_000 },
    numerics: { type: decimal(12, 4), value: (index) => (index % 15_000) / 16, rows: 30_000 },
    'about as many as registers': { type: z.int(), value: (index) => index % 2500, rows: 10_000 },
  }

  test.each(Object.entries(distributions))('is within 10 % for %s', (_, { type, value, rows }) => {
    const values = Array.from({ length: rows }, (_unused, index) => value(index))
    const schema = z.object({ value: type })
    const batches = Array.from({ length: 4 }, (_unused, batch) => values.filter((_one, index) => index % 4 === batch).map((one) => ({ value: one })))
    const found = statisticsOf(schema, batches)['value']?.distinct ?? 0
    const real = new Set(values).size
    // A few are counted exactly.
    expect(Math.abs(found - real)).toBeLessThan(real <= 20 ? 1 : real * bound)
  })

  test('has the standard error that is promised', () => {
    const schema = z.object({ value: z.int() })
    const size = 3000
    const errors = Array.from({ length: 60 }, (_, round) => {
      const rows = Array.from({ length: size }, (_unused, index) => ({ value: round * 1_000_000_007 + index * 17 }))
      return (statisticsOf(schema, [rows])['value']?.distinct ?? 0) / size - 1
    })
    const mean = errors.reduce((sum, one) => sum + one, 0) / errors.length
    const deviation = Math.sqrt(errors.reduce((sum, one) => sum + one ** 2, 0) / errors.length)
    // 1.04 / sqrt(1024), and what sixty tries leave to chance.
    expect(deviation).toBeLessThan(0.043)
    expect(Math.abs(mean)).toBeLessThan(0.02)
    expect(Math.max(...errors.map(Math.abs))).toBeLessThan(bound)
  })
})
