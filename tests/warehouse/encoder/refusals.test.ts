import * as z from 'zod'
import { bytes, decimal, inet } from '../../../src/definitions/column-types.ts'
import { columnsOf } from '../../../src/definitions/columns.ts'
import { compileEncoder } from '../../../src/warehouse/encoder/compile-encoder.ts'
import type { ColumnIssue } from '../../../src/warehouse/encoder/row-encoder.ts'
import { describe, expect, test } from '../../support/test.ts'

/** What a value is refused for, in both formats. */
function refusals(schema: z.ZodType, value: unknown): readonly ColumnIssue[] {
  const shape = z.object({ theValue: schema })
  const withInterval = z.object({ theValue: schema, wait: z.string().meta({ postgres: 'interval' }).optional() })
  const [binary, text] = [shape, withInterval].map((one) => {
    const encoder = compileEncoder(columnsOf(one), one)
    const issues = encoder.encode({ theValue: value })
    if (issues !== null) expect([encoder.rows, encoder.finish().length]).toEqual([0, encoder.format === 'binary' ? 21 : 0])
    return issues ?? []
  })
  expect(text).toEqual(binary)
  return binary ?? []
}

const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels))
const deep = nested(1001)
const deeper = nested(20_000)
const circular: Record<string, unknown> = {}
circular['self'] = circular

