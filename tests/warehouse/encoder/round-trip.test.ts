import * as z from 'zod'
import { bytes, decimal, inet } from '../../../src/definitions/column-types.ts'
import { expect, test } from '../../support/test.ts'
import { copyRows, insertRows, printedRows } from './copy-rows.ts'

const nastyText = [
  '',
  'plain',
  'tab\tnewline\nreturn\rbackslash\\',
  '\\N',
  '\\.',
  'ä€😀',
  '"quoted"',
  "it's",
  'NULL',
  '\u0001\b\f\v',
  'x'.repeat(5000),
  '😀'.repeat(200),
  `${'a'.repeat(95)}é`,
]

const samples: Readonly<Record<string, { readonly schema: z.ZodType; readonly values: readonly unknown[] }>> = {
  text: { schema: z.string(), values: nastyText },
  refinedText: { schema: z.string().min(0), values: nastyText },
  varchar: { schema: z.string().meta({ postgres: 'varchar(5)' }), values: ['', 'abcde', '😀😀😀😀😀'] },
  uuid: {
    schema: z.uuid(),
    values: [
      '0b5f1ad3-7a2c-4c66-9a5c-0f3a1b2c3d4e',
      '0B5F1AD3-7A2C-4C66-9A5C-0F3A1B2C3D4E',
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
    ],
  },
  boolean: { schema: z.boolean(), values: [true, false] },
  smallint: { schema: z.int().meta({ postgres: 'smallint' }), values: [0, -32768, 32767] },
  integer: { schema: z.int32(), values: [0, -0, -2147483648, 2147483647, 1] },
  bigintFromInt: { schema: z.int(), values: [0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 4294967296, -4294967296, -4294967297] },
  bigint: { schema: z.bigint(), values: [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)] },
  double: { schema: z.number(), values: [0, -0, 1.5, -1e308, 5e-324, 0.1, 1e21] },
  real: { schema: z.number().meta({ postgres: 'real' }), values: [0, 1.5, -3.4e38, 0.1] },
  timestamptz: {
    schema: z.iso.datetime({ offset: true }),
    values: [
      '2023-02-28T12:34:56Z',
      '2024-02-29T23:59:59.999999Z',
      '2000-01-01T00:00:00Z',
      '1999-12-31T23:59:59.999Z',
      '0001-01-01T00:00:00Z',
      '9999-12-31T23:59:59.9Z',
      '1970-01-01T00:00:00.123456789Z',
      '2023-06-01T00:30:00+05:30',
      '2023-06-01T23:30:00-08:00',
      '1600-02-29T00:00:00Z',
      '2023-01-01T00:00:00.0000005Z',
      '2023-01-01T00:00:00.0000015Z',
      '2023-01-01T23:59:59.9999999Z',
    ],
  },
  localTime: { schema: z.iso.datetime({ local: true }), values: ['2023-02-28T12:34', '2023-02-28T12:34:56', '2023-02-28T12:34:56.5Z'] },
  loosetime: { schema: z.string().meta({ postgres: 'timestamptz' }), values: ['2023-02-28 12:34:56+02', '2023-02-28T12:34:56z', '2023-02-28 12:34:56+0230'] },
  jsDate: { schema: z.date(), values: [new Date('2023-02-28T12:34:56.789Z'), new Date(0), new Date('1900-01-01T00:00:00.001Z')] },
  date: { schema: z.iso.date(), values: ['2023-02-28', '2024-02-29', '0001-01-01', '9999-12-31', '2000-02-29', '1900-03-01'] },
  time: { schema: z.iso.time(), values: ['00:00', '12:34:56', '23:59:59.999999', '23:59:59.9999999'] },
  enum: { schema: z.enum(['a', "b'c", 'd\\e']), values: ['a', "b'c", 'd\\e'] },
  json: { schema: z.json(), values: [{ a: [1, 'x', null, { b: true }] }, [], 'text', 1.5, false, { 'a\\u0000': '\\u0000 is no NUL' }, '😀\n\t"\\'] },
  object: { schema: z.object({ a: z.string(), b: z.number().optional() }), values: [{ a: 'x' }, { a: '', b: 1 }] },
  records: { schema: z.array(z.object({ a: z.string() })), values: [[], [{ a: 'x' }, { a: 'y' }]] },
  bytea: { schema: bytes(), values: ['AQID', '', 'AQI=', Buffer.from([0, 255, 92]), `${'A'.repeat(16 * 1024 * 1024)}AQI=`] },
  inet: { schema: inet(), values: ['10.0.0.1', '10.0.0.0/8', '::1', 'fe80::1/64', '2001:db8:1:2:3:4:5:6', '::ffff:1.2.3.4', '::', '1::', '0.0.0.0/0'] },
  cidr: { schema: z.string().meta({ postgres: 'cidr' }), values: ['10.0.0.0/8', '2001:db8::/32', '1.2.3.4'] },
  money: { schema: decimal(18, 4), values: ['0', '-0.0001', '12345678901234.5678', 1.5, '1e3', '-10000', '10000.0001', '0.00010', 100, -0, '00012.50'] },
  numeric: {
    schema: z.string().meta({ postgres: 'numeric' }),
    values: ['0', '1.50', '-1e-20', '123456789012345678901234567890.0000000001', '1e10', '0.00001230', '100000000', '.5', '5.'],
  },
  texts: { schema: z.array(z.string()), values: [[], nastyText, [''], ['say "so"', '{"}', 'a,b'], ['back\\slash'], ['tab\t']] },
  nullableTexts: { schema: z.array(z.string().nullable()).nullable(), values: [null, [null, 'NULL', 'null'], []] },
  ints: { schema: z.array(z.int32()), values: [[], [1, -1]] },
  times: { schema: z.array(z.iso.datetime()), values: [['2023-02-28T12:34:56Z', '1600-02-29T00:00:00Z']] },
  moneys: { schema: z.array(decimal(6, 2)), values: [['1.5', 2]] },
  enums: { schema: z.array(z.enum(['a', 'b']).nullable()), values: [['a', 'b', null, 'a'], []] },
  missing: { schema: z.string().optional(), values: [undefined, null, 'there'].filter((one) => one !== null) },
}

