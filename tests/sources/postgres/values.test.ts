import { parsePage } from '../../../src/sources/parse-page.ts'
import { describe, expect, test } from '../../support/test.ts'
import { dataErrorBy, thrownBy } from '../failure.ts'
import { readAll } from './read.ts'

/** What Postgres holds, by its SQL, and what a transform is handed. */
const values: readonly (readonly [sql: string, value: unknown])[] = [
  [`true`, true],
  [`(-32768)::smallint`, -32_768],
  [`(-2147483648)::int`, -2_147_483_648],
  [`9223372036854775807::bigint`, 9_223_372_036_854_775_807n],
  [`(-9223372036854775808)::bigint`, -9_223_372_036_854_775_808n],
  [`0.1::float8`, 0.1],
  [`'NaN'::float8`, Number.NaN],
  [`'-Infinity'::float8`, Number.NEGATIVE_INFINITY],
  [`1.1::real`, 1.1],
  [`16777217::real`, 16_777_216],
  [`3.4028235e38::real`, 3.4028235e38],
  [`0::numeric`, '0'],
  [`'-0.00010'::numeric`, '-0.00010'],
  [`'123456789012345678901234567890.000000000000000001'::numeric`, '123456789012345678901234567890.000000000000000001'],
  [`1e20::numeric`, '100000000000000000000'],
  [`'1e-12'::numeric`, '0.000000000001'],
  [`12.5::numeric(12,4)`, '12.5000'],
  [`'NaN'::numeric`, 'NaN'],
  [`'-Infinity'::numeric`, '-Infinity'],
  [`E'tab\\tänd "quotes" 😀 \\\\N'`, 'tab\tänd "quotes" 😀 \\N'],
  [`''`, ''],
  [`'ab'::char(4)`, 'ab  '],
  [`'\\x00ff80'::bytea`, Buffer.from([0, 255, 128])],
  [`'2024-02-29 23:59:59.123456+02'::timestamptz`, '2024-02-29T21:59:59.123456Z'],
  [`'1999-12-31 23:59:59.999999+00'::timestamptz`, '1999-12-31T23:59:59.999999Z'],
  [`'2024-01-01 00:00+00'::timestamptz`, '2024-01-01T00:00:00Z'],
  [`'0001-01-01 00:00:00.000001+00'::timestamptz`, '0001-01-01T00:00:00.000001Z'],
  [`'9999-12-31 23:59:59.999999+00'::timestamptz`, '9999-12-31T23:59:59.999999Z'],
  [`'infinity'::timestamptz`, 'infinity'],
  [`'-infinity'::timestamp`, '-infinity'],
  [`'2024-03-31 02:30'::timestamp`, '2024-03-31T02:30:00'],
  [`'2024-02-29'::date`, '2024-02-29'],
  [`'infinity'::date`, 'infinity'],
  [`'23:59:59.000001'::time`, '23:59:59.000001'],
  [`'24:00'::time`, '24:00:00'],
  [`'0b5f1ad3-7a2c-4c66-9a5c-0f3a1b2c3d4e'::uuid`, '0b5f1ad3-7a2c-4c66-9a5c-0f3a1b2c3d4e'],
  [`'{"a": [1, null, "ü"], "b": 1.5}'::jsonb`, { a: [1, null, 'ü'], b: 1.5 }],
  [`'null'::json`, null],
  [`'192.168.0.1'::inet`, '192.168.0.1'],
  [`'192.168.0.0/24'::cidr`, '192.168.0.0/24'],
  [`'10.1.2.3/32'::cidr`, '10.1.2.3/32'],
  [`NULL::text`, null],
  [`ARRAY['a', NULL, 'c,"d"']`, ['a', null, 'c,"d"']],
  [`'{}'::int[]`, []],
  [
    `ARRAY[[1,2],[3,NULL]]`,
    [
      [1, 2],
      [3, null],
    ],
  ],
  [`ARRAY[1.5::numeric(8,3), NULL]`, ['1.500', null]],
  [`ARRAY['2024-01-01'::date]`, ['2024-01-01']],
  // Of no type that has a reader: as text.
  [`'1 day 02:03:04.5'::interval`, '1 day 02:03:04.5'],
  [`ARRAY['1 day'::interval]`, ['1 day']],
  [`'[1,5)'::int4range`, '[1,5)'],
  [`'12:00+02'::timetz`, '12:00:00+02'],
  [`'08:00:2b:01:02:03'::macaddr`, '08:00:2b:01:02:03'],
  [`ROW(1, 'a')::shape`, '(1,a)'],
  [`'happy'::mood`, 'happy'],
  [`ARRAY['happy'::mood]`, ['happy']],
  [`5::positive`, 5],
]

