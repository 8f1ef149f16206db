import { ensureSchema } from '../../src/warehouse/locks.ts'
import { expect, test, waitFor } from '../support/test.ts'

test('a schema that another session makes in the meantime is taken', async ({ database: { pool } }) => {
  const [one, other] = [await pool.connect(), await pool.connect()]
  try {
    // What is the first DDL of a session looks at the catalog anew; every later one may not.
    await other.query('CREATE SCHEMA before')
    await one.query('BEGIN')
    expect(await ensureSchema(one, 'meantime')).toHaveLength(1)
    await other.query('BEGIN')
    const { rows } = await other.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const making = ensureSchema(other, 'meantime')
    const waiting = `SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'advisory'`
    await waitFor(async () => (await pool.query(waiting, [rows[0]?.pid])).rows.length > 0, { what: 'the other to wait for the schema' })
    await one.query('COMMIT')
    expect(await making).toEqual([])
    await other.query('COMMIT')
  } finally {
    for (const client of [one, other]) client.release(true)
  }
})
