import {
  asset,
  assetSensor,
  check,
  dailyPartitions,
  defineLocation,
  dynamicPartitions,
  graph,
  graphAsset,
  job,
  mapPartitions,
  op,
  output,
  partitionsOf,
  resource,
  runStatusSensor,
  schedule,
  sensor,
  table,
} from 'millrace'
import { callAsset, callCheck, callOp, callSchedule, callSensor, memoryIo, runAssets, runGraph, runJob, testClock } from 'millrace/testing'
import * as z from 'zod'
import { describe, expect, test } from '../support/test.ts'

const io = memoryIo()
const shop = resource({ start: ({ env }) => ({ count: () => Promise.resolve(Number(env['SHOP_COUNT'])) }) })
const count = asset({
  key: 'shop/count',
  io,
  resources: { shop },
  config: z.object({ times: z.int().min(1).default(2) }),
  value: z.number(),
  checks: [{ name: 'positive', blocking: true, run: ({ value }) => ({ passed: value > 0 }) }],
  run: async ({ config, resources, log, runStartedAt }) => {
    log.warn('counting', { token: 'abc', at: runStartedAt })
    return output((await resources.shop.count()) * config.times, { metadata: { source: 'shop' } })
  },
})
const fake = (answer: number) => ({ shop: { count: () => Promise.resolve(answer) } })

