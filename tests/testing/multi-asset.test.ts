import { asset, dailyPartitions, defineLocation, externalAsset, multiAsset, output } from 'millrace'
import { callAsset, callMultiAsset, memoryIo, runAssets, testClock } from 'millrace/testing'
import * as z from 'zod'
import { describe, expect, test } from '../support/test.ts'

const io = memoryIo()
const count = asset({ key: 'shop/count', io, value: z.number(), run: () => 3 })

describe('a function of several assets', () => {
  const days = dailyPartitions({ start: '2026-01-01' })
  const split = multiAsset({
    name: 'many/split',
    subset: true,
    io,
    inputs: { count },
    outputs: {
      half: { key: 'many/half', value: z.number(), checks: [{ name: 'small', blocking: true, run: ({ value }) => ({ passed: value < 50 }) }] },
      twice: { key: 'many/twice', value: z.number() },
      odd: { key: 'many/odd', value: z.number().optional() },
    },
    run: ({ inputs, wanted, log, observe }) => {
      log('asked', { wanted: [...wanted] })
      observe('many/half', { metadata: { of: inputs.count } })
      const n = inputs.count
      return {
        ...(wanted.has('half') ? { half: output(n / 2, { metadata: { of: n } }) } : {}),
        ...(wanted.has('twice') ? { twice: n * 2 } : {}),
        ...(wanted.has('odd') && n % 2 === 1 ? { odd: n } : {}),
      }
    },
  })
  const together = multiAsset({
    name: 'both/made',
    io,
    partitions: days,
    outputs: { key: { key: 'both/key', value: z.string() }, first: { key: 'both/first', value: z.string().optional() } },
    run: ({ partition }) => ({ key: partition.key, ...(partition.key.endsWith('01') ? { first: partition.key } : {}) }),
  })
  const clock = testClock('2026-01-04T00:00:00Z')

  test('is called for all of its outputs, or for those that are wanted', async () => {
    expect(await callMultiAsset(split, { inputs: { count: 8 } })).toEqual({
      values: { half: 4, twice: 16 },
      leftOut: ['odd'],
      metadata: { half: { of: 8 }, twice: {} },
      checks: [expect.objectContaining({ asset: 'many/half', name: 'small', passed: true })],
      observations: [{ asset: 'many/half', partition: undefined, metadata: { of: 8 } }],
      log: [expect.objectContaining({ step: 'many/split', fields: { wanted: ['half', 'twice', 'odd'] } })],
    })
    expect(await callMultiAsset(split, { inputs: { count: 7 }, wanted: ['odd'] })).toMatchObject({ values: { odd: 7 }, leftOut: [] })
    expect(await callMultiAsset(together, { partition: '2026-01-02', clock })).toMatchObject({ values: { key: '2026-01-02' }, leftOut: ['first'] })
  })

  test('is called by one of its assets, and asked for that one alone where it can be', async () => {
    const called = await callAsset(split.assets.half, { inputs: { count: 6 } })
    expect(called).toMatchObject({ value: 3, metadata: { of: 6 }, checks: [{ name: 'small' }], log: [{ fields: { wanted: ['half'] } }] })
    expect(await callAsset(together.assets.first, { partition: '2026-01-01', clock })).toMatchObject({ value: '2026-01-01', checks: [] })
  })

  test('is handed what the wanted outputs are made from, and no other input', async () => {
    const visits = asset({ key: 'shop/visits', io, value: z.number(), run: () => 9 })
    const figures = multiAsset({
      name: 'many/figures',
      subset: true,
      io,
      inputs: { count, visits },
      outputs: {
        own: { key: 'many/own', value: z.number().optional(), deps: [count] },
        all: { key: 'many/all', value: z.number().optional() },
        greedy: { key: 'many/greedy', value: z.number().optional(), deps: [count] },
      },
      run: ({ inputs, wanted }) => ({
        ...(wanted.has('own') ? { own: inputs.count } : {}),
        ...(wanted.has('all') || wanted.has('greedy') ? { all: inputs.count + inputs.visits, greedy: inputs.visits } : {}),
      }),
    })
    expect(await callMultiAsset(figures, { wanted: ['own'], inputs: { count: 2 } })).toMatchObject({ values: { own: 2 } })
    await expect(callMultiAsset(figures, { wanted: ['greedy'], inputs: { count: 2 } })).rejects.toMatchObject({ code: 'INPUT_NOT_LOADED' })
    await expect(callMultiAsset(figures, { wanted: ['all'], inputs: { count: 2 } })).rejects.toMatchObject({ code: 'TEST_INPUTS' })
    const run = await runAssets([count, visits, figures], { select: 'many/own', values: { 'shop/count': 5 } })
    expect(run.value('many/own')).toBe(5)
  })

  test('comes after all that its wanted outputs hang on, wherever that is listed', async () => {
    const broken = asset({
      key: 'many/broken',
      io,
      value: z.number(),
      run: (): number => {
        throw new Error('no answer')
      },
    })
    const halves = multiAsset({
      name: 'many/halves',
      subset: true,
      io,
      inputs: { broken },
      outputs: { free: { key: 'many/free', value: z.number().optional(), deps: [] }, tied: { key: 'many/tied', value: z.number().optional() } },
      run: ({ wanted }) => (wanted.has('free') ? { free: 1 } : { tied: 2 }),
    })
    const stepsOf = async (select: readonly string[]) => (await runAssets([halves, broken], { select })).steps.map(({ name, status }) => `${name} ${status}`)
    expect(await stepsOf(['*'])).toEqual(['many/broken failed', 'many/halves skipped', 'many/free skipped', 'many/tied skipped'])
    expect(await stepsOf(['many/free', 'many/broken'])).toEqual(['many/broken failed', 'many/halves succeeded', 'many/free succeeded'])
  })

  test('keeps in a run what it observed', async () => {
    const run = await runAssets([count, split])
    expect(run.observations).toEqual([{ asset: 'many/half', partition: undefined, metadata: { of: 3 } }])
  })

  test.each<[string, () => Promise<unknown>, object]>([
    ['an output that was left out', () => callAsset(split.assets.odd, { inputs: { count: 2 } }), { code: 'TEST_NO_VALUE' }],
    ['a blocking check that fails', () => callMultiAsset(split, { inputs: { count: 100 } }), { code: 'CHECK_FAILED' }],
    ['a missing input', () => callMultiAsset(split), { code: 'TEST_INPUTS', message: 'many/split is called without its input count.' }],
    ['an output that there is not', () => callMultiAsset(split, { inputs: { count: 1 }, wanted: ['half', 'hafl' as 'half'] }), { code: 'TEST_WANTED' }],
    ['one of those that are made together', () => callMultiAsset(together, { partition: '2026-01-01', wanted: ['key'] }), { code: 'TEST_WANTED' }],
    // Types say so as well; tests are run without.
    [
      'a call as if it were one asset',
      () => callAsset(split as never),
      { code: 'TEST_SEVERAL_ASSETS', message: 'many/split is no asset, but a function that makes several.', hint: 'Call it by callMultiAsset().' },
    ],
    ['a missing partition', () => callMultiAsset(together), { code: 'PARTITION_NEEDED' }],
  ])('rejects %s', async (_, call, error) => {
    await expect(call()).rejects.toMatchObject(error)
  })

  test('runs once for those that are chosen, by partition too, and what hangs on what it left out is skipped', async () => {
    const below = asset({ key: 'many/below', io, inputs: { odd: split.assets.odd }, run: ({ inputs }) => inputs.odd })
    const run = await runAssets([below, split], { select: 'many/odd+', values: { 'shop/count': 4 } })
    expect(run.status).toBe('succeeded')
    expect(run.steps.map(({ name, kind, status }) => [name, kind, status])).toEqual([
      ['many/split', 'multi', 'succeeded'],
      ['many/odd', 'function', 'skipped'],
      ['many/below', 'function', 'skipped'],
    ])
    expect(() => run.value(below)).toThrow('many/below has no value: it was skipped, because something that it is made from was left out')
    expect((await runAssets([split.assets.twice], { values: { 'shop/count': 4 } })).value('many/split')).toEqual({ twice: 8 })
    const both = await runAssets([together.assets.first], { partitions: ['2026-01-01..2026-01-03'], clock })
    expect(both.steps.map(({ name, metadata }) => [name, Object.keys(metadata)])).toEqual([
      ['both/made', []],
      ['both/first', ['2026-01-01']],
      ['both/key', ['2026-01-01', '2026-01-02', '2026-01-03']],
    ])
    expect(both.value(together.assets.first, '2026-01-01')).toBe('2026-01-01')
    expect(() => both.value(together.assets.key)).toThrow('both/key has a value for each partition: say of which.')
  })
})

test('external assets are taken as given, and no run makes them', async () => {
  const feed = externalAsset({ key: 'ext/feed' })
  const read = asset({ key: 'ext/read', io, deps: [feed], run: () => 1 })
  const location = defineLocation({ name: 'place', assets: [feed, read] })
  expect((await runAssets(location)).steps.map(({ name }) => name)).toEqual(['ext/read'])
  expect((await runAssets([read, feed], { select: '+ext/read' })).value(read)).toBe(1)
  await expect(runAssets(location, { select: 'kind:external' })).rejects.toMatchObject({
    code: 'ASSET_EXTERNAL',
    message: 'ext/feed is made by something else: no run materializes it.',
  })
  await expect(runAssets([feed])).rejects.toMatchObject({ code: 'ASSET_EXTERNAL' })
  await expect(runAssets(location, { values: { 'ext/feed': 1 } })).rejects.toMatchObject({
    code: 'TEST_UNKNOWN_ASSET',
    message: expect.stringContaining('an external asset'),
  })
})
