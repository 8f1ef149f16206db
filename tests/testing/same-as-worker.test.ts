import * as z from 'zod'
import { dailyPartitions } from '../../src/definitions/partitions/partitions.ts'
import { asset, output, partitionsOf } from '../../src/definitions/function-asset.ts'
import { graph } from '../../src/definitions/ops/graph.ts'
import { graphAsset } from '../../src/definitions/ops/graph-asset.ts'
import { job } from '../../src/definitions/ops/job.ts'
import type { Job } from '../../src/definitions/ops/job.ts'
import { mapOver } from '../../src/definitions/ops/map-over.ts'
import { op } from '../../src/definitions/ops/op.ts'
import type { Refs } from '../../src/definitions/ops/ref.ts'
import { externalAsset } from '../../src/definitions/external-asset.ts'
import { multiAsset } from '../../src/definitions/multi-asset.ts'
import type { IoManager } from '../../src/definitions/io-manager.ts'
import type { Location } from '../../src/definitions/location.ts'
import type { ResourceDefinition } from '../../src/definitions/resource.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { memoryIo } from '../../src/testing/memory-io.ts'
import { runAssets } from '../../src/testing/run-assets.ts'
import { runJob } from '../../src/testing/run-job.ts'
import type { TestRun } from '../../src/testing/test-run.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine, RunView } from '../support/engine.ts'
import { beforeAll, describe, expect, temporaryFolder, test } from '../support/test.ts'

const quick = { retries: 1, delayMs: 1 }
const once = { retries: 0 }
const add = op({ name: 'add', inputs: { a: z.number(), b: z.number().default(10) }, output: z.number(), run: ({ inputs }) => inputs.a + inputs.b })
const sum = op({ name: 'sum', inputs: { all: z.array(z.number()) }, output: z.number(), run: ({ inputs }) => inputs.all.reduce((a, b) => a + b, 0) })
const numbers = op({ name: 'numbers', output: z.array(z.number()), run: () => [1, 2, 3, 4] })
const none = op({ name: 'none', output: z.array(z.number()), run: () => [] })
const say = op({ name: 'say', inputs: { at: z.date() }, run: ({ inputs }) => void inputs.at })
const moody = op({
  name: 'moody',
  inputs: { n: z.number() },
  output: z.number(),
  retry: quick,
  run: ({ inputs, attempt }) => {
    if (inputs.n === 2 || attempt === 1) throw new Error(`${String(inputs.n)} is in no mood`)
    return inputs.n * 10
  },
})
const odd = op({ name: 'odd', inputs: { n: z.number() }, output: z.number().optional(), run: ({ inputs }) => (inputs.n % 2 === 1 ? inputs.n : undefined) })
const perhaps = op({ name: 'perhaps', outputs: { list: z.array(z.number()).optional(), n: z.number() }, run: () => ({ n: 4 }) })
const anything = op({ name: 'anything', output: z.unknown(), run: () => ({ password: 'hunter2' }) })
const liar = op({ name: 'liar', output: z.number(), retry: once, run: () => 'four' as never })
const ofTime = op({ name: 'of_time', output: z.date(), retry: once, run: () => new Date(0) })
const says = op({ name: 'says', output: z.number(), run: () => output(1, { metadata: { found: 1 } }) })
const checks = op({ name: 'checks', output: z.number(), retry: once, run: () => output(1, { checks: [{ name: 'ok', passed: true }] }) })
const shout = op({ name: 'shout', run: ({ log }) => log('ready') })

const doubled = graph({ name: 'doubled', inputs: { n: z.number() }, compose: ({ n }) => add({ a: n, b: n }) })
const listElsewhere = op({ name: 'list', output: z.array(z.number()), io: memoryIo(), run: () => [1, 2] })

