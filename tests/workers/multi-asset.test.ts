import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { asset, output } from '../../src/definitions/function-asset.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { multiAsset } from '../../src/definitions/multi-asset.ts'
import { dailyPartitions } from '../../src/definitions/partitions/partitions.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { startBackfill } from '../../src/producers/launch/backfill/start-backfill.ts'
import { startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, temporaryFolder, test, waitFor } from '../support/test.ts'

const once = { retries: 0 }

describeBackends('a function of several assets', (backend) => {
  let engine: Engine
  let io: ReturnType<typeof jsonFiles>
  let folder: string
  beforeAll(async () => {
    folder = await temporaryFolder()
    io = jsonFiles({ folder })
    engine = await startEngine({ backend })
    return engine.stop
  })
  const stored = async (key: string, partition = 'value'): Promise<unknown> => JSON.parse(await readFile(join(folder, key, `${partition}.json`), 'utf8'))
  const steps = (run: { readonly steps: readonly { asset: string; status: string }[] }) => Object.fromEntries(run.steps.map((one) => [one.asset, one.status]))

  test('makes all of them together, whichever is asked for, and hands their values on', async () => {
    const five = asset({ key: 'all/five', io, run: () => 5 })
    const tries: number[] = []
    const pair = multiAsset({
      name: 'all/pair',
      inputs: { five },
      config: z.object({ by: z.int().default(2) }),
      io,
      retry: { retries: 1, delayMs: 10 },
      outputs: {
        twice: { key: 'all/twice', value: z.int(), group: 'math', checks: [{ name: 'even', run: ({ value }) => ({ passed: value % 2 === 0 }) }] },
        text: { key: 'all/text', value: z.string() },
      },
      run: ({ inputs, config, attempt, wanted, log }) => {
        tries.push(attempt)
        if (attempt === 1) throw new Error('the first try fails')
        log('asked', { wanted: [...wanted] })
        return { twice: output(inputs.five * config.by, { metadata: { by: config.by } }), text: String(inputs.five) }
      },
    })
    const total = asset({
      key: 'all/total',
      inputs: { twice: pair.assets.twice, text: pair.assets.text },
      io,
      run: ({ inputs }) => `${inputs.text}/${String(inputs.twice)}`,
    })
    await engine.define([total, pair, five])
    await engine.succeed('all/five')
    const run = await engine.succeed(['all/twice', 'all/total'], { config: { by: 9, ops: { 'all/pair': { config: { by: 4 } } } } })
    expect(tries).toEqual([1, 2])
    expect(steps(run)).toEqual({ 'all/pair': 'succeeded', 'all/text': 'succeeded', 'all/twice': 'succeeded', 'all/total': 'succeeded' })
    expect(await stored('all/total')).toBe('5/20')
    const messages = run.events.map(({ message }) => message)
    expect(messages).toContain('all/pair makes its assets together: all/text is made too.')
    expect(messages.filter((one) => one.includes('was materialized'))).toHaveLength(3)
    expect(await engine.value(`SELECT assets FROM millrace.run WHERE id = $1`, [run.id])).toEqual(['all/twice', 'all/text', 'all/total'])
    expect(await engine.value(`SELECT metadata - 'seconds' - 'path' FROM millrace.asset WHERE key = 'all/twice'`)).toEqual({ by: 4, bytes: 2 })
    expect(await engine.query(`SELECT asset, name, passed FROM millrace.check_result`)).toEqual([{ asset: 'all/twice', name: 'even', passed: true }])
    expect(await engine.value(`SELECT data FROM millrace.event WHERE kind = 'log' AND asset = 'all/pair'`)).toEqual({ wanted: ['twice', 'text'] })
  })

  test('is told which are wanted; what it leaves out is skipped, and what hangs on that, with the reason', async () => {
    const wanted: string[][] = []
    const split = multiAsset({
      name: 'some/split',
      subset: true,
      io,
      retry: once,
      config: z.object({ extra: z.boolean().default(false) }),
      outputs: {
        a: { key: 'some/a', value: z.int() },
        b: { key: 'some/b', value: z.int() },
        c: { key: 'some/c', value: z.int().optional() },
      },
      run: (context) => {
        wanted.push([...context.wanted])
        return { ...(context.wanted.has('a') || context.config.extra ? { a: 1 } : {}), ...(context.wanted.has('b') ? { b: 2 } : {}) }
      },
    })
    const last = asset({ key: 'some/last', inputs: { c: split.assets.c }, deps: [split.assets.b], io, run: ({ inputs }) => inputs.c })
    const beyond = asset({ key: 'some/beyond', inputs: { last }, io, run: () => 1 })
    const { location } = await engine.define([split, last, beyond])
    const alone = await engine.succeed('some/b')
    expect(steps(alone)).toEqual({ 'some/split': 'succeeded', 'some/b': 'succeeded' })
    const run = await engine.succeed(['some/b', 'some/c', 'some/last', 'some/beyond'])
    expect(wanted).toEqual([['b'], ['b', 'c']])
    expect(steps(run)).toEqual({ 'some/split': 'succeeded', 'some/b': 'succeeded', 'some/c': 'skipped', 'some/last': 'skipped', 'some/beyond': 'skipped' })
    expect(run.events.map(({ message }) => message)).toEqual(
      expect.arrayContaining(['some/c', 'some/last', 'some/beyond'].map((key) => `${key} was skipped, because some/split left out some/c.`)),
    )
    expect(await engine.query(`SELECT DISTINCT skipped_because FROM millrace.step WHERE run_id = $1 AND status = 'skipped'`, [run.id])).toEqual([
      { skipped_because: 'because some/split left out some/c' },
    ])
    expect(await engine.query(`SELECT key FROM millrace.asset WHERE key LIKE 'some/%'`)).toEqual([{ key: 'some/b' }])

    const unasked = await engine.run('some/b', { location: location.name, config: { extra: true } })
    expect(unasked.steps.find((one) => one.asset === 'some/split')?.error).toMatchObject({
      code: 'VALUE_INVALID',
      message: 'some/split answered a, which it was not asked for. It was asked for b: see `wanted`.',
    })
    expect(steps(unasked)).toEqual({ 'some/split': 'failed', 'some/b': 'skipped' })
  })

  test.for<[string, (given: { n: number }) => unknown, RegExp]>([
    ['leaves out what must be made', () => ({ a: 1 }), /bad\/split did not answer b\. What may be left out has a value type that is/],
    ['answers what there is not', () => ({ a: 1, b: 2, d: 3 }), /answered d, which is none of its outputs: a, b/],
    [
      'answers a value of the wrong type',
      () => ({ a: 1, b: 'two' }),
      /What bad\/split answered of bad\/b is not as its schema says: it: .*number.*, but is "two"/,
    ],
    ['answers no object', () => 'both', /must answer an object with the values of its outputs: a, b/],
    ['answers what a blocking check refuses', () => ({ a: 1, b: -1 }), /The check positive of bad\/b failed/],
  ])('one that %s fails as a whole: nothing is stored, and what is there stays', async ([, answer, message]) => {
    let run: (given: { n: number }) => unknown = () => ({ a: 10, b: 20 })
    const { location } = await engine.define([
      multiAsset({
        name: 'bad/split',
        io,
        retry: once,
        outputs: {
          a: { key: 'bad/a', value: z.int() },
          b: { key: 'bad/b', value: z.int(), checks: [{ name: 'positive', blocking: true, run: ({ value }) => ({ passed: value > 0 }) }] },
        },
        run: () => run({ n: 1 }) as { a: number; b: number },
      }),
    ])
    await engine.succeed('bad/*', { location: location.name })
    run = answer
    const failed = await engine.run('bad/*', { location: location.name })
    expect(failed.steps.find((one) => one.asset === 'bad/split')?.error).toMatchObject({ message: expect.stringMatching(message) as unknown })
    expect(steps(failed)).toEqual({ 'bad/split': 'failed', 'bad/a': 'skipped', 'bad/b': 'skipped' })
    expect([await stored('bad/a'), await stored('bad/b')]).toEqual([10, 20])
    expect(await engine.query(`SELECT asset, step, run_id FROM millrace.asset_failure WHERE location = $1 ORDER BY asset`, [location.name])).toEqual(
      ['bad/a', 'bad/b'].map((key) => ({ asset: key, step: 'bad/split', run_id: failed.id })),
    )
    const checks = await engine.query(`SELECT passed FROM millrace.check_result WHERE location = $1 AND asset = 'bad/b'`, [location.name])
    expect(checks).toEqual([{ passed: !message.source.includes('positive') }])
  })

  test('makes partitions of all of them, in one run of a backfill, and says of each which failed', async () => {
    const days = dailyPartitions({ start: '2026-01-01', end: '2026-01-04' })
    const calls: string[] = []
    const split = multiAsset({
      name: 'days/split',
      partitions: days,
      io,
      retry: once,
      outputs: { a: { key: 'days/a', value: z.string() }, b: { key: 'days/b', value: z.string().optional() } },
      run: ({ partition }) => {
        calls.push(partition.key)
        if (partition.key === '2026-01-03') throw new Error('no third day')
        return { a: `a ${partition.key}`, ...(partition.key === '2026-01-01' ? {} : { b: `b ${partition.key}` }) }
      },
    })
    const { location } = await engine.define([split])
    const { backfillId } = await startBackfill(
      { pool: engine.database.pool, queues: engine.queues, logger: testLogger },
      { assets: ['days/a'], location: location.name, launchedBy: 'test' },
    )
    await waitFor(async () => (await engine.value(`SELECT status FROM millrace.backfill WHERE id = $1`, [backfillId])) === 'failed', {
      what: 'the backfill to end',
    })
    expect(calls.toSorted()).toEqual(['2026-01-01', '2026-01-02', '2026-01-03'])
    expect(await stored('days/b', '2026-01-02')).toBe('b 2026-01-02')
    const states = await engine.query(
      `SELECT asset, partition, materialized_at IS NOT NULL AS there, failed_at IS NOT NULL AS failed FROM millrace.asset_partition WHERE location = $1 ORDER BY asset, partition`,
      [location.name],
    )
    expect(states.map((one) => Object.values(one).join(' '))).toEqual([
      'days/a 2026-01-01 true false',
      'days/a 2026-01-02 true false',
      'days/a 2026-01-03 false true',
      'days/b 2026-01-02 true false',
      'days/b 2026-01-03 false true',
    ])
  })

  test('waits in a run for what the outputs asked for hang on, and is handed that', async () => {
    let [lefts, rights] = [0, 0]
    const left = asset({ key: 'own/left', io, run: () => (lefts += 1) })
    const right = asset({ key: 'own/right', io, run: () => (rights += 1) })
    const seen: string[] = []
    const split = multiAsset({
      name: 'own/split',
      subset: true,
      io,
      retry: once,
      inputs: { left, right },
      outputs: {
        a: { key: 'own/a', value: z.int(), deps: [left] },
        b: { key: 'own/b', value: z.int(), deps: [right] },
        c: { key: 'own/c', value: z.int(), deps: ['own/a'] },
      },
      run: ({ inputs, wanted }) => {
        seen.push([...wanted].join(''), Object.keys(inputs).join(' '))
        const a = wanted.has('a') ? inputs.left : 0
        return { ...(wanted.has('a') ? { a } : {}), ...(wanted.has('b') ? { b: inputs.right } : {}), ...(wanted.has('c') ? { c: inputs.left } : {}) }
      },
    })
    await engine.define([split, right, left])
    expect(steps(await engine.succeed('+own/a'))).toEqual({ 'own/left': 'succeeded', 'own/split': 'succeeded', 'own/a': 'succeeded' })
    expect([lefts, rights, ...seen]).toEqual([1, 0, 'a', 'left'])
    // What of it hangs on another output of the function is made by the same step.
    const run = await engine.succeed(['own/c+1', '1+own/c'])
    expect(steps(run)).toEqual({ 'own/split': 'succeeded', 'own/a': 'succeeded', 'own/c': 'succeeded' })
    expect(await engine.value(`SELECT upstream FROM millrace.step WHERE run_id = $1 AND kind = 'multi'`, [run.id])).toEqual([])
    const both = await engine.succeed(['own/left', 'own/right', 'own/b', 'own/c', 'own/a'])
    expect(await engine.value(`SELECT upstream FROM millrace.step WHERE run_id = $1 AND kind = 'multi'`, [both.id])).toEqual(['own/left', 'own/right'])
    const alone = await engine.run('own/c')
    expect(alone.steps.find((one) => one.asset === 'own/split')?.error).toMatchObject({
      code: 'INPUT_NOT_LOADED',
      message: expect.stringContaining('The input left of own/split was not loaded') as unknown,
    })
  })

  test.runIf(backend === 'postgres')('is made as a whole by a backfill under way that knew fewer outputs of it', async () => {
    const days = dailyPartitions({ start: '2026-01-01', end: '2026-01-03' })
    const gate = Promise.withResolvers<undefined>()
    let called = false
    const a = { key: 'grown/a', value: z.int() }
    const shared = { name: 'grown/split', partitions: days, io, retry: once }
    const before = multiAsset({
      ...shared,
      outputs: { a },
      run: async () => {
        called = true
        await gate.promise
        return { a: 1 }
      },
    })
    const { location } = await engine.define([before])
    const { backfillId } = await startBackfill(
      { pool: engine.database.pool, queues: engine.queues, logger: testLogger },
      { assets: ['grown/a'], location: location.name, launchedBy: 'test', runsAtOnce: 1 },
    )
    await waitFor(() => called, { what: 'the first day to be made' })
    const after = multiAsset({ ...shared, outputs: { a, b: { key: 'grown/b', value: z.int() } }, run: () => ({ a: 2, b: 2 }) })
    await engine.work(defineLocation({ name: location.name, assets: [after] }), { version: 'v2' })
    gate.resolve(undefined)
    await waitFor(async () => (await engine.value(`SELECT status FROM millrace.backfill WHERE id = $1`, [backfillId])) === 'succeeded', {
      what: 'the backfill to end',
    })
    const made = await engine.query(`SELECT asset || ' ' || partition AS made FROM millrace.asset_partition WHERE location = $1 ORDER BY 1`, [location.name])
    expect(made.map(({ made: one }) => one)).toEqual(['grown/a 2026-01-01', 'grown/a 2026-01-02', 'grown/b 2026-01-02'])
  })
})
