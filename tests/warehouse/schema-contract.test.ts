import * as z from 'zod'
import { unique } from '../../src/definitions/check.ts'
import { decimal } from '../../src/definitions/column-types.ts'
import type { SchemaContractOption } from '../../src/definitions/schema-contract.ts'
import { expect, test } from '../support/test.ts'
import { drive } from './drive-load.ts'

const Before = z.object({ id: z.int32(), price: decimal(4, 2).nullable(), kind: z.enum(['a', 'b']).nullable(), old: z.string() })
const After = z.object({ id: z.int32(), price: decimal(8, 2).nullable(), kind: z.enum(['a', 'b', 'c']).nullable(), extra: z.string().nullish() })
const fits = { id: 2, price: '2.50', kind: 'b' }
const large = { id: 3, price: '12345.00', kind: 'a' }
const other = { id: 4, price: '4.00', kind: 'c' }
const more = { id: 5, price: null, kind: null, extra: 'more' }

let names = 0
function defined(columns: z.ZodObject, schemaContract?: SchemaContractOption) {
  return { key: `contract/t${String(names)}`, columns, quarantine: true as const, ...(schemaContract === undefined ? {} : { schemaContract }) }
}
const next = (): string => `contract.t${String(++names)}`

test('evolve, the default: columns are added and widened, and one that the definition lost allows NULL', async ({ database: { pool } }) => {
  const name = next()
  await drive(pool, defined(Before), [{ id: 1, price: '1.00', kind: 'a', old: 'kept' }])
  const { ddl, limits, issues } = await drive(pool, defined(After), [fits, large, other, more])
  expect({ limits, issues }).toEqual({ limits: [], issues: [] })
  expect(ddl).toHaveLength(1)
  expect(ddl[0]).toMatch(/"price" TYPE numeric\(8,2\).*"kind_allowed".*ADD COLUMN "extra" text.*"old" DROP NOT NULL/s)
  expect((await drive(pool, defined(After), [])).ddl).toEqual([])
  const { rows } = await pool.query(`SELECT id, price::text, kind, extra, old FROM ${name} ORDER BY id`)
  expect(rows).toEqual([
    { id: 1, price: '1.00', kind: 'a', extra: null, old: 'kept' },
    { ...fits, extra: null, old: null },
    { ...large, extra: null, old: null },
    { ...other, extra: null, old: null },
    { ...more, old: null },
  ])
})

test('freeze: every difference is named with both types before a row is taken, and nothing is changed', async ({ database: { pool } }) => {
  const name = next()
  await drive(pool, defined(Before, 'freeze'), [{ id: 1, price: '1.00', kind: 'a', old: 'x' }])
  expect((await drive(pool, defined(Before, 'freeze'), [])).ddl).toEqual([])
  await expect(drive(pool, defined(After, 'freeze'), [fits])).rejects.toMatchObject({
    code: 'SCHEMA_FROZEN',
    message:
      `${name} cannot take the rows of this asset: Its schema is frozen, and the column price is numeric(4,2) in the table and numeric(8,2) in the definition; ` +
      'the column kind is one of a, b in the table and one of a, b, c in the definition; the column extra is not in the table and text in the definition; ' +
      'the column old is text in the table and not in the definition.',
  })
  expect((await pool.query(`SELECT count(*)::int AS n FROM ${name}`)).rows).toEqual([{ n: 1 }])
})

test.for<[keyof Exclude<SchemaContractOption, string>, RegExp]>([
  ['newColumns', /the column extra is not in the table and text in the definition/],
  ['types', /the column price is numeric\(4,2\) in the table/],
  ['droppedColumns', /the column old is text in the table and not in the definition/],
])('%s alone may be frozen', async ([part, message], { database: { pool } }) => {
  next()
  await drive(pool, defined(Before), [])
  await expect(drive(pool, defined(After, { [part]: 'freeze' }), [fits])).rejects.toThrow(message)
})

test('discard_row: a row with a value that the table cannot take is refused by column, and the table stays', async ({ database: { pool } }) => {
  const name = next()
  const contract = { newColumns: 'discard_row', types: 'discard_row' } as const
  await drive(pool, defined(Before), [])
  const { ddl, issues, notes } = await drive(pool, defined(After, contract), [fits, large, other, more])
  expect(ddl).toEqual([expect.stringMatching(/^ALTER TABLE \S+\s+ALTER COLUMN "old" DROP NOT NULL$/)])
  expect(notes).toBeUndefined()
  expect(issues.map(({ column, message }) => [column, message])).toEqual([
    ['price', expect.stringMatching(/; the table’s column is numeric\(4,2\), and the contract keeps it so$/)],
    ['kind', 'is none of a, b; the table’s column is text, and the contract keeps it so'],
    ['extra', 'is no column of the table, and the contract discards such records'],
  ])
  expect((await pool.query(`SELECT id, price::text, kind FROM ${name}`)).rows).toEqual([fits])
})

