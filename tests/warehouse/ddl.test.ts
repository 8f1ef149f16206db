import type pg from 'pg'
import * as z from 'zod'
import type { TableSpec } from '../../src/definitions/column-spec.ts'
import { decimal } from '../../src/definitions/column-types.ts'
import { columnsOf } from '../../src/definitions/columns.ts'
import { createIndexesSql, createPrimaryKeySql, createTableSql, planSchemaChange, readExistingColumns } from '../../src/warehouse/ddl.ts'
import { quoteIdentifier, quoteLiteral } from '../../src/warehouse/identifier.ts'
import { expect, test } from '../support/test.ts'

let tables = 0
function specOf(schema: z.ZodObject, more: Partial<TableSpec> = {}): TableSpec {
  return { schema: 'public', name: `t${String(++tables)}`, columns: columnsOf(schema), primaryKey: [], indexes: [], disposition: 'append', ...more }
}

async function run(pool: pg.Pool, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await pool.query(statement)
}

test('a table reads back as its spec, with key, indexes and comments', async ({ database: { pool } }) => {
  const schema = z.object({
    id: z.int32().nullable(),
    kind: z.enum(["it's", 'back\\slash', 'plain']).describe("the user's \\ kind"),
    tags: z.array(z.enum(['a', 'b']).nullable()),
    amount: decimal(12, 4).nullable(),
    at: z.iso.datetime(),
    ['x'.repeat(60)]: z.literal('only'),
  })
  const spec = specOf(schema, { primaryKey: ['id'], indexes: [['kind'], ['at', 'kind']], comment: 'what it is' })
  await run(pool, [...createTableSql(spec, spec), ...createPrimaryKeySql(spec, spec), ...createIndexesSql(spec, spec)])
  const existing = await readExistingColumns(pool, spec)
  expect(existing.map(({ name, type, array, nullable, allowed }) => ({ name, type, array, nullable, allowed }))).toEqual(
    spec.columns.map(({ name, type, array, nullable, allowed }) => ({ name, type, array, nullable: nullable && name !== 'id', allowed })),
  )
  expect(planSchemaChange(existing, spec)).toEqual({ statements: [], limits: [] })
  const { rows } = await pool.query(
    `SELECT obj_description($1::regclass) AS "table", col_description($1::regclass, 2) AS "column",
      (SELECT count(*)::int FROM pg_index WHERE indrelid = $1::regclass) AS indexes`,
    [spec.name],
  )
  expect(rows).toEqual([{ table: 'what it is', column: "the user's \\ kind", indexes: 3 }])
  const insert = `INSERT INTO ${spec.name} VALUES ($1, $2, $3, 0, now(), 'only')`
  await pool.query(insert, [1, 'back\\slash', ['a', null]])
  await expect(pool.query(insert, [2, 'other', ['a']])).rejects.toThrow(/kind_allowed/)
  await expect(pool.query(insert, [2, 'plain', ['a', 'c']])).rejects.toThrow(/tags_allowed/)
})

test('a table that is not there has no columns', async ({ database: { pool } }) => {
  expect(await readExistingColumns(pool, { schema: 'public', name: 'absent' })).toEqual([])
})

test('columns are added and widened with the rows kept', async ({ database: { pool } }) => {
  const before = specOf(
    z.object({
      id: z.int32(),
      small: z.int().meta({ postgres: 'smallint' }),
      ratio: z.number().meta({ postgres: 'real' }),
      amount: decimal(6, 2),
      name: z.string(),
      kind: z.enum(['a', 'b']),
      ints: z.array(z.int32()),
      code: z.string().meta({ postgres: 'varchar(3)' }),
    }),
  )
  await run(pool, createTableSql(before, before))
  await pool.query(`INSERT INTO ${before.name} VALUES (1, 2, 0.5, 1.50, 'n', 'a', '{1}', 'abc')`)
  const after = {
    ...before,
    columns: columnsOf(
      z.object({
        id: z.int(),
        small: z.int32(),
        ratio: z.number(),
        amount: decimal(10, 4),
        name: z.string().nullable(),
        kind: z.enum(['a', 'b', 'c']),
        ints: z.array(z.int()),
        code: z.string(),
        extra: z.enum(['x']).nullable().describe('new'),
      }),
    ),
  }
  const plan = planSchemaChange(await readExistingColumns(pool, before), after)
  expect(plan.problem).toBeUndefined()
  await run(pool, plan.statements)
  const existing = await readExistingColumns(pool, before)
  expect(existing.map(({ name, type, array, nullable, allowed }) => [name, type, array, nullable, allowed])).toEqual(
    after.columns.map(({ name, type, array, nullable, allowed }) => [name, type, array, nullable, allowed]),
  )
  expect(planSchemaChange(existing, after).statements).toEqual([])
  const { rows } = await pool.query(`SELECT id::text, amount::text, ratio, extra FROM ${before.name}`)
  expect(rows).toEqual([{ id: '1', amount: '1.5000', ratio: 0.5, extra: null }])
})

