import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import * as z from 'zod'
import { bytes, decimal, inet } from '../../../src/definitions/column-types.ts'
import { columnsOf } from '../../../src/definitions/columns.ts'
import { compileEncoder } from '../../../src/warehouse/encoder/compile-encoder.ts'
import { expect, test } from '../../support/test.ts'
import { copyRows, insertRows, printedRows } from './copy-rows.ts'
import type { Row } from './copy-rows.ts'

const text = fc.string({ unit: 'binary', maxLength: 30 }).map((one) => one.replaceAll('\0', ''))
const double = fc.double({ noNaN: true, noDefaultInfinity: true })
const day = fc.date({ min: new Date('0002-01-01T00:00:00Z'), max: new Date('9998-12-31T00:00:00Z'), noInvalidDate: true })
const micros = fc.integer({ min: 0, max: 86_399_999_999 }).map((one) => {
  const at = Math.floor(one / 1000)
  return `${new Date(at).toISOString().slice(11, 23)}${String(one % 1000).padStart(3, '0')}`
})
const offset = fc.integer({ min: -839, max: 839 }).map((one) => {
  const minutes = Math.abs(one)
  return `${one < 0 ? '-' : '+'}${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
})
const digits = (whole: number, fraction: number): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom('', '-', '+'),
      fc.stringMatching(new RegExp(`^[0-9]{1,${String(whole)}}$`)),
      fc.stringMatching(new RegExp(`^[0-9]{1,${String(fraction)}}$`)),
    )
    .map(([sign, before, after]) => `${sign}${before}.${after}`)
const storable = fc.jsonValue({ maxDepth: 4 }).map((one) => JSON.parse(JSON.stringify(one).replaceAll(/\\u0000|\\ud[89a-f]../g, '')) as unknown)

/** Every type that a column may be of, with values of it. */
const types: Readonly<Record<string, readonly [z.ZodType, fc.Arbitrary<unknown>]>> = {
  text: [z.string(), text],
  short: [z.string().meta({ postgres: 'varchar(12)' }), fc.string({ unit: 'grapheme', maxLength: 3 }).map((one) => [...one.replaceAll('\0', '')].slice(0, 12).join(''))],
  folded: [z.string().meta({ postgres: 'citext' }), text],
  uuid: [z.guid(), fc.uuid()],
  flag: [z.boolean(), fc.boolean()],
  tiny: [z.int().meta({ postgres: 'smallint' }), fc.integer({ min: -32_768, max: 32_767 })],
  small: [z.int32(), fc.integer()],
  whole: [z.int(), fc.maxSafeInteger()],
  large: [z.bigint(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  ratio: [z.number(), double],
  single: [z.number().meta({ postgres: 'real' }), fc.float({ noNaN: true, noDefaultInfinity: true })],
  amount: [decimal(20, 6), digits(14, 6)],
  free: [z.string().meta({ postgres: 'numeric' }), digits(60, 60)],
  day: [z.iso.date(), day.map((one) => one.toISOString().slice(0, 10))],
  clock: [z.iso.time(), micros],
  moment: [z.iso.datetime({ offset: true }), fc.tuple(day, micros, fc.oneof(fc.constant('Z'), offset)).map(([at, clock, zone]) => `${at.toISOString().slice(0, 11)}${clock}${zone}`)],
  instant: [z.date(), day],
  json: [z.json(), storable],
  any: [z.any(), storable],
  object: [z.object({ a: z.number(), b: z.array(z.string()).optional() }), fc.record({ a: double, b: fc.array(text, { maxLength: 3 }) }, { requiredKeys: ['a'] })],
  content: [bytes(), fc.uint8Array({ maxLength: 30 }).map((one) => Buffer.from(one))],
  address: [inet(), fc.oneof(fc.ipV4(), fc.ipV4().map((one) => `${one}/12`), fc.ipV6().map((one) => one.replace(/%.*/, '')))],
  size: [z.enum(['S', "L'", '\\N', 'ü']), fc.constantFrom('S', "L'", '\\N', 'ü')],
} // prettier-ignore

const scalar = Object.entries(types)
// An array of JSON is JSON, and citext's array has no OID that we know.
const listed = scalar.filter(([name]) => !['json', 'any', 'object', 'folded'].includes(name))
const shape: Record<string, z.ZodType> = { id: z.int32() }
const values: Record<string, fc.Arbitrary<unknown>> = {}
for (const [name, [schema, arbitrary]] of scalar) {
  shape[name] = schema
  values[name] = arbitrary
  shape[`${name}OrNull`] = schema.nullish()
  values[`${name}OrNull`] = fc.option(arbitrary, { freq: 2 })
}
for (const [name, [schema, arbitrary]] of listed) {
  shape[`${name}s`] = z.array(schema.nullable()).nullish()
  values[`${name}s`] = fc.option(fc.array(fc.option(arbitrary), { maxLength: 4 }))
}
const Every = z.object(shape)
const seed = Number(process.env['SEED'] ?? randomBytes(4).readUInt32BE())

test('random rows of every type, NULLs and arrays read back from binary and from text COPY as from an INSERT', async ({ database: { pool } }) => {
  await pool.query('CREATE EXTENSION citext')
  const rows = fc.sample(fc.record(values), { numRuns: 150, seed }).map((row, id): Row => ({ ...row, id }))
  await insertRows(pool, 'every_insert', Every, rows)
  await copyRows(pool, 'every_binary', Every, rows, 'binary')
  await copyRows(pool, 'every_text', Every, rows, 'text')
  const expected = await printedRows(pool, 'every_insert', Every)
  expect(expected).toHaveLength(rows.length)
  expect(await printedRows(pool, 'every_binary', Every), `SEED=${String(seed)}`).toEqual(expected)
  expect(await printedRows(pool, 'every_text', Every), `SEED=${String(seed)}`).toEqual(expected)
})

test('whatever JSON is given for every type, what the encoder lets through Postgres takes', async ({ database: { pool } }) => {
  const optional = z.object({
    id: z.int32(),
    ...Object.fromEntries(Object.entries(Every.shape).flatMap(([name, schema]) => (name === 'id' ? [] : [[name, schema.nullish()]]))),
  })
  const names = Object.keys(Every.shape).filter((name) => name !== 'id')
  const anything = fc.oneof(
    fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true, withSparseArray: true, withTypedArray: true, maxDepth: 3 }),
    fc.oneof(...Object.values(types).map((type) => type[1])),
    fc.string({ unit: 'binary' }),
    fc.stringMatching(/^[-+]?[0-9_.eE: TZ/-]{1,20}$/),
    fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.double(), fc.constant(null))),
  )
  const given = fc.sample(fc.record({ name: fc.constantFrom(...names), value: anything }), { numRuns: 3000, seed })
  const encoder = compileEncoder(columnsOf(optional), optional)
  const taken = given.map(({ name, value }, id): Row => ({ id, [name]: value })).filter((row) => encoder.encode(row) === null)
  expect(taken.length, `SEED=${String(seed)}`).toBeGreaterThan(100)
  expect(taken.length, `SEED=${String(seed)}`).toBeLessThan(2900)
  for (const format of ['binary', 'text'] as const) await copyRows(pool, `anything_${format}`, optional, taken, format)
  const [binary, asText] = [await printedRows(pool, 'anything_binary', optional), await printedRows(pool, 'anything_text', optional)]
  expect(binary, `SEED=${String(seed)}`).toHaveLength(taken.length)
  expect(asText, `SEED=${String(seed)}`).toEqual(binary)
})
