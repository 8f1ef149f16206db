import { describe, expect, expectTypeOf, test } from 'vitest'
import { asset, output } from '../../src/definitions/function-asset.ts'
import { readMetadata, storedMetadata } from '../../src/definitions/metadata/fields.ts'
import { metadata, MetadataValue } from '../../src/definitions/metadata/index.ts'
import type { Json } from '../../src/definitions/json.ts'
import { jsonFiles } from '../../src/io/json-files.ts'

const sales = asset({ key: 'shop/sales', io: jsonFiles({ folder: 'values' }), run: () => 1 })
const runId = '11111111-0000-4000-8000-000000000001'
const throughJson = (fields: Parameters<typeof storedMetadata>[1]) =>
  JSON.parse(JSON.stringify(storedMetadata('shop/sales', fields))) as Record<string, unknown>

const kinds: readonly (readonly [MetadataValue['type'], MetadataValue, unknown])[] = [
  ['asset', metadata.asset(sales), 'shop/sales'],
  ['bool', metadata.bool(false), false],
  [
    'columnLineage',
    metadata.columnLineage({ password: [{ asset: sales, column: 'hash' }], nothing: [] }),
    {
      columns: [
        { column: 'password', from: [{ asset: 'shop/sales', column: 'hash' }] },
        { column: 'nothing', from: [] },
      ],
    },
  ],
  ['float', metadata.float(0.5), 0.5],
  ['float', metadata.float(Number.NaN), 'NaN'],
  ['float', metadata.float(Number.NEGATIVE_INFINITY), '-Infinity'],
  ['int', metadata.int(42), 42],
  ['int', metadata.int(42n), 42],
  ['int', metadata.int(2n ** 64n), '18446744073709551616'],
  ['job', metadata.job('nightly'), 'nightly'],
  ['json', metadata.json({ a: [1, null, { b: 'ü' }] }), { a: [1, null, { b: 'ü' }] }],
  ['markdown', metadata.markdown('# Hello\n*there*'), '# Hello\n*there*'],
  ['null', metadata.null(), null],
  ['path', metadata.path('/data/a.csv'), '/data/a.csv'],
  ['run', metadata.run(runId), runId],
  [
    'table',
    metadata.table({
      rows: [
        { item: 'lamp', price: 14.2, token: 'hush' },
        { item: null, price: 1, token: 'hush' },
      ],
    }),
    {
      columns: ['item', 'price', 'token'],
      rows: [
        ['lamp', 14.2, '[redacted]'],
        [null, 1, '[redacted]'],
      ],
    },
  ],
  ['table', metadata.table({ columns: ['b', 'toString'], rows: [{ a: 1, b: { c: [1] } }] }), { columns: ['b', 'toString'], rows: [['{"c":[1]}', null]] }],
  [
    'tableSchema',
    metadata.tableSchema({ columns: [{ name: 'id', type: 'bigint', nullable: false }] }),
    { columns: [{ name: 'id', type: 'bigint', nullable: false }] },
  ],
  ['text', metadata.text('hello'), 'hello'],
  ['timestamp', metadata.timestamp('2026-11-22T10:00:00+01:00'), '2026-11-22T09:00:00.000Z'],
  ['timestamp', metadata.timestamp(new Date(0)), '1970-01-01T00:00:00.000Z'],
  ['url', metadata.url(new URL('https://example.com/a?b=c')), 'https://example.com/a?b=c'],
]

