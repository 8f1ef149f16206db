import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { vi } from 'vitest'
import { keepEventDays } from '../../src/catalog/event-days.ts'
import { insertEvents, insertLines } from '../../src/catalog/events.ts'
import { readEventPage, readSchemaEvents } from '../../src/catalog/read/events.ts'
import { startProducers } from '../../src/producers/producers.ts'
import { insertLocation, insertRun } from '../cli/catalog-rows.ts'
import { testLogger } from '../support/engine.ts'
import { beforeEach, createDatabase, describe, expect, onTestFinished, queuePrefix, test, waitFor } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'

const dayMs = 86_400_000
const forEver = { debug: 0, log: 0, history: 0 }
const days = { debug: 7, log: 30, history: 90 }
const runId = '11111111-0000-4000-8000-000000000001'

/** Midnight of the day on which the catalogue was made, which may be yesterday by now. */
let firstDay = 0
const inDays = (count: number): Date => new Date(firstDay + (Date.now() % dayMs) + count * dayMs)
const nameOf = (retention: string, day: Date): string => `event_${retention}_${day.toISOString().slice(0, 10).replaceAll('-', '')}`

describe('the event log by day', () => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await createDatabase()
    const { rows } = await database.pool.query<{ day: string }>(
      `SELECT to_char(min(substr(relname, 11))::date, 'YYYY-MM-DD') AS day FROM pg_class WHERE relnamespace = 'millrace'::regnamespace AND relname ~ '^event_log_[0-9]+$'`,
    )
    firstDay = Date.parse(rows[0]?.day ?? '')
    return () => database.pool.end()
  })
  /** One event of each retention, as of then. */
  const sayAt = (at: Date) =>
    database.pool.query(
      `INSERT INTO millrace.event (at, run_id, retention, kind, level, message)
       VALUES ($1, $2, 'debug', 'log', 'debug', 'debug'), ($1, $2, 'log', 'log', 'info', 'log'), ($1, $2, 'history', 'materialization', 'info', 'history')`,
      [at, runId],
    )
  const partitions = async (): Promise<string[]> =>
    (
      await database.pool.query<{ name: string }>(
        `SELECT relname AS name FROM pg_class WHERE relnamespace = 'millrace'::regnamespace AND relkind = 'r' AND relname LIKE 'event\\_%' ORDER BY 1`,
      )
    ).rows.map(({ name }) => name)
  const left = async (): Promise<string[]> =>
    (await database.pool.query<{ message: string }>(`SELECT message FROM millrace.event ORDER BY 1`)).rows.map(({ message }) => message)

  test('has partitions ahead, makes those of the days that come, and none twice', async () => {
    const { pool } = database
    expect(await partitions()).toEqual(expect.arrayContaining([0, 1, 2, 3, 4].map((ahead) => nameOf('log', inDays(ahead)))))
    expect(await keepEventDays(pool, { days: forEver, now: new Date(`${inDays(0).toISOString().slice(0, 10)}T12:00:00Z`) })).toMatchObject({
      made: [],
      dropped: [],
    })
    const later = new Date(`${inDays(2).toISOString().slice(0, 10)}T12:00:00Z`)
    const [first, second] = await Promise.all([keepEventDays(pool, { days: forEver, now: later }), keepEventDays(pool, { days: forEver, now: later })])
    expect([...first.made, ...second.made].toSorted()).toEqual(['debug', 'history', 'log'].flatMap((one) => [nameOf(one, inDays(5)), nameOf(one, inDays(6))]))
    expect(await partitions()).toContain(nameOf('history', inDays(6)))
  })

  test('drops the partitions of each retention when its days are over, and never looks at what is younger', async () => {
    const { pool } = database
    await sayAt(inDays(0))
    const drop = async (count: number) => keepEventDays(pool, { days, now: inDays(count) })
    expect(await drop(7)).toMatchObject({ removed: 0, busy: [] })
    expect(await left()).toEqual(['debug', 'history', 'log'])
    expect((await drop(8)).dropped).toEqual([nameOf('debug', inDays(0))])
    expect(await left()).toEqual(['history', 'log'])
    expect((await drop(31)).dropped).toContain(nameOf('log', inDays(0)))
    expect(await left()).toEqual(['history'])
    expect((await drop(90)).dropped).not.toContain(nameOf('history', inDays(0)))
    expect((await drop(91)).dropped).toContain(nameOf('history', inDays(0)))
    expect(await left()).toEqual([])
    // For ever.
    await sayAt(inDays(92))
    await keepEventDays(pool, { days: forEver, now: inDays(900) })
    expect(await left()).toEqual(['debug', 'history', 'log'])
  })

  test('takes less than 400 bytes for an event, indexes and all', async () => {
    const { pool } = database
    await insertLocation(pool)
    const size = async () =>
      Number(
        (await pool.query<{ bytes: string }>(`SELECT sum(pg_total_relation_size(relid)) AS bytes FROM pg_partition_tree('millrace.event')`)).rows[0]?.bytes,
      )
    // As code logs them: sixty characters, two fields; a thousand of a run, a hundred at once.
    const lineOf = (n: number) => ({
      level: 'info' as const,
      message: `Fetched page ${String(n)} of the orders of yesterday: 200 records in all`,
      data: JSON.stringify({ page: n, records: 200 }),
      loggedAt: performance.now(),
    })
    const before = await size()
    for (let run = 0; run < 10; run += 1) {
      const origin = { runId: randomUUID(), stepId: randomUUID(), asset: 'shop/orders', attempt: 1 }
      await pool.query(`INSERT INTO millrace.run (id, location, version, assets, launched_by) VALUES ($1, 'shop', 'v1', '{shop/orders}', 'test')`, [
        origin.runId,
      ])
      for (let from = 0; from < 1000; from += 100)
        await insertLines(
          pool,
          origin,
          Array.from({ length: 100 }, (_, n) => lineOf(from + n)),
        )
    }
    expect(((await size()) - before) / 10_000).toBeLessThan(400)
  })

  test('one clock that is set wrong removes nothing', async () => {
    const { pool } = database
    await sayAt(inDays(-40))
    await keepEventDays(pool, { days: forEver })
    await sayAt(inDays(-41))
    vi.useFakeTimers({ toFake: ['Date'], now: inDays(-39) })
    onTestFinished(() => void vi.useRealTimers())
    expect(await keepEventDays(pool, { days })).toMatchObject({ dropped: [], removed: 0 })
    vi.useRealTimers()
    expect(await keepEventDays(pool, { days })).toMatchObject({
      dropped: ['debug', 'log'].flatMap((one) => [nameOf(one, inDays(-41)), nameOf(one, inDays(-40))]),
    })
    expect(await left()).toEqual(['history', 'history'])
  })

  test('takes events of days without a partition, and gives them theirs once the day is past', async () => {
    const { pool } = database
    // Nobody made partitions for a month; the clock was once wrong by years; and some are older than what is kept.
    await sayAt(inDays(30))
    await sayAt(inDays(29))
    await sayAt(inDays(3000))
    await sayAt(inDays(-95))
    const noon = new Date(`${inDays(30).toISOString().slice(0, 10)}T12:00:00Z`)
    const report = await keepEventDays(pool, { days: { ...days, debug: 0 }, now: noon })
    expect(report.made).toEqual(expect.arrayContaining([nameOf('log', inDays(29)), nameOf('log', inDays(31))]))
    // Under way: whoever writes now must not be refused.
    expect(report.made).not.toContain(nameOf('log', inDays(30)))
    expect(report).toMatchObject({ moved: 4, removed: 2, busy: [] })
    const { rows } = await pool.query(`SELECT tableoid::regclass::text AS place FROM millrace.event WHERE retention = 'log' ORDER BY at`)
    expect(rows).toEqual([nameOf('log', inDays(29)), 'event_log_other', 'event_log_other'].map((name) => ({ place: `millrace.${name}` })))
    const next = await keepEventDays(pool, { days, now: inDays(32) })
    expect(next.made).toContain(nameOf('log', inDays(30)))
    expect((await pool.query(`SELECT 1 FROM millrace.event_log_other`)).rowCount).toBe(1)
  })

  test('a partition that somebody reads stays until they are done; nobody waits for it meanwhile', async () => {
    const { pool } = database
    await sayAt(inDays(0))
    const reader = new pg.Client(database.url)
    await reader.connect()
    onTestFinished(() => reader.end())
    await reader.query('BEGIN')
    await reader.query('SELECT count(*) FROM millrace.event')
    const began = performance.now()
    const busy = await keepEventDays(pool, { days, now: inDays(8) })
    expect(busy).toMatchObject({ busy: [nameOf('debug', inDays(0)), ...busy.busy.slice(1)], dropped: [] })
    expect(performance.now() - began).toBeLessThan(10_000)
    await sayAt(inDays(1))
    await reader.query('COMMIT')
    expect((await keepEventDays(pool, { days, now: inDays(8) })).dropped).toEqual([nameOf('debug', inDays(0))])
  })

  test('no insert fails while partitions come and go', async () => {
    const { pool } = database
    await insertLocation(pool)
    await insertRun(pool, runId, 'started')
    let over = false
    let written = 0
    const write = async (): Promise<void> => {
      while (!over) {
        await insertEvents(pool, [
          { runId, kind: 'log', level: 'debug', message: 'busy' },
          { runId, kind: 'log', message: 'busy' },
          { runId, kind: 'materialization', message: 'busy' },
        ])
        written += 3
      }
    }
    const writers = [write(), write(), write()]
    const settled = Promise.allSettled(writers)
    const seen = { made: 0, dropped: 0 }
    for (let round = 1; round <= 6; round += 1) {
      await sayAt(inDays(-round - 20))
      const made = await keepEventDays(pool, { days: forEver })
      const dropped = await keepEventDays(pool, { days: { debug: 10, log: 10, history: 10 } })
      seen.made += made.made.length
      seen.dropped += dropped.dropped.length
    }
    over = true
    expect(await settled).toEqual(writers.map(() => ({ status: 'fulfilled', value: undefined })))
    expect(seen.made).toBeGreaterThan(6)
    expect(seen.dropped).toBeGreaterThan(6)
    expect((await pool.query(`SELECT 1 FROM millrace.event WHERE message = 'busy'`)).rowCount).toBe(written)
  })

  test('a run’s log is read from the days of the run, and from the others where something came late', async () => {
    const { pool } = database
    await insertLocation(pool)
    await insertRun(pool, runId, 'succeeded', inDays(-20).toISOString())
    for (const ago of [1, 18, 19, 20, 21, 22, 40]) await sayAt(inDays(-ago))
    await keepEventDays(pool, { days: forEver })
    await insertEvents(pool, [{ runId, kind: 'schema', message: 'late' }])
    const events = (await readEventPage(pool, runId, { after: '0', limit: 100 }))?.events ?? []
    expect(events.at(-1)).toMatchObject({ kind: 'schema', message: 'late', attempt: null, stepId: null })
    expect(await readSchemaEvents(pool, runId)).toMatchObject([{ message: 'late' }])
    await pool.query(`UPDATE millrace.run SET events_until = NULL WHERE id = $1`, [runId])
    const { rows } = await pool.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN (ANALYZE, COSTS OFF) SELECT id FROM millrace.event WHERE run_id = '${runId}'
         AND at >= '${inDays(-21).toISOString()}' AND at < '${inDays(-19).toISOString()}' ORDER BY id LIMIT 100`,
    )
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
    expect(new Set(plan.match(/event_\w+_\d{8}(?=_| |$)/gm))).toEqual(
      new Set(['debug', 'log', 'history'].flatMap((one) => [nameOf(one, inDays(-21)), nameOf(one, inDays(-20)), nameOf(one, inDays(-19))])),
    )
    expect(plan).not.toContain('Seq Scan')
  })

  test('the leader keeps it', async () => {
    const { url } = database
    await sayAt(inDays(-40))
    const producers = await startProducers({
      databaseUrl: url,
      redisUrl: undefined,
      queuePrefix,
      leaseMs: 8000,
      logger: testLogger,
      historyDays: { events: days, runs: 90, scheduleTicks: 0, sensorTicks: 0, backfills: 0 },
    })
    onTestFinished(() => producers.stop())
    await waitFor(async () => (await left()).join() === 'history', { what: 'debug and log lines to be removed' })
  })
})
