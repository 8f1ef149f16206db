import { migrate } from '../../src/catalog/migrate.ts'
import { expect, test, waitFor } from '../support/test.ts'

test('a migration that waits for a long reader lets others pass, says who is in its way, and goes on once he is gone', async ({ database }) => {
  const { pool, url } = database
  const ours = '0025-process-instance.sql'
  await pool.query(`ALTER TABLE millrace.process DROP COLUMN instance`)
  await pool.query(`DELETE FROM millrace.migration WHERE name = $1`, [ours])
  await pool.query(
    `INSERT INTO millrace.process (id, role, host, pid, versions, lease_until) VALUES (gen_random_uuid(), 'worker', 'here', 1, '{}', clock_timestamp())`,
  )
  const reader = await pool.connect()
  await reader.query(`BEGIN; SET LOCAL application_name = 'a long look'; SELECT FROM millrace.process`)
  const pid = (await reader.query<{ pid: number }>(`SELECT pg_backend_pid() AS pid`)).rows[0]?.pid ?? 0
  const options = { databaseUrl: url, queuesInPostgres: false }
  const told: string[] = []
  let migrating: Promise<unknown> | undefined
  try {
    await expect(migrate({ ...options, stopped: Promise.resolve() })).rejects.toMatchObject({ code: 'INTERRUPTED' })
    migrating = migrate({ ...options, log: (message) => told.push(message) })
    await waitFor(() => Promise.resolve(told.length > 0), { what: 'the migration to give up for a moment' })
    expect(told[0]).toMatch(new RegExp(`^The migration ${ours} waits .* server process ${String(pid)} \\(a long look\\) for \\d+ s, on process\\.$`))
    // As a worker renews its lease; behind a migration that waits it would for as long as the reader reads.
    expect((await pool.query(`UPDATE millrace.process SET lease_until = clock_timestamp()`)).rowCount).toBe(1)
  } finally {
    await reader.query('COMMIT')
    reader.release()
  }
  expect(await migrating).toMatchObject([{ applied: [ours] }, { applied: [] }])
})
