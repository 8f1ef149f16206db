import * as z from 'zod'
import { transaction } from '../../src/catalog/database.ts'
import { grantSlots, readPools, setPoolSize } from '../../src/catalog/pools.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import type { FunctionAsset } from '../../src/definitions/function-asset.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { graph } from '../../src/definitions/ops/graph.ts'
import { graphAsset } from '../../src/definitions/ops/graph-asset.ts'
import { mapOver } from '../../src/definitions/ops/map-over.ts'
import { op } from '../../src/definitions/ops/op.ts'
import { sqlAsset } from '../../src/definitions/sql-asset.ts'
import { table } from '../../src/definitions/table.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { createLocation, startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describe, describeBackends, expect, temporaryFolder, test, waitFor } from '../support/test.ts'
import { createGate } from './gate.ts'

const io = jsonFiles({ folder: '/nowhere' })

describe('a pool that cannot be', () => {
  const one = (options: { pool?: string; slots?: number }) => asset({ key: 'a/b', io, run: () => 1, ...options })
  test.each<[string, () => unknown, RegExp]>([
    [
      'is not declared',
      () => defineLocation({ name: 'x', assets: [one({ pool: 'api' })] }),
      /a\/b names the pool api, which the location x does not declare\. Declare it/,
    ],
    ['is another', () => defineLocation({ name: 'x', pools: { other: 1 }, assets: [one({ pool: 'api' })] }), /Its pools are: other/],
    [
      'is too small',
      () => defineLocation({ name: 'x', pools: { api: 2 }, assets: [one({ pool: 'api', slots: 3 })] }),
      /asks for 3 slots of the pool api, which has 2/,
    ],
    ['has half a slot', () => one({ pool: 'api', slots: 0.5 }), /slots of a\/b must be a whole number from 1, not 0\.5/],
    ['is not named', () => one({ slots: 2 }), /a\/b has slots and no pool/],
    ['has no slots', () => defineLocation({ name: 'x', pools: { api: 0 }, assets: [] }), /The pools of the location x cannot be/],
    ['limits nothing', () => defineLocation({ name: 'x', limits: { runs: 0 }, assets: [] }), /The limits of the location x cannot be/],
  ])('because it %s is refused when definitions load', (_, define, message) => {
    expect(define).toThrow(message)
  })
})