test.for<[string, z.ZodType, unknown, RegExp]>([
  ['NUL in text', z.string(), 'a\0b', /contains a NUL byte, which Postgres text cannot hold/],
  ['NUL in a long text', z.string(), `${'a'.repeat(500)}\0`, /NUL byte/],
  ['a lone surrogate', z.string(), 'ab\ud800', /lone surrogate at character 3/],
  ['a lone surrogate in a refined text', z.string().min(1), '\udc00', /lone surrogate/],
  ['a number for text', z.string(), 5, /expected string/],
  ['null in NOT NULL', z.string(), null, /expected string, received null/],
  ['a missing field in NOT NULL', z.string(), undefined, /expected string, received undefined/],
  [
    'null from a transform',
    z
      .string()
      .transform(() => null)
      .meta({ postgres: 'text' }),
    'a',
    /allows no NULL/,
  ],
  ['int32 too large', z.int32(), 2147483648, /expected int32|<=2147483647/],
  ['int too large for integer', z.int().meta({ postgres: 'integer' }), 2147483648, /out of range for integer: 2147483648/],
  ['int too large for smallint', z.int().meta({ postgres: 'smallint' }), 40000, /out of range for smallint/],
  ['an unsafe integer', z.int(), 9007199254740992, /9007199254740991/],
  ['a fraction for an integer', z.int(), 1.5, /expected int/],
  ['bigint too large', z.bigint(), 2n ** 63n, /out of range for bigint/],
  ['bigint too small', z.bigint(), -(2n ** 63n) - 1n, /out of range for bigint/],
  ['a number for a bigint', z.bigint(), 5, /expected bigint/],
  ['text for an integer', z.string().meta({ postgres: 'bigint' }), '12x', /is not an integer: 12x/],
  ['NaN', z.number(), Number.NaN, /expected number, received NaN/],
  ['Infinity', z.number(), Infinity, /received (number|Infinity)/],
  ['out of range for real', z.number().meta({ postgres: 'real' }), 1e300, /out of range for real/],
  ['30 February', z.iso.date(), '2023-02-30', /Invalid ISO date/],
  ['29 February 1900', z.iso.date(), '1900-02-29', /Invalid ISO date/],
  ['the year 0', z.iso.date(), '0000-01-01', /is not a date: 0000-01-01/],
  ['a date that zod did not see', z.string().meta({ postgres: 'date' }), '2023-02-30', /is not a date: 2023-02-30/],
  ['a cut timestamp', z.iso.datetime(), '2023-02-28T12:34', /Invalid ISO datetime/],
  ['a timestamp cut in the fraction', z.iso.datetime(), '2023-02-28T12:34:56.5', /Invalid ISO datetime/],
  ['a timestamp cut after the seconds’ colon', z.iso.datetime({ local: true }), '2023-02-28T12:34:', /Invalid ISO datetime/],
  ['an hour 24', z.iso.datetime(), '2023-02-28T24:00:00Z', /Invalid ISO datetime/],
  ['a second 60', z.iso.datetime(), '2023-02-28T23:59:60Z', /Invalid ISO datetime/],
  ['an offset where none is taken', z.iso.datetime(), '2023-02-28T12:34:56+01:00', /Invalid ISO datetime/],
  ['a timestamp with something behind', z.iso.datetime(), '2023-02-28T12:34:56Zx', /Invalid ISO datetime/],
  ['an invalid Date', z.date(), new Date(Number.NaN), /expected date|Invalid Date/i],
  ['a Date before Postgres’ calendar', z.date(), new Date(-8.64e15), /is not a date and time/],
  ['a time with hour 25', z.iso.time(), '25:00', /Invalid ISO time/],
  ['a uuid with a wrong digit', z.uuid(), 'gb5f1ad3-7a2c-4c66-9a5c-0f3a1b2c3d4e', /Invalid UUID/],
  ['a uuid beyond ASCII', z.uuid(), 'ıb5f1ad3-7a2c-4c66-9a5c-0f3a1b2c3d4e', /Invalid UUID/],
  ['a uuid of no version', z.uuid(), '0b5f1ad3-7a2c-0c66-9a5c-0f3a1b2c3d4e', /Invalid UUID/],
  ['a uuid of another version', z.uuidv4(), '0b5f1ad3-7a2c-7c66-9a5c-0f3a1b2c3d4e', /Invalid/],
  ['a uuid without hyphens', z.string().meta({ postgres: 'uuid' }), '0b5f1ad37a2c4c669a5c0f3a1b2c3d4e', /is not a uuid/],
  ['a value outside the enum', z.enum(['a', 'b']), 'c', /expected one of "a"\|"b"/],
  ['too long for varchar', z.string().meta({ postgres: 'varchar(3)' }), 'abcd', /has 4 characters/],
  ['too many digits after the point', decimal(6, 2), '1.505', /3 digits after the point.*nothing is rounded/],
  ['too many digits before the point', decimal(6, 2), '10000', /5 digits before the point/],
  ['a binary fraction for money', decimal(12, 4), 0.1 + 0.2, /nothing is rounded/],
  ['NaN for money', decimal(12, 4), 'NaN', /is not a decimal number/],
  ['digits that zod did not see', z.string().meta({ postgres: 'numeric(4,1)' }), '1.55', /2 digits after the point/],
  ['NUL in JSON', z.json(), { a: 'x\0' }, /NUL character, which jsonb cannot hold/],
  ['NUL in a key of JSON', z.record(z.string(), z.string()), { 'a\0': 'x' }, /NUL character/],
  ['a lone surrogate in JSON', z.json(), ['\ud800'], /lone surrogate, which jsonb cannot hold/],
  ['JSON too deep', z.any(), deep, /nests deeper than 1000 levels/],
  ['JSON deeper than the stack', z.any(), deeper, /nests deeper than 1000 levels/],
  ['z.json() deeper than the stack', z.json(), deeper, /call stack/],
  ['z.json() too deep', z.json(), deep, /nests deeper than 1000 levels/],
  ['JSON in a circle', z.any(), circular, /circular/],
  ['NaN in JSON', z.json(), [Number.NaN], /Invalid input/],
  ['NaN within JSON', z.any(), { a: [Number.NaN] }, /not finite/],
  ['an invalid Date within JSON', z.any(), { a: new Date(Number.NaN) }, /a date that is none/],
  ['a Map within JSON', z.any(), [new Map([[1, 2]])], /contains a Map/],
  ['a function within JSON', z.any(), { a: () => 1 }, /contains a function/],
  ['a number that a double does not hold exactly, for money', decimal(38, 20), 12345678.123456789, /more digits than a JavaScript number holds exactly/],
  ['a hostile number of zeros', decimal(12, 2), `0.${'0'.repeat(1_000_000)}1`, /digits after the point/],
  ['16 MiB that are nearly base64', bytes(), `${'A'.repeat(16 * 1024 * 1024)}*`, /base64/],
  ['a null element', z.array(z.string()), ['a', null], /1: Invalid input: expected string, received null/],
  ['a NUL in an element', z.array(z.string()), ['a', 'b\0'], /element 1 contains a NUL byte/],
  ['no array', z.array(z.string()), 'a', /expected array/],
  ['bytes that are no base64', bytes(), 'a*', /base64/],
  ['an address out of range', inet(), '256.0.0.1', /IPv4 or IPv6/],
  ['an address with a zone', inet(), 'fe80::1%eth0', /IPv4 or IPv6/],
  ['an address of two gaps', inet(), '1::2::3', /IPv4 or IPv6/],
  ['host bits in a cidr', z.string().meta({ postgres: 'cidr' }), '10.0.0.1/8', /is not a network/],
  ['a refinement that throws', z.unknown().refine((value) => (value as { a: { b: boolean } }).a.b), {}, /its schema threw: Cannot read properties/],
])('%s is refused with a reason', ([, schema, value, message]) => {
  const issues = refusals(schema, value)
  expect(issues).toHaveLength(1)
  expect(issues[0]?.column).toBe('the_value')
  expect(issues[0]?.message).toMatch(message)
  expect(issues[0]?.value.length).toBeLessThanOrEqual(200)
  expect(issues[0]?.value.isWellFormed()).toBe(true)
})