describe('metadata', () => {
  test.for(kinds)('%s comes back as it was made', ([type, made, value]) => {
    const stored = throughJson({ it: made })['it']
    expect(stored).toEqual({ type, value })
    expect(readMetadata(stored)).toEqual(made)
  })

  test('has a case for every kind', () => {
    expect([...new Set(kinds.map(([type]) => type))].toSorted()).toEqual(MetadataValue.options.map((one) => one.shape.type.value).toSorted())
    expect(Object.keys(metadata).toSorted()).toEqual(MetadataValue.options.map((one) => one.shape.type.value).toSorted())
  })

  test('plain JSON stays what it is, and is told by its type', () => {
    const plain = { text: 'a', int: 1, float: 0.5, bool: true, null: null, list: [1], object: { a: 1 }, gone: undefined }
    const stored = throughJson(plain)
    expect(stored).toEqual({ text: 'a', int: 1, float: 0.5, bool: true, null: null, list: [1], object: { a: 1 } })
    expect(Object.values(stored).map((one) => readMetadata(one).type)).toEqual(['text', 'int', 'float', 'bool', 'null', 'json', 'json'])
  })

  test('plain JSON that looks like a kind is not taken for it', () => {
    const lookalike = { type: 'url', value: 'https://example.com' }
    const stored = throughJson({ lookalike, own: metadata.url('https://example.com') })
    expect(readMetadata(stored['lookalike'])).toEqual({ type: 'json', value: lookalike })
    expect(readMetadata(stored['own'])).toEqual(lookalike)
    expect(readMetadata({ type: 'url', value: 'https://example.com', more: 1 }).type).toBe('json')
  })

  test('secrets are not stored, by the name of their entry or by their form', () => {
    const stored = throughJson({
      password: 'hush',
      api_token: metadata.text('hush'),
      page: metadata.url('https://me:hush@example.com/?token=hush'),
      list: [{ secret: 'hush' }],
    })
    expect(JSON.stringify(stored)).not.toContain('hush')
    expect(readMetadata(stored['page'])).toEqual({ type: 'url', value: 'https://me:[redacted]@example.com/?token=[redacted]' })
  })

  test('what is too long is cut and says so, and never in the middle of a character', () => {
    expect(metadata.text('x'.repeat(20_000))).toEqual({ type: 'text', value: 'x'.repeat(20_000) })
    expect(metadata.markdown(`x${'\u{1f600}'.repeat(20_000)}`)).toEqual({ type: 'markdown', value: `x${'\u{1f600}'.repeat(9999)}`, cutFrom: 40_001 })
    expect(metadata.json(['x'.repeat(30_000)])).toMatchObject({ type: 'text', cutFrom: 30_004 })
    expect(readMetadata(throughJson({ long: 'x'.repeat(30_000) })['long'])).toMatchObject({ type: 'text', cutFrom: 30_002 })

    const wide = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`c${String(n)}`, 'x'.repeat(600)]))
    const table = metadata.table({ rows: Array.from({ length: 250 }, () => wide) })
    expect(table.value.rows).toHaveLength(100)
    expect(table.value.rows[0]).toHaveLength(50)
    expect(table.value.rows[0]?.[0]).toBe(`${'x'.repeat(499)}…`)
    expect(table.value.cutFrom).toEqual({ rows: 250, columns: 60 })
    const columns = Array.from({ length: 1001 }, (_, n) => ({ name: `c${String(n)}`, type: 'text' }))
    expect(metadata.tableSchema({ columns }).value).toMatchObject({ cutFrom: 1001, columns: { length: 1000 } })
    expect(metadata.columnLineage(Object.fromEntries(columns.map(({ name }) => [name, []]))).value).toMatchObject({ cutFrom: 1001, columns: { length: 1000 } })
  })

  test.for<[string, () => unknown, RegExp]>([
    ['a time that is none', () => metadata.timestamp('yesterday'), /This timestamp cannot be metadata/],
    ['a time without a zone', () => metadata.timestamp('2026-11-22T10:00:00'), /timestamp/],
    ['half an int', () => metadata.int(0.5), /This int/],
    ['a run that has no id', () => metadata.run('1'), /This run/],
    ['JSON that is none', () => metadata.json({ a: 1n as unknown as Json }), /This json/],
    ['a Date', () => storedMetadata('shop/sales', { at: new Date(0) as unknown as Json }), /The metadata of shop\/sales cannot be stored: at is not JSON/],
    ['a bigint', () => storedMetadata('shop/sales', { n: 1n as unknown as Json }), /n is not JSON/],
    ['too many entries', () => storedMetadata('shop/sales', Object.fromEntries(Array.from({ length: 101 }, (_, n) => [String(n), n]))), /101 entries/],
    ['a name without end', () => storedMetadata('shop/sales', { ['x'.repeat(201)]: 1 }), /more than 200 characters/],
  ])('refuses %s', ([, make, message]) => {
    expect(make).toThrow(expect.objectContaining({ code: 'METADATA_INVALID', message: expect.stringMatching(message) as unknown }))
  })

  test('is told by the types what it takes', () => {
    output(1, { metadata: { plain: { a: [1] }, report: metadata.url('https://example.com'), sales: metadata.asset(sales) } })
    expectTypeOf(output<number>)
      .parameter(1)
      .not.toExtend<{ metadata: { at: Date } }>()
    // @ts-expect-error a Date is not JSON
    output(1, { metadata: { at: new Date(0) } })
    // @ts-expect-error a number of rows is no text
    expect(() => metadata.text(1)).toThrow('This text cannot be metadata')
  })
})