describeBackends('pools', (backend) => {
  let engine: Engine
  let folder: string
  beforeAll(async () => {
    folder = await temporaryFolder()
    engine = await startEngine({ backend })
    return engine.stop
  })
  const gated = (
    key: string,
    options: { pool?: string; slots?: number; retries?: number } = {},
  ): { one: FunctionAsset; gate: ReturnType<typeof createGate> } => {
    const gate = createGate()
    const { retries = 0, ...rest } = options
    return {
      gate,
      one: asset({ key, ...rest, io: jsonFiles({ folder }), retry: { retries, delayMs: 20 }, run: ({ runId, signal }) => gate.pass(runId, signal) }),
    }
  }
  const stepOf = async (runId: string, at = 0) => (await engine.view(runId)).steps[at]?.status

  test('an op of a mapping takes slots for each of its branches', async () => {
    let running = 0
    let most = 0
    const items = op({ name: 'items', output: z.array(z.int()), run: () => [1, 2, 3, 4] })
    const fetchOne = op({
      name: 'fetch_one',
      pool: 'fan',
      inputs: { n: z.int() },
      output: z.int(),
      run: async ({ inputs }) => {
        most = Math.max(most, (running += 1))
        await new Promise((resolve) => setTimeout(resolve, 30))
        running -= 1
        return inputs.n
      },
    })
    const sum = op({ name: 'sum', pool: 'fan', inputs: { all: z.array(z.int()) }, output: z.int(), run: ({ inputs }) => inputs.all.reduce((a, b) => a + b, 0) })
    const all = graph({ name: 'all', compose: () => sum({ all: mapOver(items(), (n) => fetchOne({ n })).collect() }) })
    const location = createLocation([graphAsset({ key: 'pools/sum', graph: all, io: jsonFiles({ folder }) })], { pools: { fan: 1 } })
    await engine.work(location)
    const run = await engine.succeed('pools/sum')
    expect(most).toBe(1)
    const pooled = await engine.query(`SELECT asset FROM millrace.step WHERE run_id = $1 AND pool = 'fan' ORDER BY asset`, [run.id])
    expect(pooled.map(({ asset: name }) => name)).toEqual([0, 1, 2, 3].map((at) => `pools/sum.fetch_one[${String(at)}]`).concat('pools/sum.sum'))
    expect(await engine.value(`SELECT metadata ->> 'bytes' FROM millrace.asset WHERE key = 'pools/sum'`)).toBe('2')
  })

  test('a step waits for a slot before it is enqueued, and gets it by priority and age; who needs more than is free is not passed', async () => {
    const { one, gate } = gated('pools/one', { pool: 'api' })
    const two = gated('pools/two', { pool: 'api', slots: 2 })
    const free = gated('pools/free')
    await engine.work(createLocation([one, two.one, free.one], { pools: { api: 2 } }))
    const launch = async (key: string, priority = 0) => (await engine.launch(key, { priority })).runId
    const [a, b] = [await launch('pools/one'), await launch('pools/one')]
    const c = await launch('pools/one')
    const both = await launch('pools/two', 1)
    const d = await launch('pools/one', 1)
    const none = await launch('pools/free')
    expect(await Promise.all([a, b, c, both, d, none].map((run) => stepOf(run)))).toEqual(['running', 'running', 'waiting', 'waiting', 'waiting', 'running'])
    free.gate.openForGood()
    await engine.ended(none)
    await waitFor(() => gate.ran.length === 2, { what: 'two to run' })
    gate.letGo(1)
    await waitFor(async () => [await stepOf(a), await stepOf(b)].includes('succeeded'), { what: 'one to end' })
    // One slot is free, and the next in turn needs two.
    await transaction(engine.database.pool, grantSlots)
    expect(await Promise.all([c, both, d].map((run) => stepOf(run)))).toEqual(['waiting', 'waiting', 'waiting'])
    gate.letGo(1)
    await waitFor(() => two.gate.ran.length === 1, { what: 'the one that needs both' })
    expect(await Promise.all([c, d].map((run) => stepOf(run)))).toEqual(['waiting', 'waiting'])
    gate.openForGood()
    two.gate.openForGood()
    for (const run of [a, b, c, both, d]) expect((await engine.ended(run)).status).toBe('succeeded')
    expect(gate.ran.slice(2)).toEqual(expect.arrayContaining([d, c]))
    expect((await readPools(engine.database.pool)).find((pool) => pool.name === 'api')).toMatchObject({ slots: 2, used: 0, waiting: 0 })
  })

  test('tables hold a slot from preparing to publishing, SQL assets too; a retry gives it up while it waits', async () => {
    const seen: string[] = []
    const { one: blocker, gate } = gated('stages/blocker', { pool: 'one' })
    let fail = true
    const rows = table({
      key: 'stages/rows',
      pool: 'one',
      columns: z.object({ id: z.int() }),
      write: { disposition: 'replace' },
      retry: { retries: 1, delayMs: 2500, maxDelayMs: 2500 },
      extract: async function* () {
        seen.push('rows')
        if (fail) throw new Error('not now')
        yield [{ id: 1 }]
      },
    })
    const view = sqlAsset({ key: 'stages/view', pool: 'one', deps: [rows], select: 'SELECT id FROM stages.rows', store: { kind: 'view' } })
    await engine.work(createLocation([blocker, rows, view], { pools: { one: 1 } }))
    const first = await engine.launch(['stages/rows', 'stages/view'])
    const second = await engine.launch('stages/blocker')
    // While the first waits for its next attempt, the second has the slot.
    await waitFor(() => gate.ran.length === 1, { what: 'the other step to run' })
    expect((await engine.view(first.runId)).steps.map((step) => step.status)).toEqual(['retrying', 'waiting'])
    fail = false
    await waitFor(
      async () =>
        (await engine.value(`SELECT next_attempt_at < clock_timestamp() - interval '1 s' FROM millrace.step WHERE run_id = $1 AND asset = 'stages/rows'`, [
          first.runId,
        ])) === true,
      { what: 'the retry to be due' },
    )
    expect((await engine.view(first.runId)).steps.map((step) => step.status)).toEqual(['retrying', 'waiting'])
    gate.openForGood()
    expect((await engine.ended(first.runId)).status).toBe('succeeded')
    expect((await engine.ended(second.runId)).status).toBe('succeeded')
    expect(seen).toEqual(['rows', 'rows'])
  })

  test('a smaller pool ends nothing, and a pool that new definitions no longer have keeps its size for what waits', async () => {
    const { one, gate } = gated('gone/one', { pool: 'api', slots: 2 })
    const place = createLocation([one], { pools: { api: 2 } })
    const worker = await engine.work(place)
    const [first, second] = [await engine.launch('gone/one'), await engine.launch('gone/one')]
    await waitFor(() => gate.ran.length === 1, { what: 'the first to run' })
    await setPoolSize(engine.database.pool, { location: place.name, name: 'api', slots: 0 }, 'ada')
    gate.openForGood()
    await engine.ended(first.runId)
    await transaction(engine.database.pool, grantSlots)
    expect(await stepOf(second.runId)).toBe('waiting')
    // More slots than there are: it takes all of them.
    await setPoolSize(engine.database.pool, { location: place.name, name: 'api', slots: 1 }, 'ada')
    expect((await engine.ended(second.runId)).status).toBe('succeeded')
    await engine.query('DELETE FROM millrace.pool_size')
    const shut = createGate()
    const held = asset({ key: 'gone/one', pool: 'api', io: jsonFiles({ folder }), run: ({ runId, signal }) => shut.pass(runId, signal) })
    await worker.stop()
    const again = await engine.work(defineLocation({ name: place.name, assets: [held], pools: { api: 1 } }), { version: 'v2' })
    const [third, fourth] = [await engine.launch('gone/one'), await engine.launch('gone/one')]
    await waitFor(() => shut.ran.length === 1, { what: 'the third to run' })
    const bare = asset({ key: 'gone/one', io: jsonFiles({ folder }), run: ({ runId, signal }) => shut.pass(runId, signal) })
    await again.stop()
    await engine.work(defineLocation({ name: place.name, assets: [bare] }), { version: 'v3' })
    expect(await stepOf(fourth.runId)).toBe('waiting')
    expect((await readPools(engine.database.pool)).find((pool) => pool.location === place.name)).toMatchObject({ slots: 1, declared: null })
    shut.openForGood()
    for (const { runId } of [third, fourth]) expect((await engine.ended(runId)).status).toBe('succeeded')
  })

  test('what ends in any way gives its slots back: failed, canceled, deleted', async () => {
    const { one, gate } = gated('leaks/one', { pool: 'api' })
    const broken = asset({ key: 'leaks/broken', pool: 'api', io: jsonFiles({ folder }), retry: { retries: 0 }, run: () => Promise.reject(new Error('no')) })
    const place = createLocation([one, broken], { pools: { api: 1 } })
    await engine.work(place)
    const used = async () => (await readPools(engine.database.pool)).find((pool) => pool.location === place.name)?.used
    expect((await engine.run('leaks/broken')).status).toBe('failed')
    const canceled = await engine.launch('leaks/one')
    const deleted = await engine.launch('leaks/one')
    const last = await engine.launch('leaks/one')
    await waitFor(() => gate.ran.length === 1, { what: 'the first to run' })
    expect(await used()).toBe(1)
    await engine.cancel(canceled.runId)
    await waitFor(() => gate.ran.length === 2, { what: 'the second to run' })
    await engine.query('DELETE FROM millrace.run WHERE id = $1', [deleted.runId])
    await waitFor(() => gate.ran.length === 3, { what: 'the third to run' })
    gate.openForGood()
    expect((await engine.ended(last.runId)).status).toBe('succeeded')
    expect(await used()).toBe(0)
  })
})
