import { forgetHistory } from '../../src/catalog/forget-history.ts'
import { insertLocation } from '../cli/catalog-rows.ts'
import { expect, test } from '../support/test.ts'

const now = new Date('2026-06-01T00:00:00Z')
const old = '2026-01-01T00:00:00Z'
const young = '2026-05-31T00:00:00Z'

test('ticks and backfills go when their days are over, but for those that something needs', async ({ database: { pool } }) => {
  await insertLocation(pool)
  await pool.query(
    `INSERT INTO millrace.schedule (location, name, stopped, first_seen, settled_at) VALUES ('shop', 'daily', false, '2025-12-01', '2026-01-02'), ('shop', 'behind', false, '2025-12-01', '2025-12-31'), ('shop', 'quiet', false, '2025-12-01', '2026-05-01')`,
  )
  const tick = (schedule: string, scheduledAt: string, at: string) =>
    pool.query(`INSERT INTO millrace.tick (location, schedule, scheduled_at, cause, status, at) VALUES ('shop', $1, $2, 'clock', 'skipped', $3)`, [
      schedule,
      scheduledAt,
      at,
    ])
  await tick('daily', '2026-01-01', old)
  await tick('daily', '2026-01-02', young)
  await tick('daily', '2026-01-03', young)
  // Not settled, and the last of its schedule.
  await tick('behind', '2026-01-01', old)
  await tick('behind', '2026-01-02', old)
  await tick('quiet', '2026-01-01', old)
  await tick('gone', '2026-01-01', old)
  await tick('gone', '2026-01-02', old)
  const evaluation = (sensor: string, at: string) =>
    pool.query(`INSERT INTO millrace.sensor_tick (location, sensor, cause, began_at, ended_at, status) VALUES ('shop', $1, 'clock', $2, $2, 'skipped')`, [
      sensor,
      at,
    ])
  for (const at of [old, old, young]) await evaluation('files', at)
  await evaluation('quiet', old)
  const backfill = async (status: string, endedAt: string | null) =>
    (
      await pool.query<{ id: string }>(
        `INSERT INTO millrace.backfill (location, assets, plan, runs_at_once, status, launched_by, ended_at) VALUES ('shop', '{a}', '{}', 1, $1, 'test', $2) RETURNING id`,
        [status, endedAt],
      )
    ).rows[0]?.id
  const over = await backfill('succeeded', old)
  await pool.query(`INSERT INTO millrace.backfill_part (backfill_id, unit, ordinal) VALUES ($1, 0, 0)`, [over])
  const kept = [await backfill('failed', young), await backfill('running', null), await backfill('failed', old)]
  await pool.query(
    `INSERT INTO millrace.run (location, version, assets, launched_by, status, config, tags, backfill_id) VALUES ('shop', 'v1', '{a}', 'test', 'started', '{}', '{}', $1)`,
    [kept[2]],
  )

  for (const kind of ['scheduleTicks', 'sensorTicks', 'backfills'] as const) {
    expect(await forgetHistory(pool, { kind, days: 0, now })).toEqual({ removed: 0, more: false })
    expect((await forgetHistory(pool, { kind, days: 1000, now })).removed).toBe(0)
  }
  expect(await forgetHistory(pool, { kind: 'scheduleTicks', days: 90, now })).toEqual({ removed: 2, more: false })
  expect((await pool.query(`SELECT schedule, scheduled_at::date::text AS slot FROM millrace.tick ORDER BY schedule, slot`)).rows).toEqual([
    { schedule: 'behind', slot: '2026-01-01' },
    { schedule: 'behind', slot: '2026-01-02' },
    { schedule: 'daily', slot: '2026-01-02' },
    { schedule: 'daily', slot: '2026-01-03' },
    { schedule: 'gone', slot: '2026-01-02' },
    { schedule: 'quiet', slot: '2026-01-01' },
  ])
  expect((await forgetHistory(pool, { kind: 'sensorTicks', days: 30, now })).removed).toBe(2)
  expect((await pool.query(`SELECT sensor FROM millrace.sensor_tick ORDER BY sensor`)).rows).toEqual([{ sensor: 'files' }, { sensor: 'quiet' }])
  expect((await forgetHistory(pool, { kind: 'backfills', days: 90, now })).removed).toBe(1)
  expect((await pool.query<{ id: string }>(`SELECT id FROM millrace.backfill`)).rows.map(({ id }) => id)).toEqual(expect.arrayContaining(kept))
  expect((await pool.query(`SELECT FROM millrace.backfill_part`)).rowCount).toBe(0)
})
