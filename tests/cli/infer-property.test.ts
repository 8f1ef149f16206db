import fc from 'fast-check'
import { columnsOf } from '../../src/definitions/columns.ts'
import { quoteIdentifier } from '../../src/warehouse/identifier.ts'
import { describe, expect, test } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'
import { copyRows } from '../warehouse/encoder/copy-rows.ts'
import { evaluated, inferredOf } from './infer-in-process.ts'

const two = (number: number): string => String(number).padStart(2, '0')
const date = fc.date({ min: new Date('1800-01-01'), max: new Date('2200-01-01'), noInvalidDate: true })
const day = date.map((one) => one.toISOString().slice(0, 10))
const clock = fc.tuple(fc.nat(23), fc.nat(59), fc.nat(59)).map((parts) => parts.map(two).join(':'))
// Text that nobody takes for anything else, with all that a CSV must quote.
const text = fc.string({ unit: fc.constantFrom('a', 'é', '😀', '"', ',', '\n', '\r\n', ';', "'", ' ', '\\', '1'), maxLength: 12 }).map((one) => `txt${one}`)
const decimal = fc.tuple(fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }), fc.nat(9)).map(([whole, scale]) => {
  const digits = (whole < 0n ? -whole : whole).toString().padStart(scale + 1, '0')
  return `${whole < 0n ? '-' : ''}${digits.slice(0, digits.length - scale)}${scale === 0 ? '' : `.${digits.slice(-scale)}`}`
})

/** Of each kind of column, its values as text that Postgres itself reads. */
const texts: Readonly<Record<string, fc.Arbitrary<string>>> = {
  int: fc.integer().map(String),
  large: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  decimal,
  double: fc.double({ noNaN: true, noDefaultInfinity: true }).map((one) => one.toExponential()),
  boolean: fc.constantFrom('true', 'False', 'TRUE', 'false'),
  day,
  moment: fc
    .tuple(day, clock, fc.constantFrom('T', ' '), fc.constantFrom('Z', '+02:00', '-0530', '+01'))
    .map(([a, b, between, zone]) => `${a}${between}${b}${zone}`),
  clock,
  uuid: fc.uuid(),
  inet: fc.oneof(fc.ipV4(), fc.ipV6()),
  json: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.oneof(fc.integer(), fc.boolean(), text, fc.constant(null))).map((one) => JSON.stringify(one)),
  text,
  code: fc.nat(99_999).map((one) => String(one).padStart(5, '0')),
}

const csvTable = fc.array(fc.constantFrom(...Object.keys(texts)), { minLength: 1, maxLength: 6 }).chain((kinds) =>
  fc.record({
    names: fc.uniqueArray(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).filter((name) => name.trim() === name && !/[\0\r\n\uFEFF]/.test(name)),
      {
        minLength: kinds.length,
        maxLength: kinds.length,
      },
    ),
    rows: fc.array(fc.tuple(...kinds.map((kind) => fc.option(texts[kind] ?? text, { nil: '', freq: 6 }))), { minLength: 1, maxLength: 20 }),
  }),
)

const quoted = (value: string): string => `"${value.replaceAll('"', '""')}"`

/** Rows that Postgres has of one table and not of the other. */
async function differences(pool: TestDatabase['pool'], one: string, other: string): Promise<unknown[]> {
  const { rows } = await pool.query(
    `(SELECT * FROM ${one} EXCEPT ALL SELECT * FROM ${other}) UNION ALL (SELECT * FROM ${other} EXCEPT ALL SELECT * FROM ${one})`,
  )
  return rows
}

const runs = { numRuns: 40 }

describe('what infer prints of random rows', () => {
  test('as CSV takes every row, and Postgres has what it reads of the same text itself', async ({ database: { pool } }) => {
    let number = 0
    await fc.assert(
      fc.asyncProperty(csvTable, async ({ names, rows }) => {
        number += 1
        const content = [names, ...rows].map((row) => `${row.map(quoted).join(',')}\n`).join('')
        const { schema, transform } = evaluated(await inferredOf('rows.csv', content, { dialect: { delimiter: ',', header: true } }))
        const loaded = `csv_${String(number)}`
        const records = rows.map((row) => transform(Object.fromEntries(names.map((name, index) => [name, row[index]]))))
        await copyRows(pool, loaded, schema, records, 'binary')
        await pool.query(`CREATE TABLE ${loaded}_text (LIKE ${loaded})`)
        for (const row of rows) {
          await pool.query(
            `INSERT INTO ${loaded}_text VALUES (${row.map((_, index) => `$${String(index + 1)}`).join(', ')})`,
            row.map((value) => (value === '' ? null : value)),
          )
        }
        expect(await differences(pool, loaded, `${loaded}_text`)).toEqual([])
      }),
      runs,
    )
  })

  const scalar = fc.oneof(fc.integer(), fc.boolean(), text)
  const values: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    int: fc.integer(),
    number: fc.double({ noNaN: true, noDefaultInfinity: true }).map((one) => (one === 0 ? 0 : one)),
    amount: fc.tuple(fc.integer({ min: -1e9, max: 1e9 }), fc.nat(4)).map(([whole, scale]) => whole / 10 ** scale),
    boolean: fc.boolean(),
    text,
    day,
    moment: fc.tuple(day, clock).map(([a, b]) => `${a}T${b}Z`),
    uuid: fc.uuid(),
    ints: fc.array(fc.integer(), { maxLength: 4 }),
    texts: fc.array(fc.option(text), { maxLength: 4 }),
    object: fc.dictionary(fc.constantFrom('a', 'b'), fc.oneof(scalar, fc.array(scalar))),
    mixed: fc.oneof(scalar, fc.array(scalar), fc.dictionary(fc.constantFrom('a'), scalar)),
  }
  const jsonRows = fc.array(fc.constantFrom(...Object.keys(values)), { minLength: 1, maxLength: 6 }).chain((kinds) =>
    fc.array(
      fc.record(Object.fromEntries(kinds.map((kind, index) => [`c${String(index)}`, fc.option(values[kind] ?? text, { freq: 6 })])), { requiredKeys: ['c0'] }),
      {
        minLength: 1,
        maxLength: 20,
      },
    ),
  )

  test('as JSON takes every record, and Postgres has what it makes of the same JSON itself', async ({ database: { pool } }) => {
    let number = 0
    await fc.assert(
      fc.asyncProperty(jsonRows, async (records) => {
        number += 1
        const { schema, transform } = evaluated(await inferredOf('rows.json', JSON.stringify({ data: records })))
        const loaded = `json_${String(number)}`
        await copyRows(
          pool,
          loaded,
          schema,
          records.map((record) => transform(record)),
          'binary',
        )
        const names = columnsOf(schema).map((column) => quoteIdentifier(column.name))
        await pool.query(`CREATE TABLE ${loaded}_json AS SELECT ${names.join(', ')} FROM jsonb_populate_recordset(null::${loaded}, $1::text::jsonb)`, [
          JSON.stringify(records),
        ])
        expect(await differences(pool, loaded, `${loaded}_json`)).toEqual([])
      }),
      runs,
    )
  })
})