describe('rows', () => {
  const Row = z.object({ id: z.int32(), name: z.string(), seen: z.iso.datetime() })
  const encoderOf = (schema: z.ZodObject) => compileEncoder(columnsOf(schema), schema)

  test('every wrong column of a row is named, and nothing of it is written', () => {
    const encoder = encoderOf(Row)
    expect(encoder.encode({ id: 1, name: 'a', seen: '2023-01-01T00:00:00Z' })).toBeNull()
    const before = encoder.bufferedBytes
    expect(encoder.encode({ id: 'x', name: 5, seen: 'never' })?.map(({ column }) => column)).toEqual(['id', 'name', 'seen'])
    expect(encoder.bufferedBytes).toBe(before)
    expect(encoder.rows).toBe(1)
  })

  test.for([[null], [undefined], ['text'], [5], [[]]])('%j is no row', ([row]) => {
    expect(encoderOf(Row).encode(row)?.[0]).toMatchObject({ column: '(row)', message: expect.stringContaining('is not an object') })
  })

  test('a refinement of the whole object is asked, beside the columns', () => {
    const Range = z
      .object({ low: z.int32(), high: z.int32(), name: z.string() })
      .refine(({ low, high }) => low <= high, { message: 'low is above high', path: ['low'] })
    const encoder = encoderOf(Range)
    expect(encoder.encode({ low: 1, high: 2, name: 'a' })).toBeNull()
    expect(encoder.encode({ low: 3, high: 2, name: 'a' })).toEqual([{ column: 'low', message: 'low is above high', value: '3' }])
    expect(encoder.encode({ low: 'x', high: 2, name: 5 })?.map(({ column }) => column)).toEqual(['low', 'name'])
    expect(encoder.encode({ low: 1, high: 2, name: 'a\0' })?.[0]).toMatchObject({ column: 'name', message: expect.stringContaining('NUL') })
  })

  test('a strict object refuses a field that it does not know', () => {
    expect(encoderOf(z.strictObject({ id: z.int32() })).encode({ id: 1, other: 2 })?.[0]).toMatchObject({
      column: '(row)',
      message: expect.stringContaining('other'),
    })
  })

  test('a stream begins anew after its end, and grows past its first buffer', () => {
    const encoder = encoderOf(Row)
    const row = { id: 1, name: 'é'.repeat(40_000), seen: '2023-01-01T00:00:00Z' }
    const stream = (): Buffer => {
      const chunks: Uint8Array[] = []
      for (let count = 0; count < 5; count++) {
        expect(encoder.encode(row)).toBeNull()
        if (count === 2) chunks.push(encoder.take())
      }
      expect(encoder.rows).toBe(5)
      return Buffer.concat([...chunks, encoder.finish()])
    }
    const first = stream()
    expect(first.subarray(0, 11)).toEqual(Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'))
    expect(first).toHaveLength(19 + 5 * (2 + 8 + 4 + 80_000 + 12) + 2)
    expect(stream()).toEqual(first)
  })
})