test.for(['append', 'replace', 'merge'] as const)(
  'discard_value: a value that the table cannot take is left out and counted, by %s',
  async (disposition, { database: { pool } }) => {
    const name = next()
    const contract = { newColumns: 'discard_value', types: 'discard_value' } as const
    const how = { primaryKey: ['id'], write: { disposition } }
    await drive(pool, { ...defined(Before.omit({ old: true })), ...how }, [])
    const loaded = await drive(pool, { ...defined(After, contract), ...how }, [fits, large, other, more])
    expect(loaded).toMatchObject({ ddl: [], issues: [], notes: { discardedValues: { price: 1, kind: 1, extra: 1 } } })
    expect((await pool.query(`SELECT id, price::text, kind FROM ${name} ORDER BY id`)).rows).toEqual([
      fits,
      { ...large, price: null },
      { ...other, kind: null },
      { id: 5, price: null, kind: null },
    ])
    // Once the contract lets it, the table gets what it lacked.
    const evolved = await drive(pool, { ...defined(After), ...how }, [{ ...more, id: 6 }])
    expect(evolved.ddl).toHaveLength(1)
    expect((await pool.query(`SELECT extra FROM ${name} WHERE id = 6`)).rows).toEqual([{ extra: 'more' }])
  },
)

test('discard_value does not make a type up: what never widens is left out too, and a column without NULL refuses the row', async ({ database: { pool } }) => {
  const name = next()
  await drive(pool, defined(z.object({ id: z.int32(), a: z.int32().nullable(), b: z.int32() })), [])
  const { issues, notes } = await drive(pool, defined(z.object({ id: z.int32(), a: z.string(), b: z.string() }), { types: 'discard_value' }), [
    { id: 1, a: 'one', b: '1' },
    { id: 2, a: '2', b: 'two' },
  ])
  expect(issues.map(({ column }) => column)).toEqual(['b'])
  expect(notes).toEqual({ discardedValues: { a: 1 } })
  expect((await pool.query(`SELECT * FROM ${name}`)).rows).toEqual([{ id: 1, a: null, b: 1 }])
})

test.for<[SchemaContractOption | undefined, number, unknown]>([
  [undefined, 2, { unknownFields: { surplus: 2, '(x)': 1 } }],
  [{ unknownFields: 'discard_value' }, 2, { unknownFields: { surplus: 2, '(x)': 1 } }],
  [{ unknownFields: 'discard_row' }, 0, undefined],
  [{ unknownFields: 'freeze' }, 0, undefined],
])('fields that the definition does not have, under %j', async ([contract, loaded, notes], { database: { pool } }) => {
  const name = next()
  const columns = z.object({ id: z.int32(), note: z.string().nullish() })
  const driven = await drive(pool, defined(columns, contract), [
    { id: 1, surplus: 1, note: undefined },
    { id: 2, surplus: null, ['(x)']: [] },
  ])
  expect(driven.notes).toEqual(notes)
  const frozen = typeof contract === 'object' && contract.unknownFields === 'freeze' ? true : undefined
  expect(driven.issues.map((issue) => [issue.column, issue.frozen])).toEqual(
    loaded === 2
      ? []
      : [
          ['surplus', frozen],
          ['surplus', frozen],
          ['(x)', frozen],
        ],
  )
  expect((await pool.query(`SELECT count(*)::int AS n FROM ${name}`)).rows).toEqual([{ n: loaded }])
})

test('a source that invents fields is counted up to a number of names', async ({ database: { pool } }) => {
  next()
  const rows = Array.from({ length: 2500 }, (_, index) => ({ id: index, [`field ${String(index)}`]: 1 }))
  const { notes } = await drive(pool, defined(z.object({ id: z.int32() })), rows)
  const counts = Object.values(notes?.unknownFields ?? {})
  expect(counts).toHaveLength(101)
  expect(counts.reduce((sum, one) => sum + one, 0)).toBe(2500)
})

test('a contract cannot keep the table from a column that the asset is written or checked by', async ({ database: { pool } }) => {
  next()
  await drive(pool, defined(z.object({ id: z.int32() })), [])
  const seen = z.object({ id: z.int32(), seen: z.int32().nullable() })
  const merged = { ...defined(seen, 'discard_value'), primaryKey: ['id'], write: { disposition: 'merge' as const, newestBy: 'seen' } }
  await expect(drive(pool, merged, [])).rejects.toThrow(/the column seen is not in the table and integer in the definition, and the asset cannot be written/)
  await expect(drive(pool, { ...defined(seen, 'discard_value'), checks: [unique('seen')] }, [])).rejects.toMatchObject({ code: 'SCHEMA_CHANGE_REFUSED' })
})
