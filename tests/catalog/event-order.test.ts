import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { insertEvents } from '../../src/catalog/events.ts'
import { readEventPage } from '../../src/catalog/read/events.ts'
import { createEventReader } from '../../src/cli/runs/follow-events.ts'
import { insertLocation, insertRun } from '../cli/catalog-rows.ts'
import { beforeAll, createDatabase, describe, expect, onTestFinished, test } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'

const runId = '11111111-0000-4000-8000-000000000001'
const otherId = '22222222-0000-4000-8000-000000000001'

describe('reading events by number', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createDatabase()
    await insertLocation(database.pool)
    await insertRun(database.pool, runId, 'started')
    await insertRun(database.pool, otherId, 'started')
    return () => database.pool.end()
  })
  const say = (message: string, id = runId) => insertEvents(database.pool, [{ runId: id, kind: 'log', message }])

  /** A connection that no pool waits for. */
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client(database.url)
    await client.connect()
    onTestFinished(() => client.end())
    return client
  }

  test('waits for one that was numbered before and is committed later', async () => {
    const { pool } = database
    const late = await connect()
    await late.query('BEGIN')
    await insertEvents(late, [{ runId, kind: 'log', message: 'late' }])
    await Promise.all(Array.from({ length: 300 }, (_, index) => say(String(index))))
    const reader = createEventReader(pool, runId, {}, 30_000)
    const reading = reader.next()
    await sleep(100)
    await late.query('COMMIT')
    const events = await reading
    expect(events[0]?.message).toBe('late')
    expect(events).toHaveLength(301)
    expect(events.map(({ id }) => Number(id))).toEqual(events.map(({ id }) => Number(id)).toSorted((a, b) => a - b))
    await say('after')
    expect((await reader.next()).map(({ message }) => message)).toEqual(['after'])
    expect(await reader.next()).toEqual([])
    expect(reader.complete).toBe(true)
  })

  test('shows what was there before somebody who writes and stands still', async () => {
    const { pool } = database
    await pool.query(
      `INSERT INTO millrace.event (at, run_id, retention, kind, message) SELECT now() - interval '1 hour', $1, 'log', 'log', 'old ' || n FROM generate_series(1, 3) n`,
      [otherId],
    )
    const stuck = await connect()
    await stuck.query('BEGIN')
    await insertEvents(stuck, [{ runId: otherId, kind: 'log', message: 'stuck' }])
    await say('passed it', otherId)
    const reader = createEventReader(pool, otherId, {}, 50)
    expect((await reader.next()).map(({ message }) => message)).toEqual(['old 1', 'old 2', 'old 3'])
    expect(reader.complete).toBe(false)
    expect(await reader.next()).toEqual([])
    expect(reader.complete).toBe(false)
    await stuck.query('COMMIT')
    expect((await reader.next()).map(({ message }) => message)).toEqual(['stuck', 'passed it'])
    expect(reader.complete).toBe(true)
  })

  test('misses none and answers none twice while many write', async () => {
    const { pool } = database
    const id = '33333333-0000-4000-8000-000000000001'
    await insertRun(pool, id, 'started')
    let over = false
    const write = async (writer: number): Promise<number> => {
      const client = await connect()
      for (let turn = 0; turn < 40; turn += 1) {
        await client.query('BEGIN')
        await insertEvents(client, [{ runId: id, kind: 'log', message: `${String(writer)} ${String(turn)} a` }])
        // Some are slow to commit, and so are passed by the others.
        if (turn % 8 === writer) await sleep(10)
        await insertEvents(client, [{ runId: id, kind: 'run ended', message: `${String(writer)} ${String(turn)} b` }])
        await client.query('COMMIT')
      }
      return 80
    }
    const read = async (): Promise<string[]> => {
      const reader = createEventReader(pool, id)
      const seen: string[] = []
      for (;;) {
        const last = over
        for (let events = await reader.next(); events.length > 0; events = await reader.next()) seen.push(...events.map((event) => event.id))
        if (last && reader.complete) return seen
      }
    }
    const readers = [read(), read()]
    await Promise.all([0, 1, 2, 3, 4].map(write)).finally(() => (over = true))
    const { rows } = await pool.query<{ id: string }>(`SELECT id::text AS id FROM millrace.event WHERE run_id = $1 ORDER BY event.id`, [id])
    expect(rows).toHaveLength(400)
    for (const seen of await Promise.all(readers)) expect(seen).toEqual(rows.map((row) => row.id))
  })

  test('finds by kind, level, step, asset and text, and goes on behind what it left out', async () => {
    const { pool } = database
    const id = '44444444-0000-4000-8000-000000000001'
    const stepId = '55555555-0000-4000-8000-000000000001'
    await insertRun(pool, id, 'started')
    await insertEvents(pool, [
      { runId: id, kind: 'run started', message: 'begins' },
      { runId: id, stepId, asset: 'shop/orders', kind: 'log', level: 'debug', message: '100% of_it' },
      { runId: id, stepId, asset: 'shop/orders', kind: 'log', level: 'error', message: 'Broken PIPE' },
      { runId: id, asset: 'shop/totals', kind: 'failure', level: 'error', message: 'no more' },
    ])
    const find = async (filter: Omit<Parameters<typeof readEventPage>[2], 'after' | 'limit'>) =>
      (await readEventPage(pool, id, { after: '0', limit: 10, ...filter }))?.events.map(({ message }) => message)
    expect(await find({ kinds: ['run started', 'failure'] })).toEqual(['begins', 'no more'])
    expect(await find({ level: 'warn' })).toEqual(['Broken PIPE', 'no more'])
    expect(await find({ level: 'debug' })).toHaveLength(4)
    expect(await find({ stepId })).toEqual(['100% of_it', 'Broken PIPE'])
    expect(await find({ asset: 'shop/totals' })).toEqual(['no more'])
    expect(await find({ text: 'broken pipe' })).toEqual(['Broken PIPE'])
    expect(await find({ text: '0% of_' })).toEqual(['100% of_it'])
    expect(await find({ text: 'of it' })).toEqual([])
    const page = await readEventPage(pool, id, { after: '0', limit: 1, level: 'error' })
    expect(page).toMatchObject({ events: [{ message: 'Broken PIPE' }], complete: false })
    const rest = await readEventPage(pool, id, { after: page?.next ?? '', limit: 2, kinds: ['run started'] })
    expect(rest).toMatchObject({ events: [], complete: true })
    expect(Number(rest?.next)).toBeGreaterThan(Number(page?.next))
    expect(await readEventPage(pool, '99999999-0000-4000-8000-000000000001', { after: '0', limit: 1 })).toBeUndefined()
  })
})
