import { globSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, waitFor } from '../support/test.ts'
import type { Cluster } from './cluster.ts'

/** Waits until so many partitions of a backfill are made; answers how many are. */
export function backfillMade({ pool }: Cluster, id: string, atLeast: number): Promise<number> {
  return waitFor(
    async () => {
      const { rows } = await pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM millrace.run WHERE backfill_id = $1 AND status = 'succeeded'`, [id])
      const made = rows[0]?.n ?? 0
      return made >= atLeast ? made : undefined
    },
    { what: `${String(atLeast)} partitions to be made`, timeoutMs: 60_000 },
  )
}

/** Waits until a backfill has ended, and well. */
export async function backfillSucceeds({ pool }: Cluster, id: string): Promise<Date> {
  const { status, ended_at } = await waitFor(
    async () =>
      (await pool.query<{ status: string; ended_at: Date }>(`SELECT status, ended_at FROM millrace.backfill WHERE id = $1 AND ended_at IS NOT NULL`, [id]))
        .rows[0],
    { what: 'the backfill to end', timeoutMs: 90_000 },
  )
  expect(status).toBe('succeeded')
  return ended_at
}

/** Each partition was made by one run, was written down as materialized once, and its value is there. */
export async function expectBackfill({ pool, values }: Cluster, id: string): Promise<void> {
  const { rows: parts } = await pool.query<{ unit: number; parts: number; runs: number }>(
    `SELECT p.unit, count(*)::int AS parts, (SELECT count(*)::int FROM millrace.run r WHERE r.backfill_id = $1 AND r.assets[1] = CASE p.unit WHEN 0 THEN 'chaos/daily' ELSE 'chaos/weekly' END) AS runs
     FROM millrace.backfill_part p WHERE p.backfill_id = $1 AND p.status = 'succeeded' GROUP BY p.unit ORDER BY p.unit`,
    [id],
  )
  expect(parts, 'partitions of the backfill, and runs').toEqual([
    { unit: 0, parts: 28, runs: 28 },
    { unit: 1, parts: 4, runs: 4 },
  ])
  const { rows: twice } = await pool.query(
    `SELECT r.partitions, count(*)::int AS n FROM millrace.run r JOIN millrace.event e ON e.run_id = r.id AND e.kind = 'materialization' WHERE r.backfill_id = $1 GROUP BY r.assets, r.partitions HAVING count(*) <> 1`,
    [id],
  )
  expect(twice, 'materialized more than once').toEqual([])
  const read = async (asset: string): Promise<number[]> => {
    const files = globSync('**/*.json', { cwd: join(values, asset) }).toSorted()
    return Promise.all(files.map(async (file) => Number(JSON.parse(await readFile(join(values, asset, file), 'utf8')))))
  }
  const days = Array.from({ length: 28 }, (_, index) => index + 4)
  expect(await read('chaos/daily')).toEqual(days)
  expect(await read('chaos/weekly')).toEqual([0, 7, 14, 21].map((from) => days.slice(from, from + 7).reduce((sum, one) => sum + one, 0)))
}
