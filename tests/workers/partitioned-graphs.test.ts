import * as z from 'zod'
import { asset, partitionsOf } from '../../src/definitions/function-asset.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { mapPartitions } from '../../src/definitions/partitions/partition-mapping.ts'
import { dailyPartitions, staticPartitions } from '../../src/definitions/partitions/partitions.ts'
import { graphAsset } from '../../src/definitions/ops/graph-asset.ts'
import { graph } from '../../src/definitions/ops/graph.ts'
import { mapOver } from '../../src/definitions/ops/map-over.ts'
import { op } from '../../src/definitions/ops/op.ts'
import { runsOf } from '../../src/producers/automation/group-runs.ts'
import { startBackfill } from '../../src/producers/launch/backfill/start-backfill.ts'
import { retry } from '../../src/producers/launch/retry.ts'
import { memoryIo } from '../../src/testing/memory-io.ts'
import { startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describe, expect, test, waitFor } from '../support/test.ts'

const days = dailyPartitions({ start: '2026-01-01', end: '2026-02-01' })
const once = { retries: 0 }
const add = op({ name: 'add', inputs: { all: z.array(z.number()) }, output: z.number(), run: ({ inputs }) => inputs.all.reduce((sum, one) => sum + one, 0) })

// What differs between the queues is nothing of this.
describe('graph-backed assets with partitions', () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend: 'postgres' })
    return engine.stop
  })
  const deps = () => ({ pool: engine.database.pool, queues: engine.queues, logger: testLogger })
  const states = (key: string) =>
    engine.query(
      `SELECT partition, materialized_at IS NOT NULL AS there, failed_at IS NOT NULL AS failed FROM millrace.asset_partition WHERE asset = $1 ORDER BY partition`,
      [key],
    )

  test('hand the partition to each op, also of branches, and the inputs that belong to it', async () => {
    const io = memoryIo()
    const seen: string[] = []
    const sales = asset({ key: 'days/sales', partitions: days, io, run: ({ partition }) => Number(partition.key.slice(-2)) })
    const visits = asset({ key: 'days/visits', partitions: days, io, run: ({ partition }) => Number(partition.key.slice(-2)) * 10 })
    const list = op({
      name: 'list',
      inputs: { today: z.number(), recent: z.record(z.string(), z.number()) },
      output: z.array(z.number()),
      run: ({ inputs, partition }) => {
        seen.push(`list ${String(partition?.key)} ${String(partition?.window?.end.toISOString())} ${Object.keys(inputs.recent).join()}`)
        return [inputs.today, ...Object.values(inputs.recent)]
      },
    })
    const twice = op({
      name: 'twice',
      inputs: { n: z.number() },
      output: z.number(),
      run: ({ inputs, partition }) => {
        seen.push(`twice ${String(partition?.key)}`)
        return inputs.n * 2
      },
    })
    const report = graphAsset({
      key: 'days/report',
      partitions: days,
      io,
      inputs: { today: visits, recent: partitionsOf(sales, mapPartitions.window({ start: -1 })) },
      graph: graph({
        name: 'reporting',
        inputs: { today: z.number(), recent: z.record(z.string(), z.number()) },
        compose: (inputs) => add({ all: mapOver(list(inputs), (n) => twice({ n })).collect() }),
      }),
    })
    const after = asset({ key: 'days/after', partitions: days, io, inputs: { report }, run: ({ inputs }) => inputs.report + 1 })
    await engine.define([after, report, sales, visits])
    await engine.succeed('days/sales', { partitions: ['2026-01-04'] })
    const run = await engine.succeed('days/*', { partitions: ['2026-01-05'] })
    expect(seen.toSorted()).toEqual([
      'list 2026-01-05 2026-01-06T00:00:00.000Z 2026-01-04,2026-01-05',
      'twice 2026-01-05',
      'twice 2026-01-05',
      'twice 2026-01-05',
    ])
    expect(io.stored().filter((one) => one.asset === 'days/report' || one.asset === 'days/after')).toEqual([
      { asset: 'days/report', partition: '2026-01-05', value: 118 },
      { asset: 'days/after', partition: '2026-01-05', value: 119 },
    ])
    expect(await states('days/report')).toEqual([{ partition: '2026-01-05', there: true, failed: false }])
    // Of ops nothing is made but the asset.
    expect(await engine.value(`SELECT count(*)::int FROM millrace.asset_partition WHERE asset LIKE 'days/report.%'`)).toBe(0)
    expect(run.events.map(({ message }) => message)).toContain('days/report was materialized: the partition 2026-01-05.')
  })

  test('have failed where an op failed that the value hangs on, and are there when the run was tried again', async () => {
    const broken = { fetch: false, aside: false }
    const fetchAll = op({ name: 'fetch', output: z.array(z.number()), run: () => [1, 2] })
    const check = op({
      name: 'check',
      inputs: { n: z.number() },
      output: z.number(),
      retry: once,
      run: ({ inputs }) => {
        if (broken.fetch && inputs.n === 2) throw new Error('no answer')
        return inputs.n
      },
    })
    const aside = op({
      name: 'aside',
      retry: once,
      run: () => {
        if (broken.aside) throw new Error('not told')
      },
    })
    const made = graphAsset({
      key: 'broken/graph',
      partitions: staticPartitions(['eu', 'us', 'uk']),
      io: memoryIo(),
      graph: graph({
        name: 'breaking',
        compose: () => {
          const sum = add({ all: mapOver(fetchAll(), (n) => check({ n })).collect() })
          aside({}, { after: [sum] })
          return sum
        },
      }),
    })
    await engine.define([made])
    await engine.succeed('broken/graph', { partitions: ['eu'] })
    broken.fetch = true
    await engine.run('broken/graph', { partitions: ['eu'] })
    const failed = await engine.run('broken/graph', { partitions: ['us'] })
    expect(failed.status).toBe('failed')
    broken.fetch = false
    broken.aside = true
    expect(await engine.run('broken/graph', { partitions: ['uk'] })).toMatchObject({ status: 'failed' })
    expect(await states('broken/graph')).toEqual([
      { partition: 'eu', there: true, failed: true },
      { partition: 'uk', there: true, failed: false },
      { partition: 'us', there: false, failed: true },
    ])
    broken.aside = false
    await retry(deps(), failed.id)
    await waitFor(async () => (await engine.value(`SELECT status FROM millrace.run WHERE id = $1`, [failed.id])) === 'succeeded', {
      what: 'the retry to succeed',
    })
    expect((await states('broken/graph')).at(-1)).toEqual({ partition: 'us', there: true, failed: false })
  })

  test('are made one partition a run: by launches, backfills and conditions', async () => {
    const keys = ['a', 'b', 'c']
    const io = memoryIo()
    const partitions = staticPartitions(keys)
    const key = op({ name: 'key', output: z.string(), run: ({ partition }) => partition?.key ?? 'none' })
    const made = graphAsset({ key: 'single/graph', partitions, io, graph: graph({ name: 'keyed', compose: () => key() }) })
    const beside = asset({ key: 'single/beside', partitions, io, run: () => 1 })
    await engine.define([made, beside])
    await expect(engine.launch('single/*', { partitions: ['a', 'c'] })).rejects.toMatchObject({
      code: 'ONE_PARTITION_PER_RUN',
      message: 'One run makes one partition of single/graph, as its ops are steps of the run, not 2.',
    })
    const runsOfBackfill = async (asked: string) => {
      const { backfillId } = await startBackfill(deps(), { assets: [asked], launchedBy: 'test', perRun: 'all' })
      await waitFor(async () => (await engine.value(`SELECT status FROM millrace.backfill WHERE id = $1`, [backfillId])) === 'succeeded', {
        what: 'the backfill to succeed',
        timeoutMs: 60_000,
      })
      return engine.value(`SELECT count(*)::int FROM millrace.run WHERE backfill_id = $1`, [backfillId])
    }
    expect(await runsOfBackfill('single/graph')).toBe(3)
    expect(await runsOfBackfill('single/beside')).toBe(1)
    const stored = io.stored().flatMap((one) => (one.asset === 'single/graph' ? [`${String(one.partition)} ${String(one.value)}`] : []))
    expect(stored.toSorted()).toEqual(keys.map((one) => `${one} ${one}`))
    const { assets } = manifestOf(defineLocation({ name: 'single', assets: [made, beside] }))
    const wanted = assets.map((one) => ({
      key: one.key,
      cells: Array.from({ length: 60 }, (_, n) => ({ partition: `${one.key} ${String(n)}`, requested: true })),
    }))
    const counts = Object.fromEntries(assets.map((one) => [one.key, runsOf([one], wanted).length]))
    expect(counts).toEqual({ 'single/graph': 60, 'single/beside': 30 })
  })
})
