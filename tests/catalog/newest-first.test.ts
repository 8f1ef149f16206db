import type pg from 'pg'
import { readEvaluations } from '../../src/catalog/read/automation.ts'
import { readSensorTicks } from '../../src/catalog/read/sensors.ts'
import { expect, test } from '../support/test.ts'

const insertOf = {
  sensor: `INSERT INTO millrace.sensor_tick (location, sensor, cause, began_at, status) SELECT 'shop', 'files', 'clock', clock_timestamp(), 'skipped' FROM generate_series(1, 12) RETURNING id::text`,
  automation: `INSERT INTO millrace.automation_evaluation (location, asset, at, answer, reason, outcome) SELECT 'shop', 'shop/a', clock_timestamp(), 'no', 'why', '{}' FROM generate_series(1, 12) RETURNING id::text`,
}
const readOf = {
  sensor: (pool: pg.Pool, limit: number, before?: string) => readSensorTicks(pool, 'shop', 'files', limit, before),
  automation: (pool: pg.Pool, limit: number, before?: string) => readEvaluations(pool, 'shop', 'shop/a', limit, before),
}

test.for(['sensor', 'automation'] as const)(
  'evaluations come the newest first, page by page, also where their numbers get another digit: %s',
  async (kind, { database: { pool } }) => {
    const { rows } = await pool.query<{ id: string }>(insertOf[kind])
    const newest = rows.map(({ id }) => id).toSorted((a, b) => Number(b) - Number(a))
    expect(new Set(newest.map((id) => id.length)).size).toBeGreaterThan(1)

    const seen: string[] = []
    for (let page = 0; page < 3; page += 1) seen.push(...(await readOf[kind](pool, 4, seen.at(-1))).map(({ id }) => id))
    expect(seen).toEqual(newest)
  },
)
