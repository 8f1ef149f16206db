import * as z from 'zod'
import { bytes, decimal, inet } from '../../src/definitions/column-types.ts'

/** What becomes of values in a column. Values are JSON as a source sends it. */
export interface ColumnCases {
  readonly schema: z.ZodType
  /** Values that are stored, each as Postgres itself reads it, or as the second text says where its own reading of JSON is another. */
  readonly stored: readonly (string | readonly [json: string, printed: string])[]
  /** Values that must not be stored. */
  readonly kept: readonly string[]
}

const text = (value: string): string => JSON.stringify(value)
const texts = (...values: readonly string[]): string[] => values.map(text)
const typed = (postgres: string): z.ZodType => z.string().meta({ postgres })
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)

// What no column of a number, a time or the like takes for one.
const nonsense = [
  'true',
  '[]',
  '{}',
  '[1]',
  '{"a":1}',
  ...texts('', ' ', 'null', 'NaN', 'abc', '1 2', '１２', "1'; DROP TABLE x; --", '\u00001', '1\u0000', '\ud800'),
]

const dates = texts(
  '0000-00-00',
  '0000-01-01',
  '2023-02-29',
  '1900-02-29',
  '2023-13-01',
  '2023-00-10',
  '2023-04-31',
  '10000-01-01',
  '-0044-03-15',
  '0044-03-15 BC',
)
const moreDates = texts('2023-1-1', '20230101', '01/02/2023', '2023-01-01T00:00:00Z', 'today', 'infinity', '２０２３-01-01', ' 2023-01-01')
const clocks = texts('24:00', '24:00:00', '23:60', '23:59:60', '12:00:61', '-01:00', '12', '1:00', '12:00 PM', '12:00:00Z', '12:00:00+01', 'noon', '12:00:00,5')
const moments = texts(
  '2023-02-29T00:00:00Z',
  '2023-01-01T24:00:00Z',
  '2023-06-30T23:59:60Z',
  '2023-01-01T00:00:00+25:00',
  '2023-01-01T00:00:00+14:60',
  '0000-01-01T00:00:00Z',
)
const moreMoments = texts(
  '10000-01-01T00:00:00Z',
  '294277-01-01T00:00:00Z',
  '-4714-01-01T00:00:00Z',
  '2023-01-01',
  'now',
  '2023-01-01T00:00:00 Europe/Paris',
  '1700000000',
)

