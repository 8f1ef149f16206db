import { migrate } from '../../src/catalog/migrate.ts'
import { readBackfill } from '../../src/catalog/read/backfills.ts'
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

test('backfills that were begun before their parts were counted are counted, and go on to be', async ({ database: { pool, url } }) => {
  await pool.query(`ALTER TABLE millrace.backfill DROP COLUMN units; DROP TABLE millrace.backfill_count; DROP FUNCTION millrace.count_backfill_parts CASCADE`)
  await pool.query(`DELETE FROM millrace.migration WHERE name = '0026-backfill-counts.sql'`)
  const { rows } = await pool.query<{ id: string }>(
    `INSERT INTO millrace.backfill (location, assets, plan, runs_at_once, launched_by) VALUES ('shop', '{shop/sales}', '{"units": [{}]}', 1, 'test') RETURNING id`,
  )
  const id = rows[0]?.id ?? ''
  await pool.query(
    `INSERT INTO millrace.backfill_part SELECT $1, 0, n, n::text, CASE WHEN n < 3 THEN 'succeeded' ELSE 'waiting' END FROM generate_series(0, 9) n`,
    [id],
  )
  await migrate({ databaseUrl: url, queuesInPostgres: false })
  expect((await readBackfill(pool, id))?.counts).toMatchObject({ succeeded: 3, waiting: 7, running: 0 })
  await pool.query(`UPDATE millrace.backfill_part SET status = 'running' WHERE status = 'waiting' AND ordinal < 5`)
  expect(await readBackfill(pool, id)).toMatchObject({ counts: { succeeded: 3, waiting: 5, running: 2 }, unit: 1, units: 1 })
  await pool.query(`UPDATE millrace.backfill_part SET status = 'skipped' WHERE status <> 'succeeded'`)
  expect(await readBackfill(pool, id)).toMatchObject({ counts: { succeeded: 3, waiting: 0, running: 0, skipped: 7 }, unit: null })
  expect((await pool.query(`DELETE FROM millrace.backfill`)).rowCount).toBe(1)
})
