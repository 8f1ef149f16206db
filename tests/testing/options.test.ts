import { asset, check, defineLocation, graph, hook, job, multiAsset, op, schedule, sensor, runStatusSensor, table } from 'millrace'
import * as testing from 'millrace/testing'
import * as z from 'zod'
import { expect, test } from '../support/test.ts'

const io = testing.memoryIo()
const one = asset({ key: 'shop/one', io, config: z.object({ limit: z.int().default(1) }), run: ({ config }) => config.limit })
const several = multiAsset({ name: 'shop/several', io, outputs: { x: { key: 'shop/x', value: z.int() } }, run: () => ({ x: 1 }) })
const fetchOne = op({ name: 'fetch_one', output: z.int(), run: () => 1 })
const whole = graph({ name: 'whole', compose: () => fetchOne() })
const nightly = schedule({ name: 'nightly', cron: '0 0 * * *', assets: '*' })
const location = defineLocation({ name: 'shop', assets: [one], schedules: [nightly] })
const look = sensor({ name: 'look', run: () => null })
const watch = runStatusSensor({ name: 'watch', on: 'failed', run: () => null })
const rows = table({ key: 'shop/rows', columns: z.object({ id: z.int() }), extract: () => [] })
const said = hook({ name: 'said', run: () => null })

/** As a test without types calls it: with options that there may not be. */
const calls: Readonly<Record<string, readonly [call: (more: object) => Promise<unknown>, wrong: string, message: string]>> = {
  callAsset: [(more) => testing.callAsset(one, more), 'confg', 'callAsset() has no option `confg` (did you mean `config`?).'],
  callCheck: [
    (more) => testing.callCheck(check({ name: 'c', run: () => ({ passed: true }) }), { value: 1, ...more }),
    'partitions',
    'callCheck() has no option `partitions` (did you mean `partition`?).',
  ],
  callHook: [(more) => testing.callHook(said, more), 'eror', 'callHook() has no option `eror` (did you mean `error`?).'],
  'callHook, run': [(more) => testing.callHook(said, { run: more }), 'jobs', 'What is told of a run has no option `jobs` (did you mean `job`?).'],
  'callHook, step': [(more) => testing.callHook(said, { step: more }), 'nam', 'What is told of a step has no option `nam` (did you mean `name`?).'],
  callMultiAsset: [(more) => testing.callMultiAsset(several, more), 'want', 'callMultiAsset() has no option `want` (did you mean `wanted`?).'],
  callOp: [(more) => testing.callOp(fetchOne, more), 'input', 'callOp() has no option `input` (did you mean `inputs`?).'],
  callSchedule: [(more) => testing.callSchedule(nightly, { location, ...more }), 'colck', 'callSchedule() has no option `colck` (did you mean `clock`?).'],
  callSensor: [(more) => testing.callSensor(look, more), 'message', 'callSensor() has no option `message` (did you mean `messages`?).'],
  'callSensor, handed': [
    (more) => testing.callSensor(watch, { handed: { runs: [more] } }),
    'stauts',
    'What is told of a run has no option `stauts` (did you mean `status`?).',
  ],
  runAssets: [(more) => testing.runAssets([one], more), 'value', 'runAssets() has no option `value` (did you mean `values`?).'],
  runGraph: [(more) => testing.runGraph(whole, more), 'resource', 'runGraph() has no option `resource` (did you mean `resources`?).'],
  runJob: [(more) => testing.runJob(job({ name: 'j', graph: whole }), more), 'asset', 'runJob() has no option `asset` (did you mean `assets`?).'],
  transformRecords: [(more) => testing.transformRecords(rows, [{ id: 1 }], more), 'pages', 'transformRecords() has no option `pages` (did you mean `page`?).'],
}
const withoutOptions = ['memoryIo', 'testClock']

test.for(Object.entries(calls))('%s refuses an option that there is not', async ([, [call, wrong, message]]) => {
  await expect(call({})).resolves.toBeDefined()
  await expect(call({ [wrong]: undefined })).rejects.toMatchObject({ code: 'TEST_OPTIONS', message })
})

test('every function of the kit that takes options looks for those that there are not', () => {
  const asked = new Set(Object.keys(calls).map((name) => name.split(', ')[0]))
  expect(Object.keys(testing).filter((name) => !asked.has(name) && !withoutOptions.includes(name))).toEqual([])
})

test.for<[what: string, call: () => Promise<unknown>, message: string]>([
  ['nothing', () => testing.callAsset(undefined as never), 'What callAsset() is handed must be an asset, not undefined.'],
  ['an asset', () => testing.callSensor(one as never), 'What callSensor() is handed must be a sensor, as sensor({ … }) answers it, not the asset shop/one.'],
  ['an op', () => testing.runGraph(fetchOne as never), 'What runGraph() is handed must be a graph, as graph({ … }) answers it, not the op fetch_one.'],
  [
    'a list with nothing in it',
    () => testing.runAssets([undefined as never]),
    'What runAssets() is handed must be a location, or a list of assets, not undefined.',
  ],
  [
    'a time in place of a clock',
    () => testing.callAsset(one, { clock: '2026-01-01' as never }),
    '`clock` of callAsset() must be a clock, as testClock(\'2026-01-01\') answers it, not the text "2026-01-01".',
  ],
  [
    'no location',
    () => testing.callSchedule(nightly, {} as never),
    'callSchedule() has no `location`. Give it a location, as defineLocation({ … }) answers it.',
  ],
])('%s where something else is wanted is refused', async ([, call, message]) => {
  await expect(call()).rejects.toMatchObject({ code: 'TEST_OPTIONS', message })
})
