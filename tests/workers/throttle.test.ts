import * as z from 'zod'
import { createPool } from '../../src/catalog/database.ts'
import { reserveTurns } from '../../src/catalog/rate-limits.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import type { RateLimit } from '../../src/definitions/rate-limit.ts'
import { table } from '../../src/definitions/table.ts'
import { ConfigError } from '../../src/errors.ts'
import { rest } from '../../src/sources/rest.ts'
import { createThrottles } from '../../src/workers/throttle.ts'
import { startEngine, testLogger } from '../support/engine.ts'
import type { TestDatabase } from '../support/test.ts'
import { createDatabase, describe, expect, onTestFinished, startHttpServer, test, waitFor } from '../support/test.ts'
import { failureOf } from '../sources/failure.ts'

let names = 0
const limitOf = (perSecond: number, burst?: number): RateLimit => ({
  name: `api ${String((names += 1))}`,
  perSecond,
  ...(burst === undefined ? {} : { burst }),
})

/** The turns of a worker of its own: with its own connections, as another process has. */
function worker(database: TestDatabase, name = 'throttle') {
  const pool = createPool({ url: database.url, max: 2, name, logger: testLogger })
  onTestFinished(() => pool.end())
  return createThrottles(pool, testLogger).of('place')
}

describe('turns', () => {
  test('are shared by all workers, evenly spaced, and each one who waits in line gets one', async ({ database }) => {
    const limit = limitOf(50)
    const workers = [worker(database), worker(database)]
    const moments: number[] = []
    await workers[0]?.turn(limit)
    const began = performance.now()
    const all = workers.flatMap((one) => Array.from({ length: 20 }, () => one.turn(limit).then(() => moments.push(performance.now()))))
    await Promise.all(all)
    expect(moments).toHaveLength(40)
    // Without sharing it would be half of it.
    expect(performance.now() - began).toBeGreaterThanOrEqual(39 * 20)
  })

  test('that were saved up may come at once, up to the burst', async ({ database }) => {
    const one = worker(database)
    const [slow, limit] = [limitOf(0.03, 4), limitOf(1, 4)]
    const began = performance.now()
    // One after the other they would take 100 s, longer than the test may.
    await Promise.all(Array.from({ length: 4 }, () => one.turn(slow)))
    await Promise.all(Array.from({ length: 5 }, () => one.turn(limit)))
    expect(performance.now() - began).toBeGreaterThanOrEqual(990)
  })

  test('that a dead worker reserved are lost, and no more', async ({ database }) => {
    const limit = limitOf(10)
    const began = performance.now()
    expect(await reserveTurns(database.pool, 'place', limit, 3)).toHaveLength(3)
    await worker(database).turn(limit)
    expect(performance.now() - began).toBeGreaterThanOrEqual(290)
  })

  test('are given to nobody while one of them paused the limit, not even to those who wait already', async ({ database }) => {
    const limit = limitOf(4)
    const workers = [worker(database), worker(database)]
    const moments: number[] = []
    await workers[0]?.turn(limit)
    const waiting = workers.flatMap((one) => [1, 2].map(() => one.turn(limit).then(() => moments.push(performance.now()))))
    const reserved = `SELECT next_at > clock_timestamp() + interval '400 ms' AS both FROM millrace.rate_limit WHERE name = $1`
    await waitFor(async () => (await database.pool.query<{ both: boolean }>(reserved, [limit.name])).rows[0]?.both, { what: 'a turn reserved for each' })
    await workers[1]?.pause(limit, 3000)
    const paused = performance.now()
    await Promise.all(waiting)
    // One may have been told of its turn just when the pause came.
    expect(moments.filter((at) => at > paused + 1500 && at < paused + 2950)).toEqual([])
    expect(moments).toHaveLength(4)
  })

  test('that are no longer wanted make room for others', async ({ database }) => {
    const limit = limitOf(0.25)
    const one = worker(database)
    const cancel = new AbortController()
    const reason = new Error('the run was cancelled')
    await one.turn(limit)
    const gone = Array.from({ length: 20 }, () => failureOf(one.turn(limit, cancel.signal)))
    const wanted = one.turn(limit)
    cancel.abort(reason)
    expect(new Set(await Promise.all(gone))).toEqual(new Set([reason]))
    // Behind the 20 it would be 80 s, longer than the test may take.
    await wanted
    expect(await failureOf(one.turn(limit, cancel.signal))).toBe(reason)
  })

  test('are waited for while the catalogue is away', async ({ database }) => {
    const limit = limitOf(20)
    const one = worker(database, 'cut off')
    await one.turn(limit)
    const holder = await database.pool.connect()
    try {
      // The next turn's statement waits for the row, and is cut off in its midst.
      await holder.query('BEGIN')
      await holder.query('UPDATE millrace.rate_limit SET next_at = next_at WHERE name = $1', [limit.name])
      const turn = one.turn(limit)
      const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cut off' AND wait_event_type = 'Lock'`
      await waitFor(async () => (await database.pool.query(cut)).rowCount, { what: 'a statement to cut off' })
      await holder.query('COMMIT')
      await turn
    } finally {
      holder.release()
    }
  })

  test.each([
    { name: '', perSecond: 1 },
    { name: 'x', perSecond: 0 },
    { name: 'x', perSecond: Infinity },
    { name: 'x', perSecond: 1, burst: 0.5 },
  ])('of %j are refused', async (limit) => {
    const database = { url: 'postgres://127.0.0.1:1/x' }
    expect(await failureOf(worker(database as TestDatabase).turn(limit))).toBeInstanceOf(ConfigError)
  })
})

test('two workers ask one server no more often than its limit, and all wait when it says so', async () => {
  const perSecond = 20
  const moments: number[] = []
  let refusedAt = 0
  const server = await startHttpServer((request, response) => {
    moments.push(performance.now())
    if (moments.length === 8) {
      refusedAt = performance.now()
      return response.writeHead(429, { 'retry-after': '1' }).end()
    }
    const id = Number(new URL(request.url ?? '', 'http://x').searchParams.get('page'))
    return response.end(JSON.stringify(id > 12 ? [] : [{ id }]))
  })
  const asset = (key: string) =>
    table({
      key,
      columns: z.object({ id: z.int() }),
      resumable: true,
      extract: ({ signal, position, throttle }) =>
        rest({ url: server.url, paging: { kind: 'number', parameter: 'page' }, rateLimit: { name: 'shop', perSecond }, throttle, signal, position }),
    })
  const database = await createDatabase()
  onTestFinished(() => database.pool.end())
  const location = defineLocation({ name: 'shop', assets: [asset('one/rows'), asset('two/rows')] })
  const engines = [
    await startEngine({ backend: 'postgres', database, producers: 'none' }),
    await startEngine({ backend: 'postgres', database, producers: 'none' }),
  ]
  onTestFinished(async () => {
    for (const engine of engines) await engine.stop()
  })
  for (const engine of engines) await engine.work(location)
  const began = performance.now()
  await Promise.all([engines[0]?.succeed('one/rows'), engines[1]?.succeed('two/rows')])
  expect(moments.length).toBe(27)
  // All 26 gaps, and the second that the server asked for. By a limit of each worker's own half the gaps would be waited for.
  expect(performance.now() - began).toBeGreaterThanOrEqual(24 * (1000 / perSecond) + 900)
  // Whoever was on the way when the server refused may still arrive.
  expect(moments.filter((at) => at > refusedAt + 400 && at < refusedAt + 950)).toEqual([])
  for (const name of ['one', 'two']) expect(await engines[0]?.value(`SELECT count(*)::int FROM ${name}.rows`)).toBe(12)
})
