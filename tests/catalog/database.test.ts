import { createPool, transaction } from '../../src/catalog/database.ts'
import type { PoolOptions } from '../../src/catalog/database.ts'
import { isConnectionLoss } from '../../src/workers/failure.ts'
import { testLogger } from '../support/engine.ts'
import { expect, onTestFinished, test } from '../support/test.ts'
import { startForgetfulRelay } from './forgetful-relay.ts'

function poolOf(url: string, more: Partial<PoolOptions> = {}) {
  const pool = createPool({ url, max: 1, name: 'pool test', logger: testLogger, ...more })
  onTestFinished(() => pool.end())
  return pool
}

test('a query to a server that vanished without a word fails as a lost connection, and the next one has another', async ({ database }) => {
  const relay = await startForgetfulRelay(database.url)
  const pool = poolOf(relay.url, { queryTimeoutMs: 2000 })
  const lost = expect.toSatisfy(isConnectionLoss)
  await pool.query('SELECT 1')
  relay.forget()
  await expect(pool.query('SELECT 1')).rejects.toEqual(lost)
  expect((await pool.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }])
  const inside = transaction(pool, async (client) => {
    relay.forget()
    await client.query('SELECT 1')
  })
  await expect(inside).rejects.toEqual(lost)
  expect((await transaction(pool, (client) => client.query('SELECT 3 AS three'))).rows).toEqual([{ three: 3 }])
})

test('a pool asks after silent peers early, and gives queries 15 s unless told otherwise', ({ database }) => {
  expect(poolOf(database.url).options).toMatchObject({ query_timeout: 15_000, keepAlive: true, keepAliveInitialDelayMillis: 10_000 })
  expect(poolOf(database.url, { queryTimeoutMs: 0 }).options).toMatchObject({ query_timeout: 0 })
})

test('a connection keeps the plan of a query with values, once, and of none without', async ({ database }) => {
  const pool = poolOf(database.url)
  for (const value of [1, 2, 3]) expect((await pool.query('SELECT $1::int AS value', [value])).rows).toEqual([{ value }])
  await pool.query('SELECT 4')
  const inside = await transaction(pool, (client) => client.query(`SELECT statement, generic_plans + custom_plans AS used FROM pg_prepared_statements`))
  expect(inside.rows).toEqual([{ statement: 'SELECT $1::int AS value', used: '3' }])
})

test('a connection that was asked hundreds of different queries keeps a bounded number of plans, and answers all', async ({ database }) => {
  const pool = poolOf(database.url)
  for (let n = 0; n < 250; n += 1) expect((await pool.query(`SELECT $1::int + ${String(n)} AS sum`, [1])).rows).toEqual([{ sum: n + 1 }])
  expect((await pool.query('SELECT count(*)::int AS kept FROM pg_prepared_statements')).rows).toEqual([{ kept: 200 }])
})

test('a pool told to keep no plans keeps none', async ({ database }) => {
  const pool = poolOf(database.url, { plansKept: false })
  await pool.query('SELECT $1::int', [1])
  expect((await pool.query('SELECT count(*)::int AS kept FROM pg_prepared_statements')).rows).toEqual([{ kept: 0 }])
})