/** What is composed, by the name of its job. */
const compositions: Readonly<Record<string, () => Refs | void>> = {
  twice: () => add({ a: add({ a: 1 }), b: add({ a: 2, b: 3 }) }),
  nested: () => add({ a: doubled.as('inner')({ n: add({ a: 1 }) }) }, { after: [shout()] }),
  wrong_type: () => add({ a: add({ a: anything() as never }) }),
  wrong_answer: () => add({ a: liar() }),
  no_json: () => say({ at: ofTime() }),
  mapped: () => sum({ all: mapOver(numbers(), (n) => add({ a: odd({ n }) })).collect() }),
  said: () => add({ a: says(), b: checks() }),
  of_none: () => sum({ all: mapOver(none(), (n) => add({ a: n })).collect() }),
  branch_fails: () => sum({ all: mapOver(numbers(), (n) => add({ a: moody({ n }) }), { key: (n) => `no ${String(n)}` }).collect() }),
  same_key: () => sum({ all: mapOver(numbers(), (n) => add({ a: n }), { key: () => 'one' }).collect() }),
  left_out: () => {
    const { list, n } = perhaps()
    sum({ all: mapOver(list, (one) => add({ a: one, b: n })).collect() })
    add.as('goes_on')({ a: n })
  },
  kept_elsewhere: () => add({ a: sum({ all: listElsewhere() }) }),
}
const jobs: readonly Job[] = Object.entries(compositions).map(([name, compose]) => job({ name, graph: graph({ name, compose }) }))

function assetsIn(io: ResourceDefinition<IoManager>) {
  const counts = asset({
    key: 'shop/counts',
    io,
    value: z.array(z.number()),
    config: z.object({ first: z.int().default(1) }),
    run: ({ config }) => output([config.first, 2], { metadata: { found: 2 } }),
  })
  const total = graphAsset({
    key: 'shop/total',
    io,
    inputs: { counts },
    graph: graph({ name: 'totalling', inputs: { counts: z.array(z.number()) }, compose: ({ counts: all }) => add({ a: sum({ all }) }) }),
  })
  const flaky = asset({
    key: 'shop/flaky',
    io,
    inputs: { total },
    retry: quick,
    run: ({ inputs, attempt }) => {
      if (attempt === 1) throw new Error('not yet')
      return inputs.total
    },
  })
  const refused = asset({
    key: 'shop/refused',
    io,
    value: z.number(),
    inputs: { total },
    checks: [{ name: 'small', blocking: true, run: ({ value }) => ({ passed: value < 5, message: `it is ${String(value)}.` }) }],
    run: ({ inputs }) => inputs.total,
  })
  const below = asset({ key: 'shop/below', io, inputs: { refused }, run: ({ inputs }) => inputs.refused })
  const untrue = asset({ key: 'shop/untrue', io, value: z.object({ n: z.int() }), run: () => ({ n: 'x' }) as never })
  const days = dailyPartitions({ start: '2026-01-05', end: '2026-01-12' })
  const daily = asset({ key: 'days/daily', io, partitions: days, run: ({ partition }) => Number(partition.key.slice(-2)) })
  const before = asset({
    key: 'days/after',
    io,
    partitions: days,
    inputs: { daily },
    run: ({ inputs, partition }) => `${partition.window?.start.toISOString() ?? ''} ${String(inputs.daily)}`,
  })
  const all = asset({ key: 'all/days', io, inputs: { days: partitionsOf(daily) }, run: ({ inputs }) => inputs.days })
  const split = multiAsset({
    name: 'many/split',
    inputs: { counts },
    subset: true,
    io,
    retry: quick,
    outputs: {
      least: { key: 'many/least', value: z.number() },
      most: { key: 'many/most', value: z.number(), checks: [{ name: 'even', run: ({ value }) => ({ passed: value % 2 === 0 }) }] },
      none: { key: 'many/none', value: z.number().optional() },
    },
    run: ({ inputs, wanted, attempt }) => {
      if (attempt === 1) throw new Error('not yet')
      const [least, most] = [Math.min(...inputs.counts), Math.max(...inputs.counts)]
      return { ...(wanted.has('least') ? { least } : {}), ...(wanted.has('most') ? { most: output(most, { metadata: { of: inputs.counts.length } }) } : {}) }
    },
  })
  const behind = asset({ key: 'many/behind', io, inputs: { none: split.assets.none }, run: ({ inputs }) => inputs.none })
  const summed = asset({
    key: 'many/summed',
    io,
    inputs: { least: split.assets.least, most: split.assets.most },
    run: ({ inputs }) => inputs.least + inputs.most,
  })
  const torn = multiAsset({
    name: 'many/torn',
    io,
    retry: once,
    outputs: {
      good: { key: 'many/good', value: z.number() },
      bad: {
        key: 'many/bad',
        value: z.number(),
        checks: [{ name: 'small', blocking: true, run: ({ value }) => ({ passed: value < 5, message: 'it is not.' }) }],
      },
    },
    run: () => ({ good: 1, bad: 9 }),
  })
  const after = asset({ key: 'many/after', io, deps: [torn.assets.good], run: () => 1 })
  const weekdays = multiAsset({
    name: 'days/pair',
    inputs: { daily },
    partitions: days,
    io,
    outputs: { each: { key: 'days/each', value: z.number() }, sevens: { key: 'days/sevens', value: z.number().optional() } },
    run: ({ inputs, partition }) => ({ each: inputs.daily, ...(partition.key.endsWith('7') ? { sevens: inputs.daily * 10 } : {}) }),
  })
  const given = externalAsset({ key: 'shop/given' })
  const onGiven = asset({ key: 'shop/on_given', io, deps: [given], run: () => 1 })
  return [counts, total, flaky, refused, below, untrue, daily, before, all, split, behind, summed, torn, after, weekdays, given, onGiven]
}