describe('callAsset', () => {
  test('hands the function defaults, fakes and the time, and tells what it answered and logged', async () => {
    const called = await callAsset(count, { resources: fake(4), clock: testClock('2026-01-02T03:04:05Z') })
    expect(called).toEqual({
      value: 8,
      metadata: { source: 'shop' },
      checks: [expect.objectContaining({ name: 'positive', passed: true })],
      observations: [],
      log: [{ step: 'shop/count', level: 'warn', message: 'counting', fields: { token: '[redacted]', at: '2026-01-02T03:04:05.000Z' } }],
    })
  })

  test('starts what is not replaced, in an environment of its own, and stops it', async () => {
    const stopped: string[] = []
    const real = asset({
      key: 'a',
      io,
      resources: { own: resource({ start: ({ env }) => Object.keys(env), stop: (keys) => void stopped.push(...keys) }) },
      run: ({ resources }) => resources.own,
    })
    const picky = resource<never>({
      start: ({ env }) => {
        throw new Error(`TOKEN is ${env['TOKEN'] ?? 'not set'}`)
      },
    })
    const wants = asset({ key: 'b', io, resources: { picky }, run: () => 1 })
    await expect(callAsset(wants)).rejects.toMatchObject({
      code: 'TEST_RESOURCE',
      message: 'The resource picky could not be started: TOKEN is not set',
      hint: expect.stringContaining('`resources: { picky: … }`'),
    })
    await expect(callAsset(wants, { env: { TOKEN: 'odd' } })).rejects.toThrow(/^TOKEN is odd$/)
    expect(await callAsset(real)).toMatchObject({ value: [] })
    expect(await callAsset(real, { env: { X: '1' } })).toMatchObject({ value: ['X'] })
    expect(stopped).toEqual(['X'])
  })

  test('makes a partition, from the partitions that its mapping says', async () => {
    const days = dailyPartitions({ start: '2026-01-01' })
    const daily = asset({ key: 'daily', io, partitions: days, run: ({ partition }) => partition.key })
    const trend = asset({
      key: 'trend',
      io,
      partitions: days,
      inputs: { days: partitionsOf(daily, mapPartitions.window({ start: -1 })) },
      run: ({ inputs }) => Object.keys(inputs.days),
    })
    const clock = testClock('2026-01-05T00:00:00Z')
    expect(await callAsset(daily, { partition: '2026-01-04', clock })).toMatchObject({ value: '2026-01-04' })
    await expect(callAsset(daily, { partition: '2026-01-05', clock })).rejects.toMatchObject({ code: 'UNKNOWN_PARTITION' })
    await expect(callAsset(daily)).rejects.toMatchObject({ code: 'PARTITION_NEEDED' })
    const run = await runAssets([trend], { partitions: ['2026-01-03'], clock, values: { daily: { '2026-01-02': 'x', '2026-01-03': 'y' } } })
    expect(run.value(trend, '2026-01-03')).toEqual(['2026-01-02', '2026-01-03'])
    const files = asset({ key: 'files', io, partitions: dynamicPartitions('files'), run: ({ partition }) => partition.key })
    expect(await callAsset(files, { partition: 'a', partitionKeys: { files: ['a'] } })).toMatchObject({ value: 'a' })
  })

  test('of a graph-backed asset runs its ops', async () => {
    const twice = op({ name: 'twice', inputs: { n: z.number() }, output: z.number(), run: ({ inputs }) => inputs.n * 2 })
    const made = graphAsset({
      key: 'made',
      io,
      inputs: { n: count },
      graph: graph({ name: 'doubling', inputs: { n: z.number() }, compose: ({ n }) => ({ once: n, double: twice({ n }) }) }),
    })
    expect(await callAsset(made, { inputs: { n: 3 } })).toMatchObject({ value: { once: 3, double: 6 } })
  })

  test('of a graph-backed asset hands its ops the partition', async () => {
    const days = dailyPartitions({ start: '2026-01-01', end: '2026-01-10' })
    const daily = asset({ key: 'daily', io, partitions: days, run: ({ partition }) => partition.key })
    const say = op({
      name: 'say',
      inputs: { all: z.record(z.string(), z.string()) },
      output: z.string(),
      run: ({ inputs, partition }) => `${partition?.key ?? ''} ${partition?.window?.end.toISOString() ?? ''} ${Object.keys(inputs.all).join()}`,
    })
    const saying = graph({ name: 'saying', inputs: { all: z.record(z.string(), z.string()) }, compose: (inputs) => say(inputs) })
    const inputs = { all: partitionsOf(daily, mapPartitions.window({ start: -1 })) }
    const made = graphAsset({ key: 'made', io, partitions: days, inputs, graph: saying })
    const whole = graphAsset({ key: 'whole', io, inputs: { all: partitionsOf(daily) }, graph: saying })
    const values = { daily: Object.fromEntries(Array.from({ length: 9 }, (_, day) => [`2026-01-0${String(day + 1)}`, 'x'])) }
    const said = '2026-01-03 2026-01-04T00:00:00.000Z'
    expect((await runAssets([made], { partitions: ['2026-01-03'], values })).value(made, '2026-01-03')).toBe(`${said} 2026-01-02,2026-01-03`)
    expect((await runAssets([whole], { values })).value(whole)).toBe(`  ${Object.keys(values.daily).join()}`)
    await expect(runAssets([made], { partitions: ['2026-01-03..2026-01-04'], values })).rejects.toMatchObject({ code: 'ONE_PARTITION_PER_RUN' })
    expect(await callAsset(made, { partition: '2026-01-03', inputs: { all: {} } })).toMatchObject({ value: `${said} ` })
    expect(await callOp(say, { partition: { key: '2026-01-03', of: days }, inputs: { all: {} } })).toMatchObject({ value: `${said} ` })
    expect(await callOp(say, { partition: 'x', inputs: { all: {} } })).toMatchObject({ value: 'x  ' })
    const found = op({ name: 'found', output: z.int(), run: () => output(3, { metadata: { of: 4 } }) })
    expect(await callOp(found)).toEqual({ value: 3, metadata: { of: 4 }, observations: [], log: [] })
    await expect(callOp(say, { partition: { key: 'x', of: days }, inputs: { all: {} } })).rejects.toMatchObject({ code: 'UNKNOWN_PARTITION' })
  })

  test.each<[string, () => Promise<unknown>, object]>([
    [
      'a blocking check that fails',
      () => callAsset(count, { resources: fake(0) }),
      { code: 'CHECK_FAILED', outcomes: [expect.objectContaining({ name: 'positive', passed: false })] },
    ],
    ['an answer of another type', () => callAsset(count, { resources: fake(Number.NaN) }), { code: 'VALUE_INVALID' }],
    [
      'configuration that does not fit',
      () => callAsset(count, { resources: fake(1), config: { times: 0, timse: 1 } }),
      { code: 'CONFIG_INVALID', message: expect.stringMatching(/times of shop\/count: .*timse: no asset/) },
    ],
    [
      'a fake that nothing uses',
      () => callAsset(count, { resources: { shpo: {} } }),
      { code: 'TEST_UNKNOWN_RESOURCE', message: expect.stringContaining('a client shpo'), hint: 'The resources are: shop. Mend the name, or leave it out.' },
    ],
    [
      'a missing input',
      () => callAsset(asset({ key: 'b', io, inputs: { count }, run: () => 1 })),
      { code: 'TEST_INPUTS', message: 'b is called without its input count.', hint: 'Hand in `inputs: { count: … }`.' },
    ],
    [
      'an input of another type',
      () => callAsset(asset({ key: 'b', io, inputs: { count }, run: () => 1 }), { inputs: { count: 'x' } }),
      { code: 'VALUE_INVALID', message: expect.stringContaining('The input count of b, the value of shop/count,') },
    ],
    [
      'a function that takes too long',
      () => callAsset(asset({ key: 'c', io, timeoutMs: 20, run: () => new Promise<number>(() => undefined) })),
      { code: 'STEP_TIMEOUT' },
    ],
    [
      'an abort',
      () => callAsset(asset({ key: 'c', io, run: () => new Promise<number>(() => undefined) }), { signal: AbortSignal.abort(new Error('enough')) }),
      { message: 'enough' },
    ],
  ])('rejects with what a worker would say of %s', async (_, call, error) => {
    await expect(call()).rejects.toMatchObject(error)
  })
})

