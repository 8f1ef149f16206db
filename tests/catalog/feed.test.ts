import type pg from 'pg'
import { insertEvents } from '../../src/catalog/events.ts'
import { readEndedRuns, readMaterializations } from '../../src/catalog/feed.ts'
import type { FeedPlace } from '../../src/catalog/feed.ts'
import { createPool, transaction } from '../../src/catalog/database.ts'
import { reportAsset } from '../../src/catalog/report-asset.ts'
import { finishRun } from '../../src/catalog/steps.ts'
import { insertLocation } from '../cli/catalog-rows.ts'
import { testLogger } from '../support/engine.ts'
import { beforeAll, createDatabase, describe, expect, test } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'

const except = { location: 'shop', launchedBy: 'sensor look' }

describe('the feed of what happened', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createDatabase()
    await insertLocation(database.pool)
    return () => database.pool.end()
  })
  const here = async (): Promise<FeedPlace> => {
    const { rows } = await database.pool.query<FeedPlace>(`SELECT last_value::text AS event, clock_timestamp()::text AS at FROM millrace.event_number`)
    return rows[0] ?? { event: '0', at: '' }
  }
  /** Starts a run of one step, whose state is given; it is not ended yet. */
  const start = async (
    client: Pick<pg.Pool, 'query'>,
    step: 'succeeded' | 'failed' = 'succeeded',
    launchedBy = 'test',
    job: string | null = null,
  ): Promise<string> => {
    const { rows } = await client.query<{ id: string }>(
      `WITH made AS (INSERT INTO millrace.run (location, version, assets, launched_by, job) VALUES ('shop', 'v1', '{shop/orders}', $2, $3) RETURNING id)
       INSERT INTO millrace.step (run_id, location, asset, kind, upstream, status, version, error, ended_at)
       SELECT id, 'shop', 'shop/orders', 'sql', '{}', $1, 'v1', $4, clock_timestamp() FROM made RETURNING run_id AS id`,
      [step, launchedBy, job, step === 'failed' ? { name: 'Error', code: 'SHUT', message: 'the shop is shut', stack: 'at shop.ts:1' } : null],
    )
    return rows[0]?.id ?? ''
  }

  test('misses none and hands out none twice, of thousands of runs that end at once and commit in another order', async () => {
    const began = await here()
    const [writers, turns] = [8, 250]
    const pool = createPool({ url: database.url, max: writers, name: 'writers', logger: testLogger })
    const ended = new Set<string>()
    let writing = true
    const write = async (writer: number): Promise<void> => {
      for (let turn = 0; turn < turns; turn += 1) {
        const id = await start(pool)
        await transaction(pool, async (client) => {
          await finishRun(client, id)
          // The number is drawn; others draw higher ones and commit before.
          if ((turn + writer) % 5 === 0) await client.query('SELECT pg_sleep(0.01)')
        })
        ended.add(id)
      }
    }
    const all = Promise.all(Array.from({ length: writers }, (_, writer) => write(writer))).finally(() => {
      writing = false
    })
    const seen: string[] = []
    let place = began
    let [last, pages] = [false, 0]
    while (!last) {
      last = !writing
      for (let more = true; more; pages += 1) {
        const page = await readEndedRuns(database.pool, { after: place, limit: 100, except, ends: ['succeeded'] })
        seen.push(...page.found.map(({ id }) => id))
        expect(page.found.length).toBeLessThanOrEqual(100)
        ;({ next: place, more } = page)
      }
    }
    await all
    await pool.end()
    expect(pages).toBeGreaterThan(5)
    expect(seen).toHaveLength(writers * turns)
    expect(new Set(seen)).toEqual(ended)
  })

  test('stops before an event whose transaction stands still, and goes on when it is committed', async () => {
    const began = await here()
    const late = await start(database.pool)
    const client = await database.pool.connect()
    await client.query('BEGIN')
    await finishRun(client, late)
    const early = await start(database.pool)
    await transaction(database.pool, (other) => finishRun(other, early))
    const request = { limit: 10, except, ends: ['succeeded'] as const, patienceMs: 50 }
    const before = await readEndedRuns(database.pool, { ...request, after: began })
    expect(before).toEqual({ found: [], next: began, more: false })
    await client.query('COMMIT')
    client.release()
    const after = await readEndedRuns(database.pool, { ...request, after: before.next })
    expect(after.found.map(({ id }) => id)).toEqual([late, early])
    expect((await readEndedRuns(database.pool, { ...request, after: after.next })).found).toEqual([])
  })

  test('hands out what something else made and reported', async () => {
    const began = await here()
    const found = { location: 'shop', asset: 'shop/orders', spec: undefined, set: undefined }
    await reportAsset(database.pool, found, { kind: 'observation', metadata: {}, by: 'test' })
    await reportAsset(database.pool, found, { kind: 'materialization', metadata: { rows: 3 }, by: 'test' })
    const request = { after: began, limit: 10, except, assets: ['shop/orders'] }
    const { found: facts } = await readMaterializations(database.pool, { ...request, location: 'shop' })
    expect(facts).toMatchObject([{ asset: 'shop/orders', location: 'shop', runId: null, partitions: null, metadata: { rows: 3 } }])
    expect((await readMaterializations(database.pool, { ...request, location: 'elsewhere' })).found).toEqual([])
  })

  test('tells runs by end, job and location, as they ended, without those that the asker launched', async () => {
    const began = await here()
    const ids: string[] = []
    const kinds: readonly (readonly ['succeeded' | 'failed', string, string | null])[] = [
      ['succeeded', 'test', null],
      ['failed', 'test', 'nightly'],
      ['failed', 'sensor look', null],
    ]
    for (const one of kinds) {
      const id = await start(database.pool, ...one)
      await transaction(database.pool, (client) => finishRun(client, id))
      ids.push(id)
    }
    const [succeeded, failed] = ids
    // By now a person had it tried again.
    await database.pool.query(`UPDATE millrace.step SET status = 'waiting', error = NULL WHERE run_id = $1`, [failed])
    await database.pool.query(`UPDATE millrace.run SET status = 'queued', ended_at = NULL WHERE id = $1`, [failed])
    const read = (more: Partial<Parameters<typeof readEndedRuns>[1]>) =>
      readEndedRuns(database.pool, { after: began, limit: 10, except, ends: ['succeeded', 'failed', 'canceled'], ...more })
    const idsOf = async (more: Partial<Parameters<typeof readEndedRuns>[1]>) => (await read(more)).found.map(({ id }) => id)
    expect(await idsOf({})).toEqual([succeeded, failed])
    expect(await idsOf({ ends: ['failed'] })).toEqual([failed])
    expect(await idsOf({ jobs: ['nightly'] })).toEqual([failed])
    expect(await idsOf({ locations: ['mill'] })).toEqual([])
    expect((await read({ ends: ['failed'] })).found[0]).toEqual({
      id: failed,
      location: 'shop',
      job: 'nightly',
      assets: ['shop/orders'],
      partitions: null,
      tags: {},
      launchedBy: 'test',
      status: 'failed',
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/) as unknown,
      startedAt: null,
      endedAt: expect.stringMatching(/^\d{4}-.*Z$/) as unknown,
      failedSteps: ['shop/orders'],
      error: { name: 'Error', code: 'SHUT', message: 'the shop is shut' },
    })
  })

  test('tells materializations of the assets that are asked for, with their partitions', async () => {
    const began = await here()
    const id = await start(database.pool)
    const { rows } = await database.pool.query<{ id: string }>(`UPDATE millrace.step SET partitions = '{a,b}' WHERE run_id = $1 RETURNING id`, [id])
    const event = { runId: id, stepId: rows[0]?.id, kind: 'materialization', message: 'made', data: { rows: 3 } }
    await insertEvents(database.pool, [
      { ...event, asset: 'shop/orders' },
      { ...event, asset: 'shop/totals' },
    ])
    const page = await readMaterializations(database.pool, { after: began, limit: 10, except, location: 'shop', assets: ['shop/orders'] })
    expect(page.found).toEqual([
      {
        event: expect.stringMatching(/^\d+$/) as unknown,
        asset: 'shop/orders',
        location: 'shop',
        partitions: ['a', 'b'],
        runId: id,
        at: expect.any(String) as unknown,
        metadata: { rows: 3 },
      },
    ])
  })
})
