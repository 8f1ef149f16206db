import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { forgetRuns } from '../../src/catalog/forget-runs.ts'
import type { RunPlace } from '../../src/catalog/forget-runs.ts'
import { insertLocation, insertRun } from '../cli/catalog-rows.ts'
import { expect, onTestFinished, test } from '../support/test.ts'

test('old runs go with their steps, but for those that are open or that something needs', async ({ database: { pool, url } }) => {
  await insertLocation(pool)
  const old = '2026-01-01T00:00:00Z'
  const now = new Date('2026-04-05T00:00:00Z')
  const made: Record<string, string> = {}
  const make = async (name: string, status: 'started' | 'failed' | 'succeeded', createdAt = old): Promise<string> => {
    const id = randomUUID()
    made[name] = id
    await insertRun(pool, id, status, createdAt)
    await pool.query(`UPDATE millrace.step SET cleaned_at = now() WHERE run_id = $1 AND ended_at IS NOT NULL`, [id])
    return id
  }
  await make('plain', 'succeeded')
  await make('failed', 'failed')
  await make('young', 'succeeded', '2026-01-06T00:00:00Z')
  await make('open', 'started')
  const newest = await make('newest', 'succeeded')
  await pool.query(`INSERT INTO millrace.asset VALUES ('shop', 'shop/orders', $1, $2, '{}')`, [newest, old])
  const checked = await make('checked', 'failed')
  await pool.query(`INSERT INTO millrace.check_result VALUES ('shop', 'shop/orders', 'unique', $1, false, true, 'twice')`, [checked])
  const kept = await make('quarantine', 'succeeded')
  await pool.query(
    `INSERT INTO millrace.quarantine (step_id, run_id, location, asset, version, generation, ordinal, record_index, place, record, tagged, issues)
     SELECT id, run_id, location, asset, 'v1', 1, 0, 0, 'record 1', '{}', false, '[]' FROM millrace.step WHERE run_id = $1`,
    [kept],
  )
  const uncleaned = await make('uncleaned', 'failed')
  await pool.query(`UPDATE millrace.step SET cleaned_at = NULL WHERE run_id = $1`, [uncleaned])
  const ticked = await make('ticked', 'succeeded')
  await pool.query(`INSERT INTO millrace.tick (location, schedule, scheduled_at, cause, status, run_id) VALUES ('shop', 's', $2, 'clock', 'launched', $1)`, [
    ticked,
    old,
  ])
  const locked = await make('locked', 'failed')
  for (let more = 0; more < 150; more += 1) await make(`more ${String(more)}`, 'succeeded', '2026-01-01T01:00:00Z')

  const person = new pg.Client(url)
  await person.connect()
  onTestFinished(() => person.end())
  await person.query('BEGIN')
  await person.query(`SELECT 1 FROM millrace.run WHERE id = $1 FOR UPDATE`, [locked])
  const walk = async (days: number): Promise<number[]> => {
    const removed: number[] = []
    let after: RunPlace | undefined
    do {
      const { removed: count, next } = await forgetRuns(pool, { days, after, now })
      removed.push(count)
      after = next
    } while (after !== undefined)
    return removed
  }
  expect(await walk(0)).toEqual([0])
  expect(await walk(100)).toEqual([0])
  // Of the first hundred, five are needed or locked.
  expect(await walk(90)).toEqual([95, 58])
  await person.query('COMMIT')
  const names = async (): Promise<string[]> => {
    const { rows } = await pool.query<{ id: string }>(`SELECT id FROM millrace.run`)
    return rows.map(({ id }) => Object.entries(made).find(([, one]) => one === id)?.[0] ?? id).toSorted()
  }
  expect(await names()).toEqual(['checked', 'locked', 'newest', 'open', 'quarantine', 'uncleaned', 'young'])
  expect((await pool.query(`SELECT 1 FROM millrace.step`)).rowCount).toBe(7)
  expect((await pool.query(`SELECT run_id FROM millrace.tick`)).rows).toEqual([{ run_id: null }])
  expect(await walk(90)).toEqual([1])
  expect(await names()).not.toContain('locked')
})
