import type pg from 'pg'
import { compareTables } from '../../bench/data/compare.ts'
import { expect, test } from '../support/test.ts'

let tables = 0
/** Two tables with the same 100 rows. */
async function twins(pool: pg.Pool): Promise<{ reference: string; table: string }> {
  tables += 1
  const [reference, table] = [`public.right_${String(tables)}`, `public.left_${String(tables)}`]
  await pool.query(`CREATE TABLE ${reference} AS SELECT n::bigint AS id, 'name ' || n AS name, nullif(n % 3, 0) AS rest FROM generate_series(1, 100) n`)
  await pool.query(`CREATE TABLE ${table} AS SELECT * FROM ${reference} ORDER BY id DESC`)
  return { reference, table }
}

test('the same rows in another order are equal', async ({ database: { pool } }) => {
  expect(await compareTables(pool, await twins(pool))).toEqual({ equal: true, verdict: 'equal' })
})

test.for([
  { what: 'one letter', change: `SET name = 'Name 7' WHERE id = 7`, verdict: '**differ** in name' },
  { what: 'a NULL that became a value', change: `SET rest = 0 WHERE id = 3`, verdict: '**differ** in rest' },
  { what: 'a text that became NULL', change: `SET name = NULL WHERE id = 3`, verdict: '**differ** in name' },
  {
    what: 'values that changed places',
    change: `SET name = 'name ' || 3 - id WHERE id IN (1, 2)`,
    verdict: '**differ** in which values stand in one row',
  },
])('$what is seen', async ({ change, verdict }, { database: { pool } }) => {
  const { reference, table } = await twins(pool)
  await pool.query(`UPDATE ${table} ${change}`)
  expect(await compareTables(pool, { reference, table })).toEqual({ equal: false, verdict })
})

test('a row too few, and one that is there twice, are seen', async ({ database: { pool } }) => {
  const few = await twins(pool)
  await pool.query(`DELETE FROM ${few.table} WHERE id = 50`)
  expect(await compareTables(pool, few)).toEqual({ equal: false, verdict: '**99 rows**, not 100' })
  await pool.query(`INSERT INTO ${few.table} SELECT * FROM ${few.table} WHERE id = 51`)
  expect(await compareTables(pool, few)).toEqual({ equal: false, verdict: '**differ** in id, name, rest' })
})

test('other types are named, and compared as the query casts them', async ({ database: { pool } }) => {
  const { reference, table } = await twins(pool)
  await pool.query(`ALTER TABLE ${table} ALTER id TYPE text, ALTER rest TYPE jsonb USING to_jsonb(rest)`)
  const query = `SELECT id::bigint, name, rest::int FROM ${table}`
  expect(await compareTables(pool, { reference, table, query })).toEqual({ equal: true, verdict: 'equal after casts (id text, rest jsonb)' })
})