const selections: readonly { readonly select: string; readonly partitions?: readonly string[] }[] = [
  { select: 'shop/*' },
  { select: 'many/*' },
  { select: 'many/most' },
  { select: 'many/good' },
  { select: 'days/*', partitions: ['2026-01-06..2026-01-08'] },
]

interface Ended {
  readonly asset: string
  readonly status: string
  readonly attempt: number
  readonly error: { readonly message: string; readonly code?: unknown } | null
}

/** What became of each step; an attempt that was never made has no number. */
const endsOf = (steps: readonly Ended[]) =>
  Object.fromEntries(
    steps.map(({ asset: name, status, attempt, error }) => [
      name,
      status === 'skipped' ? [status] : [status, attempt, ...(error === null ? [] : [error.code ?? 'UNKNOWN', error.message])],
    ]),
  )
const here = ({ steps }: TestRun) =>
  endsOf(steps.map(({ name, status, attempts, error }) => ({ asset: name, status, attempt: attempts, error: error instanceof Error ? error : null })))
const there = ({ steps }: RunView) => endsOf(steps)

describe('in process, with no queue and no database, goes as on a worker', () => {
  let engine: Engine
  let location: Location
  let stored: IoManager
  beforeAll(async () => {
    engine = await startEngine({ backend: 'postgres' })
    const io = jsonFiles({ folder: await temporaryFolder() })
    stored = await io.start({ env: {}, signal: new AbortController().signal, throttle: { turn: () => Promise.resolve(), pause: () => Promise.resolve() } })
    const defined = await engine.define(assetsIn(io), {}, { jobs })
    location = defined.location
    return engine.stop
  })

  test.each(jobs.map((one) => [one.name, one] as const))('the job %s', async (name, declared) => {
    const onWorker = await engine.run([], { job: name, location: location.name })
    const inProcess = await runJob(declared)
    expect(here(inProcess)).toEqual(there(onWorker))
    expect(inProcess.status).toBe(onWorker.status)
    const values = await engine.query<{ asset: string; value: unknown }>(
      `SELECT asset, value FROM millrace.step_value v JOIN millrace.step s ON s.id = v.step_id WHERE run_id = $1 AND output = 'result' AND value IS NOT NULL`,
      [onWorker.id],
    )
    for (const { asset: step, status, result } of onWorker.steps) {
      const { seconds: _, ...said } = result ?? {}
      if (status === 'succeeded') expect(inProcess.step(step).metadata, step).toEqual(said)
    }
    for (const { asset: step, value } of values) expect(inProcess.value(step), step).toEqual(value)
  })

  test.each(selections)('the selection $select', async ({ select, ...partitions }) => {
    const onWorker = await engine.run(select, { location: location.name, ...partitions })
    const io = memoryIo()
    const inProcess = await runAssets(location, { select, io, values: { 'shop/counts': [1, 2] }, ...partitions })
    expect(here(inProcess)).toEqual(there(onWorker))
    for (const { asset: key, partition, value } of io.stored()) {
      expect(await stored.load({ asset: key, partition }, { signal: new AbortController().signal }), key).toEqual(value)
    }
    if (select === 'shop/*')
      expect(onWorker.steps.find((one) => one.asset === 'shop/counts')?.result).toMatchObject({ found: inProcess.step('shop/counts').metadata['found'] })
    expect(io.stored().map((one) => one.asset)).not.toContain('shop/refused')
  })
})