test.for<[string, z.ZodObject, z.ZodObject, RegExp]>([
  ['a narrowing', z.object({ a: z.int() }), z.object({ a: z.int32() }), /column a is bigint in the table and integer in the definition/],
  ['another type', z.object({ a: z.string() }), z.object({ a: z.uuid() }), /column a is text in the table and uuid/],
  ['an array', z.object({ a: z.string() }), z.object({ a: z.array(z.string()) }), /is text in the table and text\[\]/],
  ['fewer digits before the point', z.object({ a: decimal(6, 2) }), z.object({ a: decimal(6, 4) }), /numeric\(6,2\) in the table and numeric\(6,4\)/],
  ['a new column without NULL', z.object({ a: z.string() }), z.object({ a: z.string(), b: z.int() }), /new column b \(bigint\) allows no NULL/],
  ['a value no longer allowed', z.object({ a: z.enum(['x', 'y']) }), z.object({ a: z.enum(['x', 'z']) }), /column a allows y in the table/],
  ['values newly held to', z.object({ a: z.string() }), z.object({ a: z.enum(['x']) }), /column a holds any text/],
])('%s is refused by name', async ([, before, after, message], { database: { pool } }) => {
  const spec = specOf(before)
  await run(pool, createTableSql(spec, spec))
  const plan = planSchemaChange(await readExistingColumns(pool, spec), { ...spec, columns: columnsOf(after) })
  expect(plan.statements).toEqual([])
  expect(plan.problem).toMatch(message)
})

test('an empty table takes a new column without NULL, and other values', async ({ database: { pool } }) => {
  const spec = specOf(z.object({ a: z.enum(['x', 'y']) }))
  await run(pool, createTableSql(spec, spec))
  const after = { ...spec, columns: columnsOf(z.object({ a: z.enum(['x', 'z']), b: z.int() })) }
  await run(pool, planSchemaChange(await readExistingColumns(pool, spec), after, { empty: true }).statements)
  expect(planSchemaChange(await readExistingColumns(pool, spec), after)).toEqual({ statements: [], limits: [] })
})

test('a column that only the table has is kept where it allows NULL or has a default', async ({ database: { pool } }) => {
  const spec = specOf(z.object({ a: z.string() }))
  await run(pool, [...createTableSql(spec, spec), `ALTER TABLE ${spec.name} ADD b text, ADD c int NOT NULL DEFAULT 1, ADD d int GENERATED ALWAYS AS IDENTITY`])
  expect(planSchemaChange(await readExistingColumns(pool, spec), spec)).toEqual({ statements: [], limits: [] })
})

test.for([['plain'], ["it's"], ['back\\slash'], ['"quoted"'], ["E'\\'"], ['ünï; DROP TABLE x; --']])(
  '%s stays itself as a name and as a text',
  async ([text], { database: { pool } }) => {
    const { rows, fields } = await pool.query<Record<string, string>>(`SELECT ${quoteLiteral(text ?? '')} AS ${quoteIdentifier(text ?? '')}`)
    expect(fields[0]?.name).toBe(text)
    expect(Object.values(rows[0] ?? {})).toEqual([text])
  },
)

test('a NUL byte is no part of any SQL', () => {
  expect(() => quoteLiteral('a\0')).toThrow(/NUL byte/)
  expect(() => quoteIdentifier('a\0')).toThrow(/NUL byte/)
})
