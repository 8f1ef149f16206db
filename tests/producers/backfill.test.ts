import { pauseRuns, resumeRuns } from '../../src/catalog/pauses.ts'
import { asset, partitionsOf } from '../../src/definitions/function-asset.ts'
import { resource } from '../../src/definitions/resource.ts'
import type { IoManager } from '../../src/definitions/io-manager.ts'
import { mapPartitions } from '../../src/definitions/partitions/partition-mapping.ts'
import { dailyPartitions, hourlyPartitions, staticPartitions, weeklyPartitions } from '../../src/definitions/partitions/partitions.ts'
import { advanceBackfills } from '../../src/producers/advance-backfills.ts'
import { advanceBackfill } from '../../src/producers/launch/backfill/advance.ts'
import { cancelBackfill, retryBackfill } from '../../src/producers/launch/backfill/end-backfill.ts'
import { startBackfill } from '../../src/producers/launch/backfill/start-backfill.ts'
import type { BackfillRequest } from '../../src/producers/launch/backfill/start-backfill.ts'
import { startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { afterEach, beforeAll, describeBackends, expect, test, waitFor } from '../support/test.ts'

const days = dailyPartitions({ start: '2026-01-04', end: '2026-01-18' })
const weeks = weeklyPartitions({ start: '2026-01-04', end: '2026-01-18' })

/** Keeps values in this process, and the order in which they came. */
function memory() {
  const values = new Map<string, unknown>()
  const order: string[] = []
  const name = ({ asset: key, partition }: { asset: string; partition: string | undefined }): string => `${key} ${partition ?? ''}`.trim()
  const io = resource<IoManager>({
    start: () => ({
      store: (place, value) => {
        values.set(name(place), value)
        order.push(name(place))
        return Promise.resolve({})
      },
      load: (place) => (values.has(name(place)) ? Promise.resolve(values.get(name(place))) : Promise.reject(new Error(`no ${name(place)}`))),
      remove: () => Promise.resolve(),
    }),
  })
  return { io, order, values }
}

describeBackends('a backfill', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })
  // Whatever was done to parts, at any moment: what is kept of them is what there is.
  afterEach(async () => {
    const otherwise = await engine.query(
      `SELECT * FROM (SELECT backfill_id, unit, status, count(*) AS n FROM millrace.backfill_part GROUP BY 1, 2, 3) p
         FULL JOIN (SELECT * FROM millrace.backfill_count WHERE parts <> 0) c USING (backfill_id, unit, status) WHERE p.n IS DISTINCT FROM c.parts`,
    )
    expect(otherwise).toEqual([])
  })
  const deps = () => ({ pool: engine.database.pool, queues: engine.queues, logger: testLogger })
  const start = (request: Omit<BackfillRequest, 'launchedBy'>) => startBackfill(deps(), { launchedBy: 'test', ...request })
  const ended = async (id: string, timeoutMs = 30_000): Promise<string> => {
    await waitFor(async () => (await engine.value(`SELECT ended_at IS NOT NULL FROM millrace.backfill WHERE id = $1`, [id])) === true, {
      what: 'the backfill to end',
      timeoutMs,
    })
    return String(await engine.value(`SELECT status FROM millrace.backfill WHERE id = $1`, [id]))
  }
  const parts = (id: string) =>
    engine.query<{ status: string; count: number; runs: number }>(
      `SELECT status, count(*)::int AS count, count(DISTINCT run_id)::int AS runs FROM millrace.backfill_part WHERE backfill_id = $1 GROUP BY status ORDER BY status`,
      [id],
    )

  test('makes what hangs on several partitions once they are there, each by one run', async () => {
    const { io, order, values } = memory()
    const sales = asset({ key: 'wave/sales', partitions: days, io, run: ({ partition }) => Number(partition.key.slice(-2)) })
    const twice = asset({ key: 'wave/twice', partitions: days, inputs: { sales }, io, run: ({ inputs }) => inputs.sales * 2 })
    const week = asset({
      key: 'wave/week',
      partitions: weeks,
      inputs: { days: partitionsOf(twice) },
      io,
      run: ({ inputs }) => Object.values(inputs.days).reduce((sum, one) => sum + one, 0),
    })
    const whole = asset({ key: 'wave/whole', inputs: { weeks: partitionsOf(week) }, io, run: ({ inputs }) => Object.keys(inputs.weeks) })
    await engine.define([whole, week, twice, sales])
    const { backfillId } = await start({ assets: ['wave/*'], runsAtOnce: 3 })
    expect(await ended(backfillId)).toBe('succeeded')
    expect(await parts(backfillId)).toEqual([{ status: 'succeeded', count: 17, runs: 17 }])
    expect(order).toHaveLength(31)
    expect(new Set(order).size).toBe(31)
    expect(values.get('wave/week 2026-01-04')).toBe(2 * (4 + 5 + 6 + 7 + 8 + 9 + 10))
    expect(values.get('wave/whole')).toEqual(['2026-01-04', '2026-01-11'])
    expect(order.indexOf('wave/week 2026-01-04')).toBeGreaterThan(order.indexOf('wave/twice 2026-01-10'))
  })

  test('has no more runs under way than it may, and as many partitions by one as it is told', async () => {
    const { io } = memory()
    const state = { now: 0, most: 0 }
    const one = asset({
      key: 'bound/one',
      partitions: days,
      io,
      run: async ({ partition }) => {
        state.now += 1
        state.most = Math.max(state.most, state.now)
        // Two are to be under way at once, however slow the machine is; and a third has the time to come.
        await waitFor(() => state.most >= 2, { what: 'a second run beside the first' })
        await engine.query('SELECT pg_sleep(0.02)')
        state.now -= 1
        return partition.key
      },
    })
    await engine.define([one])
    const single = await start({ assets: ['bound/one'], runsAtOnce: 2 })
    expect(await ended(single.backfillId)).toBe('succeeded')
    expect(state.most).toBe(2)
    const byFive = await start({ assets: ['bound/one'], perRun: 5, partitions: ['2026-01-04..2026-01-09', '2026-01-12..2026-01-14'] })
    expect(await ended(byFive.backfillId)).toBe('succeeded')
    expect(await engine.query(`SELECT partitions FROM millrace.run WHERE backfill_id = $1 ORDER BY partitions[1]`, [byFive.backfillId])).toEqual([
      { partitions: ['2026-01-04', '2026-01-05', '2026-01-06', '2026-01-07', '2026-01-08'] },
      { partitions: ['2026-01-09'] },
      { partitions: ['2026-01-12', '2026-01-13', '2026-01-14'] },
    ])
    const ranged = await start({ assets: ['bound/one'], perRun: 'all' })
    expect(await ended(ranged.backfillId)).toBe('succeeded')
    expect(await parts(ranged.backfillId)).toEqual([{ status: 'succeeded', count: 14, runs: 1 }])
  })

  test('skips what hangs on a failed partition, goes on with the rest, and makes both again when it is asked to', async () => {
    const { io, values } = memory()
    const state = { broken: true }
    const sales = asset({
      key: 'fail/sales',
      partitions: days,
      io,
      retry: { retries: 0 },
      run: ({ partition }) => {
        if (state.broken && partition.key === '2026-01-12') throw new Error('no such file')
        return partition.key
      },
    })
    const week = asset({ key: 'fail/week', partitions: weeks, inputs: { days: partitionsOf(sales) }, io, run: ({ inputs }) => Object.keys(inputs.days).length })
    const trend = asset({
      key: 'fail/trend',
      partitions: weeks,
      inputs: { weeks: partitionsOf(week, mapPartitions.window({ start: -1 })) },
      io,
      run: ({ inputs }) => Object.keys(inputs.weeks).length,
    })
    await engine.define([trend, week, sales])
    const { backfillId } = await start({ assets: ['fail/*'] })
    expect(await ended(backfillId)).toBe('failed')
    expect((await parts(backfillId)).map(({ status, count }) => [status, count])).toEqual([
      ['failed', 1],
      ['skipped', 2],
      ['succeeded', 15],
    ])
    state.broken = false
    expect(await retryBackfill(deps(), backfillId)).toBe(3)
    expect(await ended(backfillId)).toBe('succeeded')
    expect(values.get('fail/trend 2026-01-11')).toBe(2)
    await expect(retryBackfill(deps(), backfillId)).rejects.toMatchObject({ code: 'BACKFILL_NOT_FAILED' })
  })

  test('of what is missing makes that, and what is made from it', async () => {
    const { io, order } = memory()
    const sales = asset({ key: 'missing/sales', partitions: days, io, run: () => 1 })
    const week = asset({ key: 'missing/week', partitions: weeks, inputs: { days: partitionsOf(sales) }, io, run: () => 1 })
    await engine.define([week, sales])
    expect(await ended((await start({ assets: ['missing/*'] })).backfillId)).toBe('succeeded')
    await expect(start({ assets: ['missing/*'], missing: true })).rejects.toMatchObject({ code: 'NOTHING_TO_BACKFILL' })
    await engine.query(`DELETE FROM millrace.asset_partition WHERE asset = 'missing/sales' AND partition = '2026-01-05'`)
    order.length = 0
    expect(await ended((await start({ assets: ['missing/*'], missing: true })).backfillId)).toBe('succeeded')
    expect(order).toEqual(['missing/sales 2026-01-05', 'missing/week 2026-01-04'])
    // What is missing below, of what is there above.
    await engine.query(`DELETE FROM millrace.asset_partition WHERE asset = 'missing/week' AND partition = '2026-01-11'`)
    order.length = 0
    expect(await ended((await start({ assets: ['missing/*'], missing: true })).backfillId)).toBe('succeeded')
    expect(order).toEqual(['missing/week 2026-01-11'])
  })

  test('of what is missing leaves alone what has no partitions and is there, and makes all anew that is made from such a one', async () => {
    const { io, order } = memory()
    const rates = asset({ key: 'whole/rates', io, run: () => 2 })
    const sales = asset({ key: 'whole/sales', partitions: staticPartitions(['a', 'b']), inputs: { rates }, io, run: ({ inputs }) => inputs.rates })
    const sum = asset({ key: 'whole/sum', inputs: { sales: partitionsOf(sales) }, io, run: ({ inputs }) => Object.values(inputs.sales).length })
    await engine.define([sum, sales, rates])
    expect(await ended((await start({ assets: ['whole/*'] })).backfillId)).toBe('succeeded')
    await expect(start({ assets: ['whole/*'], missing: true })).rejects.toMatchObject({ code: 'NOTHING_TO_BACKFILL' })
    const missing = async (sql: string): Promise<string[]> => {
      await engine.query(sql)
      order.length = 0
      expect(await ended((await start({ assets: ['whole/*'], missing: true })).backfillId)).toBe('succeeded')
      return order.toSorted()
    }
    expect(await missing(`DELETE FROM millrace.asset WHERE key = 'whole/sum'`)).toEqual(['whole/sum'])
    expect(await missing(`DELETE FROM millrace.asset WHERE key = 'whole/rates'`)).toEqual(['whole/rates', 'whole/sales a', 'whole/sales b', 'whole/sum'])
  })

  test('that is canceled launches nothing more, and its runs end', async () => {
    const { io, order } = memory()
    const one = asset({
      key: 'cancel/one',
      partitions: days,
      io,
      run: ({ signal }) =>
        new Promise((_resolve, reject) => {
          order.push('began')
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
    })
    await engine.define([one])
    const { backfillId } = await start({ assets: ['cancel/one'], runsAtOnce: 2 })
    await waitFor(() => Promise.resolve(order.length === 2), { what: 'two runs to begin' })
    expect(await cancelBackfill(deps(), backfillId)).toBe('canceling')
    expect(await ended(backfillId)).toBe('canceled')
    expect(order).toHaveLength(2)
    expect((await parts(backfillId)).map(({ status, count }) => [status, count])).toEqual([['canceled', 14]])
    expect(await cancelBackfill(deps(), backfillId)).toBe('ended')
  })

  test('that is canceled ends runs that wait in the queue, too', async () => {
    const { io, order } = memory()
    const { location } = await engine.define([asset({ key: 'held/one', partitions: staticPartitions(['a', 'b', 'c']), io, run: () => 1 })])
    await pauseRuns(engine.database.pool, location.name, 'test', undefined)
    const { backfillId } = await start({ assets: ['held/one'], runsAtOnce: 2 })
    expect(await engine.query(`SELECT DISTINCT status FROM millrace.run WHERE backfill_id = $1`, [backfillId])).toEqual([{ status: 'queued' }])
    await cancelBackfill(deps(), backfillId)
    expect(await ended(backfillId)).toBe('canceled')
    await resumeRuns(engine.database.pool, location.name)
    expect(order).toEqual([])
  })

  test('with a key that was used answers with the first', async () => {
    const { io, order } = memory()
    const one = asset({ key: 'again/one', partitions: staticPartitions(['a', 'b']), io, run: () => 1 })
    await engine.define([one])
    const both = await Promise.all([1, 2].map(() => start({ assets: ['again/one'], idempotencyKey: 'again' })))
    expect(new Set(both.map((each) => each.backfillId)).size).toBe(1)
    expect(both.filter((each) => each.created)).toHaveLength(1)
    await ended(both[0]?.backfillId ?? '')
    expect(order.toSorted()).toEqual(['again/one a', 'again/one b'])
  })

  test('a run of it that somebody cancels counts as such, and what hangs on it is skipped until both are made again', async () => {
    const { io } = memory()
    const state = { waits: true }
    const one = asset({
      key: 'hand/one',
      partitions: staticPartitions(['a', 'b']),
      io,
      run: ({ partition, signal }) =>
        new Promise<string>((resolve, reject) => {
          if (!state.waits || partition.key === 'b') return resolve(partition.key)
          signal.addEventListener('abort', () => reject(signal.reason as Error))
          return undefined
        }),
    })
    const all = asset({ key: 'hand/all', partitions: staticPartitions(['x']), inputs: { ones: partitionsOf(one, mapPartitions.all()) }, io, run: () => 1 })
    await engine.define([all, one])
    const { backfillId } = await start({ assets: ['hand/*'] })
    const running = await waitFor(
      async () =>
        (
          await engine.query<{ id: string }>(
            `SELECT r.id FROM millrace.run r JOIN millrace.step s ON s.run_id = r.id WHERE r.backfill_id = $1 AND r.partitions = '{a}' AND s.status = 'running' AND s.claimed_by IS NOT NULL`,
            [backfillId],
          )
        )[0],
      { what: 'the run to begin' },
    )
    await engine.cancel(running.id)
    expect(await ended(backfillId)).toBe('failed')
    expect((await parts(backfillId)).map(({ status, count }) => [status, count])).toEqual([
      ['canceled', 1],
      ['skipped', 1],
      ['succeeded', 1],
    ])
    state.waits = false
    expect(await retryBackfill(deps(), backfillId)).toBe(2)
    expect(await ended(backfillId)).toBe('succeeded')
  })

  test('waits while an asset has partitions of another kind, or none, instead of making it whole again and again', async () => {
    const { io, order } = memory()
    const key = 'turned/one'
    const { location, worker } = await engine.define([asset({ key, partitions: staticPartitions(['a', 'b']), io, run: () => 1 })])
    await worker.stop()
    const { backfillId } = await start({ assets: [key], runsAtOnce: 1 })
    // Its first run is given up, so that the next is due.
    const [first] = await engine.query<{ id: string }>(`SELECT id FROM millrace.run WHERE backfill_id = $1`, [backfillId])
    const whole = await engine.work({ ...location, assets: [asset({ key, io, run: () => 1 })] }, { version: 'v2', queues: ['extract'] })
    await engine.cancel(first?.id ?? '')
    await waitFor(
      async () => String(await engine.value(`SELECT problem FROM millrace.backfill WHERE id = $1`, [backfillId])).includes('has other partitions'),
      {
        what: 'the backfill to say why it waits',
      },
    )
    await whole.stop()
    expect(order).toEqual([])
    await engine.work({ ...location, assets: [asset({ key, partitions: staticPartitions(['b', 'c']), io, run: () => 1 })] }, { version: 'v3' })
    expect(await ended(backfillId)).toBe('failed')
    expect(order).toEqual([`${key} b`])
  })

  test('that cannot be taken on keeps no other back', async () => {
    const { io } = memory()
    const { worker } = await engine.define([asset({ key: 'apart/one', partitions: days, io, run: () => 1 })])
    await worker.stop()
    const { backfillId } = await start({ assets: ['apart/one'], runsAtOnce: 1 })
    await engine.query(
      `INSERT INTO millrace.backfill (location, assets, plan, runs_at_once, launched_by, created_at) VALUES ('torn', '{}', '{}', 1, 'test', '2000-01-01')`,
    )
    await engine.query(`UPDATE millrace.run SET status = 'failed', ended_at = now() WHERE backfill_id = $1`, [backfillId])
    await expect(advanceBackfills(deps())).rejects.toThrow()
    expect((await parts(backfillId)).map(({ status, count }) => [status, count])).toEqual([
      ['failed', 1],
      ['running', 1],
      ['waiting', 12],
    ])
    await engine.query(`DELETE FROM millrace.backfill WHERE location = 'torn'`)
    await cancelBackfill(deps(), backfillId)
  })

  test('goes on when its location is back, and says meanwhile what it lacks', async () => {
    const { io } = memory()
    const key = 'gone/one'
    const one = asset({ key, partitions: staticPartitions(['a', 'b', 'c']), io, run: () => 1 })
    const { location, worker } = await engine.define([one])
    await worker.stop()
    const { backfillId } = await start({ assets: [key], runsAtOnce: 1 })
    const [first] = await engine.query<{ id: string }>(`SELECT id FROM millrace.run WHERE backfill_id = $1`, [backfillId])
    const without = await engine.work({ ...location, assets: [asset({ key: 'gone/other', io, run: () => 1 })] }, { version: 'v2', queues: ['extract'] })
    // The run was planned when it was there: it fails, or is canceled here before it comes to that.
    await engine.cancel(first?.id ?? '')
    await waitFor(
      async () => String(await engine.value(`SELECT problem FROM millrace.backfill WHERE id = $1`, [backfillId])).includes('no longer defines gone/one'),
      {
        what: 'the backfill to say what it lacks',
      },
    )
    expect((await parts(backfillId)).find(({ status }) => status === 'waiting')?.count).toBe(2)
    await without.stop()
    await engine.work(location, { version: 'v3' })
    expect(await ended(backfillId)).toBe('failed')
    expect((await parts(backfillId)).find(({ status }) => status === 'succeeded')?.count).toBe(2)
    expect(await retryBackfill(deps(), backfillId)).toBe(1)
    expect(await ended(backfillId)).toBe('succeeded')
  })

  test('of 10,000 partitions of three assets is planned and taken on in little time', async () => {
    const { io } = memory()
    const hours = hourlyPartitions({ start: '2020-01-01', end: '2021-02-20T16:00' })
    const one = asset({ key: 'many/one', partitions: hours, io, run: () => 1 })
    const two = asset({ key: 'many/two', partitions: hours, deps: [{ asset: one, partitions: mapPartitions.window({ start: -2 }) }], io, run: () => 1 })
    const three = asset({
      key: 'many/three',
      partitions: staticPartitions(Array.from({ length: 10_000 }, (_, n) => `k${String(n)}`)),
      deps: [{ asset: two, partitions: mapPartitions.all() }],
      io,
      run: () => 1,
    })
    const { worker } = await engine.define([three, two, one])
    await worker.stop()
    const began = performance.now()
    const { backfillId } = await start({ assets: ['many/*'], runsAtOnce: 2 })
    const planned = performance.now() - began
    expect((await parts(backfillId)).map(({ status, count }) => [status, count])).toEqual([
      ['running', 2],
      ['waiting', 29_998],
    ])
    const again = performance.now()
    await engine.query(
      `UPDATE millrace.run SET status = 'failed', ended_at = now() WHERE id IN (SELECT run_id FROM millrace.backfill_part WHERE backfill_id = $1 AND ordinal = 0)`,
      [backfillId],
    )
    await advanceBackfill(deps(), backfillId)
    const advanced = performance.now() - again
    // Far above what they take (see bench/partitions.ts), and far below what a quadratic way would.
    expect([planned < 10_000, advanced < 5000], `${String(planned)} ms, ${String(advanced)} ms`).toEqual([true, true])
    await cancelBackfill(deps(), backfillId)
    expect(await ended(backfillId)).toBe('canceled')
  })
})
