import { readdir, readFile } from 'node:fs/promises'
import type pg from 'pg'
import { migrate } from '../../src/catalog/migrate.ts'
import { readEventPage } from '../../src/catalog/read/events.ts'
import { insertLocation, insertRun } from '../cli/catalog-rows.ts'
import { createDatabase, expect, test } from '../support/test.ts'

const folder = new URL('../../src/catalog/migrations/', import.meta.url)
const ours = '0010-events-by-day.sql'

/** The catalogue as it was before events were kept by day, with its migrations written down. */
async function before(pool: pg.Pool): Promise<void> {
  await pool.query(`CREATE SCHEMA millrace`)
  await pool.query(`CREATE TABLE millrace.migration (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`)
  for (const name of (await readdir(folder)).toSorted().filter((one) => one < ours)) {
    const sql = await readFile(new URL(name, folder), 'utf8')
    await pool.query(`BEGIN; SET LOCAL search_path TO millrace; ${sql}; COMMIT`)
    await pool.query(`INSERT INTO millrace.migration (name, checksum) VALUES ($1, encode(sha256($2::bytea), 'hex'))`, [name, Buffer.from(sql)])
  }
}

test('events from before lie by day, with their ids and in their order, and later ones follow', async () => {
  const { url, pool } = await createDatabase('template0')
  try {
    await before(pool)
    await insertLocation(pool)
    const runId = '11111111-0000-4000-8000-000000000001'
    await insertRun(pool, runId, 'succeeded', new Date(Date.now() - 40 * 86_400_000).toISOString())
    const say = (days: number, kind: string, level = 'info') =>
      pool.query(
        `INSERT INTO millrace.event (at, run_id, kind, level, message, data) VALUES (now() - $2 * interval '1 day', $1, $3, $4, $3 || ' ' || $2, '{"a":[1]}')`,
        [runId, days, kind, level],
      )
    await say(40, 'run started')
    await say(40, 'log', 'debug')
    await say(39.9, 'log', 'warn')
    // Written while nobody looked: far later than the run's end, and longer ago than any day that gets a partition.
    await say(3, 'quarantine')
    await say(400, 'log')
    const old = (await pool.query(`SELECT id, at, run_id, kind, level, message, data FROM millrace.event ORDER BY id`)).rows as unknown[]
    await migrate({ databaseUrl: url, queuesInPostgres: false })

    expect((await pool.query(`SELECT id, at, run_id, kind, level, message, data FROM millrace.event ORDER BY id`)).rows).toEqual(old)
    const { rows: places } = await pool.query<{ place: string; day: string; kind: string }>(
      `SELECT tableoid::regclass::text AS place, to_char(at AT TIME ZONE 'UTC', 'YYYYMMDD') AS day, kind FROM millrace.event ORDER BY id`,
    )
    expect(places.map(({ place }) => place)).toEqual([
      `millrace.event_history_${places[0]?.day ?? ''}`,
      `millrace.event_debug_${places[1]?.day ?? ''}`,
      `millrace.event_log_${places[2]?.day ?? ''}`,
      `millrace.event_history_${places[3]?.day ?? ''}`,
      'millrace.event_log_other',
    ])
    // As the version before writes and reads, while workers are redeployed.
    await pool.query(`INSERT INTO millrace.event (run_id, step_id, asset, kind, level, message, data) VALUES ($1, NULL, NULL, 'log', 'debug', 'new', '{}')`, [
      runId,
    ])
    const rows = (
      await pool.query<{ id: string; message: string }>(`SELECT id::text, message FROM millrace.event WHERE run_id = $1 AND id > 0 ORDER BY id`, [runId])
    ).rows
    expect(rows.map(({ id, message }) => `${id} ${message}`)).toEqual(['1 run started 40', '2 log 40', '3 log 39.9', '4 quarantine 3', '5 log 400', '6 new'])
    // Its range reaches over all that were there.
    const page = await readEventPage(pool, runId, { after: '0', limit: 10 })
    expect(page?.events.map(({ id }) => id)).toEqual(['1', '2', '3', '4', '5'])
    // A run goes without its events being looked for.
    await pool.query(`DELETE FROM millrace.run WHERE id = $1`, [runId])
    expect((await pool.query(`SELECT 1 FROM millrace.event`)).rowCount).toBe(6)
  } finally {
    await pool.end()
  }
})