/** Columns whose types all have a binary form. */
export const binaryCases: Readonly<Record<string, ColumnCases>> = {
  text: {
    schema: z.string(),
    stored: [
      ...texts('', ' ', '\\N', '\\.', '\\', 'null', 'NULL', '\uFEFFmarked', '\u202Eright to left', 'שלום', '👩‍👩‍👧‍👦', 'e\u0301', '\u0001\b\f\v\u001f\u007f', '\u2028\u2029', '\u{10FFFF}\uFFFE'),
      ...texts('a\tb\nc\rd\r\n', '"', "'", '$1', '%s', '{}', '\\x00', '\\u0000', 'x'.repeat(100_000), '😀'.repeat(50), `${'a'.repeat(95)}\u0301`),
    ],
    kept: ['1', 'true', '[]', '{}', '-0', ...texts('\u0000', 'a\u0000b', `${'x'.repeat(500)}\u0000`, '\ud800', 'a\udc00', '\udc00\ud800')],
  },
  short: { schema: typed('varchar(5)'), stored: texts('', 'abcde', '😀😀😀😀😀', 'e\u0301e\u0301'), kept: texts('abcdef', '     x', '😀😀😀😀😀😀', 'abcd\u0000') },
  uuid: {
    schema: z.uuid(),
    stored: texts('0b5f1ad3-7a2c-4c66-9a5c-0f3a1b2c3d4e', '0B5F1AD3-7A2C-4C66-9A5C-0F3A1B2C3D4E', '00000000-0000-0000-0000-000000000000'),
    kept: [...nonsense, ...texts('{0b5f1ad3-7a2c-4c66-9a5c-0f3a1b2c3d4e}', '0b5f1ad37a2c4c669a5c0f3a1b2c3d4e', '0b5f1ad3-7a2c-4c66-9a5c-0f3a1b2c3d4', '0b5f1ad3-7a2c-4c66-9a5c-0f3a1b2c3d4g', ' 0b5f1ad3-7a2c-4c66-9a5c-0f3a1b2c3d4e')],
  },
  flag: { schema: z.boolean(), stored: ['true', 'false'], kept: ['0', '1', '[]', '{}', ...texts('t', 'f', 'yes', 'no', 'true', 'FALSE', '1', '0', 'on', '')] },
  small: {
    schema: z.int32(),
    stored: ['0', ['-0', '0'], '2147483647', '-2147483648', ['1e3', '1000'], ['1.0', '1']],
    kept: ['2147483648', '-2147483649', '1.5', '1e400', '-1e400', '9007199254740993', ...texts('1', '0x10', '1_000', ' 12 '), ...nonsense],
  },
  tiny: { schema: z.int().meta({ postgres: 'smallint' }), stored: ['32767', '-32768'], kept: ['32768', '-32769', '65536', '1e10'] },
  whole: {
    schema: z.int(),
    stored: ['0', '9007199254740991', '-9007199254740991', '2147483648'],
    kept: ['9007199254740992', '9007199254740993', '9223372036854775807', '9223372036854775808', '1e19', '0.5', '1e400', ...nonsense],
  },
  digits: {
    schema: typed('bigint'),
    stored: texts('0', '-0', '+7', '007', '9223372036854775807', '-9223372036854775808', '9007199254740993'),
    kept: texts('9223372036854775808', '-9223372036854775809', '99999999999999999999', '1e3', '1.0', '1_000', ' 12 ', '0x10', '१२', '', '+', '--1', '1\u0000', '٣'),
  },
  ratio: {
    schema: z.number(),
    stored: ['0', '-0', '1.5', '5e-324', '1.7976931348623157e308', ['1e-400', '0'], '0.1', '9007199254740993', '123456789012345678901234567890', '2.2250738585072014E-308'],
    kept: ['1e400', '-1e400', ...texts('1', '1.5', 'Infinity', '-Infinity', '1e400', '0x10', '1,5', '1_000'), ...nonsense],
  },
  amount: {
    schema: decimal(12, 4),
    stored: [...texts('0', '-0', '1.5', '99999999.9999', '-99999999.9999', '0001.5', '1.50000', '1e3', '1E-4', '.5', '5.', '+1'), '1.5', '-0', '1e7', '0.1'],
    kept: [...texts('100000000', '0.00001', '1.23456', 'NaN', 'Infinity', '1e8', '1e400', '1e-400', '1e999999999', '0x10', '1,5', '1_000', ' 12 ', '12 €', '--1', '1.2.3', '.', 'e5', ''), '1e8', '0.30000000000000004', '1e400', '123456789.1', ...nonsense],
  },
  exact: {
    schema: decimal(38, 20),
    stored: [...texts('123456789012345678.12345678901234567890', '-0.00000000000000000001'), '0.5', '123456789012345', '9007199254740991'],
    kept: ['0.1234567890123456789', '12345678.123456789', '9007199254740993', ...texts(`0.${'0'.repeat(200_000)}1`, '9'.repeat(200_000))],
  },
  free: {
    schema: typed('numeric'),
    stored: texts('0', '-0.00', '1e100', '1e-100', '9'.repeat(1000), `0.${'1'.repeat(1000)}`, '1e131071', '1e-16383', '1.10', '00.10'),
    kept: texts('1e131072', '1.5e-16383', '1e1000000', 'NaN', 'inf', '1e', '1e1.5', '0b1', '0o7', `0.${'0'.repeat(200_000)}1`),
  },
  day: { schema: z.iso.date(), stored: texts('0001-01-01', '9999-12-31', '2024-02-29', '2000-02-29', '1582-10-10', '1899-12-31'), kept: [...dates, ...moreDates, '20230101', ...nonsense] },
  looseDay: { schema: typed('date'), stored: texts('0001-01-01', '2024-02-29'), kept: [...dates, ...moreDates] },
  clock: { schema: z.iso.time(), stored: texts('00:00', '23:59:59', '23:59:59.999999', '23:59:59.9999999', '12:00:00.0000005'), kept: [...clocks, ...nonsense] },
  looseClock: { schema: typed('time'), stored: texts('00:00:00', '23:59:59.5'), kept: clocks },
  moment: {
    schema: z.iso.datetime({ offset: true }),
    stored: texts('0001-01-01T00:00:00+14:00', '9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.9999999Z', '1899-12-31T23:59:59-00:00', '2023-01-01T00:00:00+14:00', '2023-01-01T00:00:00-12:00', '1582-10-10T00:00:00Z', '2016-02-29T12:00:00.123456789Z'),
    kept: [...moments, ...moreMoments, ...texts('2023-01-01 00:00:00Z', '2023-01-01T00:00:00', '2023-01-01T00:00:00+01', '2023-01-01T00:00:00z'), '1700000000', ...nonsense],
  },
  looseMoment: { schema: typed('timestamptz'), stored: texts('2023-01-01 00:00:00+00', '2023-01-01T00:00:00z', '2023-01-01 00:00:00+0530', '2023-01-01T00:00Z'), kept: [...moments, ...moreMoments] },
  json: {
    schema: z.json(),
    stored: [
      'true', '1', '-0', '1.5e-7', text('x'), text('\\u0000'), text('\u202E\uFEFF'), '[]', '{}', '[null]', '{"a":1,"a":2}', '{"":""}', '{"__proto__":{"polluted":true},"constructor":1}', '[[],[[]],[1,[2]]]',
      nested(1000), '{"toJSON":"no function"}', '{"$millrace:value":["date","2023"]}', `{${JSON.stringify('k'.repeat(70_000))}:1}`, ['[1e-400]', '[0]'],
    ],
    kept: [nested(1001), nested(10_000), `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, text('\u0000'), text('\ud800'), '{"a\\u0000":1}', '{"\\udc00":1}', '[1e400]', '1e400'],
  },
  any: { schema: z.any(), stored: ['[1,{"a":[]}]', text('x'), '{"__proto__":1}', nested(1000)], kept: [nested(1001), nested(10_000), '[1e400]', '{"a":[-1e400]}', text('a\u0000')] },
  object: { schema: z.object({ a: z.number(), b: z.string().optional() }), stored: ['{"a":1}', '{"a":1,"b":"é"}'], kept: ['{"a":"1"}', '{}', '[]', '{"a":1,"b":null}', '{"a":1e400}', '{"a":1,"b":"\\u0000"}', ...nonsense.slice(5)] },
  content: { schema: bytes(), stored: [['"AP9c"', '\\x00ff5c'], ['""', '\\x'], ['"AQI="', '\\x0102'], ['"AQI"', '\\x0102']], kept: [...texts('A', '*', 'AQ=', 'AQI==', 'A Q I=', '\\x00', 'AQI\n', '_-8='), '1', 'true', '[1,2]', '{"type":"Buffer","data":[1]}'] },
  address: {
    schema: inet(),
    stored: texts('10.0.0.1', '10.1.2.3/8', '0.0.0.0/0', '::', '::1/128', 'fe80::1/64', '::ffff:1.2.3.4', 'FE80::A'),
    kept: [...texts('10.0.0', '256.0.0.1', '10.0.0.1/33', '010.0.0.1', 'fe80::1%eth0', '[::1]', '1::2::3', '::1/129', '10.0.0.1/', 'localhost', '10.0.0.1:80', ':::'), ...nonsense],
  },
  net: { schema: typed('cidr'), stored: texts('10.0.0.0/8', '2001:db8::/32', '1.2.3.4'), kept: texts('10.0.0.1/8', '2001:db8::1/32', '10/8x', '') },
  size: { schema: z.enum(['S', "L'", '\\N']), stored: texts('S', "L'", '\\N'), kept: [...texts('s', 'S ', '', 'M', 'S\u0000', 'toString', '__proto__'), '0', '[]', '{}', 'true'] },
  fixed: { schema: z.literal('only'), stored: texts('only'), kept: [...texts('ONLY', 'only ', ''), '1', '["only"]'] },
  tags: {
    schema: z.array(z.string()),
    stored: [['[]', '{}'], ['["a,b","{\\"}","","NULL","\\\\"]', '{"a,b","{\\"}","","NULL","\\\\"}']],
    kept: ['{}', '"a"', '"{a,b}"', '[null]', '[["a"]]', '["a",["b"]]', '[1]', '["a\\u0000"]', '["\\ud800"]', '{"0":"a","length":1}'],
  },
  numbers: { schema: z.array(z.int32().nullable()), stored: [['[1,null,-1]', '{1,NULL,-1}'], ['[]', '{}']], kept: ['[1,"2"]', '[1.5]', '[2147483648]', '[[1],[2]]', '[1,[2,3]]', '[{}]', '"1"'] },
  amounts: { schema: z.array(decimal(6, 2)), stored: [['["1.5",2]', '{1.50,2.00}']], kept: ['["1.555"]', '["99999"]', '[null]', '["NaN"]'] },
  moments: { schema: z.array(z.iso.datetime()), stored: [['["2023-01-01T00:00:00Z"]', '{"2023-01-01 00:00:00+00"}']], kept: ['["2023-02-29T00:00:00Z"]', '["now"]'] },
  uuids: { schema: z.array(z.guid()), stored: [['["0b5f1ad3-7a2c-0c66-9a5c-0f3a1b2c3d4e"]', '{0b5f1ad3-7a2c-0c66-9a5c-0f3a1b2c3d4e}']], kept: ['["x"]'] },
} // prettier-ignore

/** Columns whose types only Postgres can read: they turn the table to text COPY. */
export const opaqueCases: Readonly<Record<string, ColumnCases>> = {
  wait: { schema: typed('interval'), stored: texts('1 day', '-00:00:01', 'P1Y2M', '1 year 2 mons 3.5 secs', '0'), kept: texts('soon', '', '1 fortnight', '1e30 years', '1 day\u0000', '\ud800', '\t', '\\N') },
  price: { schema: typed('money'), stored: texts('1.50', '$1,000.00', '-5', ''), kept: texts('1.50 €', 'x', '99999999999999999999') },
  folded: { schema: typed('citext'), stored: texts('MiXed', '', '\\N', '\t'), kept: texts('\u0000', '\udc00') },
  spot: { schema: typed('point'), stored: texts('(1,2)', '1,2'), kept: texts('1', '(1,2', 'x,y') },
  card: { schema: typed('macaddr'), stored: texts('08:00:2b:01:02:03', '08002b010203'), kept: texts('08:00:2b:01:02', 'zz:00:2b:01:02:03') },
  bits: { schema: typed('bit(3)'), stored: texts('101'), kept: texts('10', '1010', '102', '') },
  code: { schema: typed('char(2)'), stored: texts('ab', 'a', 'é'), kept: texts('abc', 'ab\u0000') },
  stamp: { schema: typed('timestamp'), stored: texts('2023-01-01 00:00:00', '4713-01-01 BC', '294276-12-31', 'infinity'), kept: texts('2023-02-29', '24:00', '294277-01-01', '0000-01-01') },
  span: { schema: typed('int4range'), stored: texts('[1,5)', 'empty', '(,)'), kept: texts('[5,1)', '1,5', '[1,99999999999)') },
  words: { schema: typed('tsvector'), stored: texts("'a':1 'b'", '', ':1'), kept: texts("'a", 'x'.repeat(3000)) },
  markup: { schema: typed('xml'), stored: texts('<a/>', 'text'), kept: texts('<a>', '&nbsp;', '<a></b>') },
  pairs: { schema: typed('hstore'), stored: texts('a=>1', '"a b"=>"\\"", c=>NULL', ''), kept: texts('a', '=>', 'a=>') },
  positive: { schema: typed('bad.positive'), stored: texts('1', '7'), kept: texts('0', '-1', 'x', '99999999999') },
  colour: { schema: typed('bad.colour'), stored: texts('red'), kept: texts('RED', 'green', '', '\u0000') },
  waits: { schema: z.array(typed('interval')), stored: [['["1 day","2"]', '{"1 day",00:00:02}'], ['[]', '{}']], kept: ['["soon"]', '["1 day",null]', '"{1 day}"', '["\\u0000"]'] },
} // prettier-ignore