for (const [name, { schema, values }] of Object.entries(samples)) {
  test(`${name} reads back from COPY as from an INSERT`, async ({ database: { pool } }) => {
    const table = z.object({ id: z.int32(), value: schema })
    const rows = values.map((value, id) => ({ id, value }))
    const base = `round_${name.toLowerCase()}`
    await insertRows(pool, `${base}_insert`, table, rows)
    await copyRows(pool, `${base}_binary`, table, rows, 'binary')
    await copyRows(pool, `${base}_text`, table, rows, 'text')
    const expected = await printedRows(pool, `${base}_insert`, table)
    expect(expected).toHaveLength(values.length)
    expect(await printedRows(pool, `${base}_binary`, table)).toEqual(expected)
    expect(await printedRows(pool, `${base}_text`, table)).toEqual(expected)
  })
}

test('citext goes by binary COPY, hstore by text', async ({ database: { pool } }) => {
  await pool.query('CREATE EXTENSION citext; CREATE EXTENSION hstore')
  const folded = z.object({ id: z.int32(), value: z.string().meta({ postgres: 'citext' }) })
  await copyRows(pool, 'round_citext', folded, [{ id: 1, value: 'Mixed' }], 'binary')
  expect((await pool.query(`SELECT 1 FROM round_citext WHERE value = 'mIXED'`)).rowCount).toBe(1)
  const stored = z.object({ id: z.int32(), value: z.string().meta({ postgres: 'hstore' }) })
  await copyRows(pool, 'round_hstore', stored, [{ id: 1, value: '"a\\\\b"=>"c"' }], 'text')
  expect((await pool.query(`SELECT value -> 'a\\b' AS found FROM round_hstore`)).rows).toEqual([{ found: 'c' }])
})