describe('runs', () => {
  const flaky = op({
    name: 'flaky',
    output: z.int(),
    retry: { retries: 2, delayMs: 60_000 },
    run: ({ attempt }) => {
      if (attempt < 3) throw new Error('not yet')
      return attempt
    },
  })
  const list = op({ name: 'list', inputs: { n: z.int() }, output: z.array(z.int()), run: ({ inputs }) => [inputs.n] })
  const both = graph({ name: 'both', inputs: { up: z.int() }, compose: ({ up }) => ({ first: flaky(), second: list({ n: up }) }) })

  test('try again as often as the policy says, without waiting: the clock goes on', async () => {
    const clock = testClock('2026-01-01T00:00:00Z')
    const run = await runGraph(both, { inputs: { up: 7 }, clock })
    expect(run.answer()).toEqual({ first: 3, second: [7] })
    expect(run.step('flaky')).toMatchObject({ status: 'succeeded', attempts: 3 })
    expect(clock.now().toISOString()).toBe('2026-01-01T00:02:00.000Z')
    await expect(callOp(flaky)).rejects.toThrow('not yet')
  })

  test('tell what failed, and why there is no value', async () => {
    const down = asset({
      key: 'down',
      io,
      retry: { retries: 0 },
      run: (): number => {
        throw new Error('it is down')
      },
    })
    const below = asset({ key: 'below', io, inputs: { down }, run: ({ inputs }) => inputs.down })
    const run = await runAssets([below, down])
    expect(run).toMatchObject({ status: 'failed', failed: { name: 'down', attempts: 1, error: new Error('it is down') } })
    expect(run.steps.map(({ name, status }) => [name, status])).toEqual([
      ['down', 'failed'],
      ['below', 'skipped'],
    ])
    expect(() => run.value(below)).toThrow('below has no value: down failed: it is down')
    expect(() => run.value('other')).toThrow('The run had no step other')
  })

  test('store in memory unless they are told otherwise, and begin from values that are given', async () => {
    const double = asset({ key: 'shop/double', io, inputs: { count }, run: ({ inputs }) => inputs.count * 2 })
    expect((await runAssets([double], { values: { 'shop/count': 4 } })).value(double)).toBe(8)
    expect(io.stored()).toEqual([])
    expect((await runAssets([double, count], { resources: fake(3), io: 'declared' })).value(double)).toBe(12)
    expect(io.stored().map(({ asset: key, value }) => [key, value])).toEqual([
      ['shop/count', 6],
      ['shop/double', 12],
    ])
    expect((await runAssets([double])).failed?.error).toMatchObject({ code: 'VALUE_MISSING' })
    await expect(runAssets([double], { values: { 'shop/cuont': 4 } })).rejects.toMatchObject({ code: 'TEST_UNKNOWN_ASSET' })
    const daily = asset({ key: 'daily', io, partitions: dailyPartitions({ start: '2026-01-01' }), run: () => 1 })
    await expect(runAssets([double, daily], { select: double.key, values: { daily: 4 } })).rejects.toMatchObject({
      code: 'TEST_VALUE_PARTITIONS',
      message: 'The value given of daily is no object of values by partition.',
    })
    const rows = table({ key: 'shop/rows', columns: z.object({ id: z.int() }), extract: () => [] })
    await expect(runAssets([rows])).rejects.toMatchObject({ code: 'TEST_NEEDS_POSTGRES' })
  })

  test('of a job go by its configuration, and those of assets need to know of them', async () => {
    const location = defineLocation({ name: 'place', assets: [count] })
    const refresh = job({ name: 'refresh', assets: 'shop/*', config: { times: 3 } })
    expect((await runJob(refresh, { assets: location, resources: fake(1) })).value(count)).toBe(3)
    expect((await runJob(refresh, { assets: location, resources: fake(1), config: { times: 5 } })).value(count)).toBe(5)
    await expect(runJob(refresh)).rejects.toMatchObject({ code: 'TEST_NEEDS_ASSETS' })
    await expect(runJob(job({ name: 'both', graph: both, inputs: { up: 1 } }), { config: { odd: 1 } })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

test('callCheck answers a result whatever the check does', async () => {
  const even = check<number>({
    name: 'even',
    run: ({ value, partition, log }) => (log('asked', { partition: partition ?? null }), { passed: value % 2 === 0 }),
  })
  expect(await callCheck(even, { value: 4, partition: 'x' })).toMatchObject({
    name: 'even',
    passed: true,
    log: [{ fields: { check: 'even', partition: 'x' } }],
  })
  expect(await callCheck(even, { value: 3 })).toMatchObject({ passed: false })
  const broken = check<number>({
    name: 'broken',
    run: () => {
      throw new RangeError('no')
    },
  })
  expect(await callCheck(broken, { value: 3 })).toMatchObject({ passed: false, message: 'it threw RangeError: no' })
})

test('callSensor hands over cursor, messages and time, and reads the answer as a worker does', async () => {
  const files = sensor({
    name: 'files',
    resources: { shop },
    run: async ({ cursor, messages, lastEvaluatedAt, resources, log }) => {
      log('looking')
      if (cursor === 'odd') return { runs: 'all' } as never
      return {
        runs: messages.map(({ body, receivedAt }) => ({ runKey: JSON.stringify([body, receivedAt]) })),
        cursor: [lastEvaluatedAt ?? null, await resources.shop.count()],
      }
    },
  })
  const options = { resources: fake(5), clock: testClock('2026-01-02T00:00:00Z') }
  expect(await callSensor(files, { ...options, messages: [{ a: 1 }], lastEvaluatedAt: '2026-01-01T00:00:00Z' })).toEqual({
    runs: [{ runKey: '[{"a":1},"2026-01-02T00:00:00.000Z"]', config: {}, tags: {} }],
    cursor: ['2026-01-01T00:00:00.000Z', 5],
    partitionKeys: {},
    notifications: [],
    log: [expect.objectContaining({ step: 'files', message: 'looking' })],
  })
  await expect(callSensor(files, { ...options, cursor: 'odd' })).rejects.toMatchObject({ code: 'SENSOR_ANSWER_INVALID' })
})

test('callSensor hands a sensor of assets or of runs what a test says of them, and the rest is made up', async () => {
  const made = assetSensor({
    name: 'made',
    watch: 'shop/*',
    run: ({ materializations }) => ({ reason: materializations.map(({ asset: key, at }) => `${key} ${at}`).join() }),
  })
  const ended = runStatusSensor({
    name: 'ended',
    on: ['failed', 'canceled'],
    jobs: 'nightly',
    run: ({ runs }) => ({ runs: runs.map(({ id, job: of, status, tags }) => ({ runKey: id, assets: '*', tags: { ...tags, of: `${of ?? ''} ${status}` } })) }),
  })
  const clock = testClock('2026-01-02T00:00:00Z')
  expect(await callSensor(made, { handed: { materializations: [{ asset: 'shop/count' }] }, clock })).toMatchObject({
    reason: 'shop/count 2026-01-02T00:00:00.000Z',
  })
  expect(await callSensor(made)).toMatchObject({ reason: '' })
  expect(await callSensor(ended, { handed: { runs: [{ id: 'x', tags: { team: 'data' } }] } })).toMatchObject({
    runs: [{ runKey: 'x', tags: { team: 'data', of: 'nightly failed' } }],
  })
  for (const handed of [{ materializations: [] }, { runs: [{ status: 'succeeded' }] }, { runs: [{ job: 'other' }] }])
    await expect(callSensor(ended, { handed })).rejects.toMatchObject({ code: 'TEST_HANDED', message: expect.stringContaining('The sensor ended') })
})

test('callSchedule tells tick after tick, and what each would start', async () => {
  const refresh = job({ name: 'refresh', assets: 'shop/*', config: { times: 3 } })
  const location = defineLocation({ name: 'place', assets: [count], jobs: [refresh] })
  const clock = testClock('2026-03-28T12:00:00Z')
  const nightly = schedule({ name: 'nightly', cron: '30 4 * * *', timeZone: 'Europe/Paris', job: refresh })
  const first = await callSchedule(nightly, { location, clock })
  // The night in which the clocks go forward.
  expect(first).toEqual({ at: '2026-03-29T02:30:00.000Z', runs: [{ job: 'refresh', assets: ['shop/count'], config: { times: 3 } }], log: [] })
  expect((await callSchedule(nightly, { location, clock })).at).toBe('2026-03-30T02:30:00.000Z')
  const decided = schedule({
    name: 'decided',
    cron: '0 3 * * *',
    assets: 'shop/count',
    resources: { shop },
    run: async ({ scheduledAt, resources }) =>
      (await resources.shop.count()) === 0 ? { reason: 'nothing' } : { runs: [{ runKey: scheduledAt, config: { times: 2 } }] },
  })
  const at = testClock('2026-01-01T00:00:00Z')
  expect(await callSchedule(decided, { location, clock: at, resources: fake(5) })).toEqual({
    at: '2026-01-01T03:00:00.000Z',
    runs: [{ job: undefined, assets: ['shop/count'], config: { times: 2 }, runKey: '2026-01-01T03:00:00.000Z' }],
    log: [],
  })
  expect(await callSchedule(decided, { location, clock: at, resources: fake(0) })).toEqual({
    at: '2026-01-02T03:00:00.000Z',
    runs: [],
    reason: 'nothing',
    log: [],
  })
  const wrong = schedule({ name: 'wrong', cron: '0 0 * * *', assets: 'shop/count', config: { times: 0 } })
  await expect(callSchedule(wrong, { location })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

test('callSchedule of new partitions tells those that came since the tick before', async () => {
  const days = dailyPartitions({ start: '2026-01-01', end: '2026-01-06' })
  const daily = asset({ key: 'new/daily', io, partitions: days, run: () => 1 })
  const files = asset({ key: 'new/files', io, partitions: dynamicPartitions('files'), run: () => 1 })
  const location = defineLocation({ name: 'place', assets: [daily, files] })
  const made = schedule({ name: 'made', cron: '0 6 * * 1-5', assets: daily.key, partitions: 'new', tags: { by: 'clock' } })
  const clock = testClock('2026-01-01T12:00:00Z')
  const partitions = async () => {
    const { at, runs, reason } = await callSchedule(made, { location, clock })
    return [at.slice(0, 10), ...runs.map((run) => run.partitions?.join()), ...(reason === undefined ? [] : [reason])]
  }
  expect(await partitions()).toEqual(['2026-01-02', '2026-01-01'])
  // Over the weekend.
  expect(await partitions()).toEqual(['2026-01-05', '2026-01-02', '2026-01-03', '2026-01-04'])
  expect(await partitions()).toEqual(['2026-01-06', '2026-01-05'])
  expect(await partitions()).toEqual(['2026-01-07', 'No partition has come since the slot before.'])
  const arrived = schedule({ name: 'arrived', cron: '* * * * *', assets: files.key, partitions: 'new' })
  expect(await callSchedule(arrived, { location, clock, partitionKeys: { files: ['a'] } })).toMatchObject({
    runs: [{ assets: ['new/files'], partitions: ['a'] }],
  })
  const wrong = schedule({ name: 'wrong', cron: '0 0 * * *', assets: daily.key, run: () => ({ runs: [{ partitions: ['2025-12-31'] }] }) })
  await expect(callSchedule(wrong, { location, clock })).rejects.toMatchObject({ code: 'UNKNOWN_PARTITION' })
})

test('a job of ops with partitions is run for one of them, and by its schedule for those that came', async () => {
  const days = dailyPartitions({ start: '2026-01-01' })
  const say = op({ name: 'say', output: z.string(), run: ({ partition }) => `${partition?.key ?? 'none'} ${partition?.window?.end.toISOString() ?? ''}` })
  const daily = job({ name: 'daily', graph: say, partitions: days })
  const clock = testClock('2026-01-05T12:00:00Z')
  expect((await runJob(daily, { partition: '2026-01-04', clock })).value('say')).toBe('2026-01-04 2026-01-05T00:00:00.000Z')
  for (const [declared, options, code] of [
    [daily, {}, 'PARTITION_NEEDED'],
    [daily, { partition: '2026-01-05' }, 'UNKNOWN_PARTITION'],
    [daily, { partitions: ['2026-01-01..2026-01-02'] }, 'ONE_PARTITION_PER_RUN'],
    [job({ name: 'plain', graph: say }), { partition: '2026-01-04' }, 'NO_PARTITIONS'],
  ] as const) {
    await expect(runJob(declared, { ...options, clock })).rejects.toMatchObject({ code })
  }
  const everyDay = schedule({ name: 'every_day', job: daily })
  const location = defineLocation({ name: 'parted', jobs: [daily], schedules: [everyDay] })
  expect(await callSchedule(everyDay, { location, clock })).toMatchObject({
    at: '2026-01-06T00:00:00.000Z',
    runs: [{ job: 'daily', partitions: ['2026-01-05'] }],
  })
})