/** As Postgres itself prints them. */
const asPrinted: readonly string[] = [
  ...['::', '::1', '::2:3', '::ffff:1.2.3.4', '1::', 'fe80::1:0:0:2/64', '2001:db8:0:1:1:1:1:1', '1:0:0:2:0:0:0:3', '0:0:0:1::', '0.0.0.0/0'].map(
    (one) => `'${one}'::inet`,
  ),
  ...['0044-03-15 BC', '4714-11-24 BC', '0001-12-31 BC', '10000-01-01', '5874897-12-31', '0005-02-29 BC', '2000-01-01'].map((one) => `'${one}'::date`),
  ...['0044-03-15 01:02:03.000004 BC', '294276-12-31 23:59:59.999999', '10000-01-01 00:00:00', '4713-01-01 00:00:00 BC'].map((one) => `'${one}'::timestamp`),
  ...['0.0001', '10000', '9999.99990', '100000000.00000001', '-1e-20', '1e131071', '0.000', '1e-16383'].map((one) => `'${one}'::numeric`),
]

describe('values of a query', () => {
  test('are what Postgres holds, exactly, of every type', async ({ database }) => {
    await database.pool.query(
      `CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE shape AS (a int, b text); CREATE DOMAIN positive AS int CHECK (VALUE > 0)`,
    )
    const query = `SELECT ${values.map(([sql], index) => `${sql} AS v${String(index)}`).join(', ')}`
    const [record] = await readAll({ url: database.url, query })
    expect(record).toEqual(Object.fromEntries(values.map(([, value], index) => [`v${String(index)}`, value])))
  })

  test('that have no form of their own in JavaScript are as Postgres prints them', async ({ database }) => {
    const query = `SELECT ${asPrinted.map((sql, index) => `${sql} AS v${String(index)}`).join(', ')}`
    const [record] = await readAll({ url: database.url, query })
    const client = await database.pool.connect()
    const { rows } = await client.query<string[]>({ text: `SELECT ${asPrinted.map((sql) => `format('%s', ${sql})`).join(', ')}`, rowMode: 'array' })
    client.release()
    expect(Object.values(record as object)).toEqual(rows[0])
  })
})

describe('a page of tuples', () => {
  const columns = [{ name: 'a', type: 'integer', oid: 23 }]
  const whole = Buffer.from([0, 1, 0, 0, 0, 4, 0, 0, 0, 7])
  const parse = (body: Buffer) => parsePage({ body, format: { kind: 'pgcopy', columns } }).records

  test.each([1, 4, 9])('that ends after %i bytes of a tuple is refused, to be fetched again', (bytes) => {
    expect(parse(Buffer.concat([whole, whole]))).toEqual([{ a: 7 }, { a: 7 }])
    expect(thrownBy(() => parse(Buffer.concat([whole, whole.subarray(0, bytes)])))).toMatchObject({ code: 'PAGE_TRUNCATED', retryable: true })
  })

  test('whose tuples have other columns than it says is refused', () => {
    expect(dataErrorBy(() => parse(Buffer.from([0, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))).code).toBe('COPY_COLUMN_COUNT')
  })
})
