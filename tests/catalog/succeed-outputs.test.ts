import * as z from 'zod'
import { claimStep } from '../../src/catalog/claims.ts'
import type { ClaimedStep } from '../../src/catalog/claims.ts'
import { publishManifest } from '../../src/catalog/manifests.ts'
import { readAssetFailures } from '../../src/catalog/read/assets.ts'
import { createPartitionCounter } from '../../src/catalog/read/partition-counts.ts'
import { readPartitionStates } from '../../src/catalog/read/partitions.ts'
import { failStep } from '../../src/catalog/steps.ts'
import { succeedOutputs } from '../../src/catalog/succeed-outputs.ts'
import { wipeAsset } from '../../src/catalog/wipe.ts'
import { when } from '../../src/definitions/automation/conditions.ts'
import { externalAsset } from '../../src/definitions/external-asset.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import type { Manifest } from '../../src/definitions/manifest.ts'
import { multiAsset } from '../../src/definitions/multi-asset.ts'
import { graphAsset } from '../../src/definitions/ops/graph-asset.ts'
import { graph } from '../../src/definitions/ops/graph.ts'
import { op } from '../../src/definitions/ops/op.ts'
import { partitionSet } from '../../src/definitions/partitions/partition-set.ts'
import { dailyPartitions } from '../../src/definitions/partitions/partitions.ts'
import { RetryPolicy } from '../../src/definitions/retry.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { readFacts } from '../../src/producers/automation/read-facts.ts'
import { startSession } from '../../src/workers/session.ts'
import type { Session } from '../../src/workers/session.ts'
import { createLocation, startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describe, expect, test, waitFor } from '../support/test.ts'

const io = jsonFiles({ folder: 'values' })
const days = dailyPartitions({ start: '2026-01-01', end: '2026-01-04' })
const all = ['2026-01-01', '2026-01-02', '2026-01-03'] as const
const never = RetryPolicy.parse({ retries: 0 })

describe('the end of a function of several assets', () => {
  let engine: Engine
  let session: Session
  beforeAll(async () => {
    engine = await startEngine({ backend: 'postgres', producers: 'none' })
    session = await startSession({ pool: engine.database.pool, logger: testLogger, leaseMs: 600_000, row: { role: 'worker', queues: [], versions: {} } })
    return async () => {
      await session.close()
      await engine.stop()
    }
  })
  const publish = async (assets: Parameters<typeof createLocation>[0]): Promise<Manifest> => {
    const manifest = manifestOf(createLocation(assets))
    await publishManifest(engine.database.pool, manifest, 'v1', undefined)
    return manifest
  }
  /** A run whose function is under way. */
  const begin = async (assets: readonly string[], partitions?: readonly string[]): Promise<ClaimedStep> => {
    const { runId } = await engine.launch(assets, partitions === undefined ? {} : { partitions })
    const [step] = await engine.query<{ id: string; enqueued: number }>(`SELECT id, enqueued FROM millrace.step WHERE run_id = $1 AND status = 'running'`, [
      runId,
    ])
    const claimed = await claimStep(engine.database.pool, { stepId: step?.id ?? '', enqueued: step?.enqueued ?? 0, status: 'running', session: session.id })
    if (claimed === undefined) throw new Error(`the step of ${runId} was not claimed`)
    return claimed
  }
  const fail = (claimed: ClaimedStep) => failStep(engine.database.pool, claimed, new Error('it broke'), never)
  /** @param made the partitions of each asset; null of one that has none */
  const succeed = ({ stepId, claim, makes }: ClaimedStep, made: Readonly<Record<string, readonly string[] | null>>) =>
    succeedOutputs(engine.database.pool, stepId, claim, {
      seconds: 1,
      outputs: Object.entries(made).map(([asset, keys]) => ({ asset, made: keys, metadata: {}, checks: [] })),
      leftOut: makes.filter((asset) => !(asset in made)),
      observed: [],
    })

  test('says which partitions it made of each, and lets go of the failures of those that it left out', async () => {
    const { location } = await publish([
      multiAsset({
        name: 'left/split',
        partitions: days,
        io,
        outputs: Object.fromEntries(['a', 'b', 'c'].map((name) => [name, { key: `left/${name}`, value: z.int().optional() }])),
        run: () => ({}),
      }),
    ])
    await fail(await begin(['left/*'], all))
    await engine.query(`INSERT INTO millrace.automation (location) VALUES ($1)`, [location])
    const claimed = await begin(['left/*'], all)
    await succeed(claimed, { 'left/a': all, 'left/b': ['2026-01-02'] })
    expect(
      await engine.query(`SELECT asset, status, partitions FROM millrace.step WHERE run_id = $1 AND kind = 'function' ORDER BY asset`, [claimed.runId]),
    ).toEqual([
      { asset: 'left/a', status: 'succeeded', partitions: all },
      { asset: 'left/b', status: 'succeeded', partitions: ['2026-01-02'] },
      { asset: 'left/c', status: 'skipped', partitions: all },
    ])
    // Nobody who waits for what was left out is told that it came.
    const told = await engine.query(
      `SELECT asset, array_agg(partition ORDER BY partition) AS partitions FROM millrace.automation_change WHERE location = $1 AND kind = 'updated' AND partition IS NOT NULL GROUP BY asset ORDER BY asset`,
      [location],
    )
    expect(told).toEqual([
      { asset: 'left/a', partitions: all },
      { asset: 'left/b', partitions: ['2026-01-02'] },
    ])
    const set = partitionSet(days, { now: new Date('2026-02-01'), dynamic: () => [] })
    const counts = ['a', 'b', 'c'].map(async (name) => (await readPartitionStates(engine.database.pool, location, `left/${name}`, set)).counts)
    const countsOf = (...materialized: readonly number[]) => materialized.map((there) => ({ missing: 3 - there, materialized: there, failed: 0, running: 0 }))
    expect(await Promise.all(counts)).toEqual(countsOf(3, 1, 0))
    // The overview reads them anew where a partition changed. Of what was left out a row stays, which says nothing until it is made.
    const counter = createPartitionCounter()
    const counted = () =>
      counter.countsOf(
        engine.database.pool,
        ['a', 'b', 'c'].map((name) => ({ location, asset: `left/${name}`, spec: days, set })),
      )
    expect(await counted()).toEqual(countsOf(3, 1, 0))
    await succeed(await begin(['left/*'], all.slice(2)), { 'left/b': all.slice(2), 'left/c': all.slice(2) })
    expect(await counted()).toEqual(countsOf(3, 2, 1))
  })

  test('of two runs at once, one well and one not, is written in one order: neither waits for the other for ever', async () => {
    const { location } = await publish([
      multiAsset({
        name: 'order/split',
        partitions: days,
        io,
        // Not in the order of their keys.
        outputs: { b: { key: 'order/b', value: z.int() }, a: { key: 'order/a', value: z.int() } },
        run: () => ({ a: 1, b: 2 }),
      }),
    ])
    const day = all.slice(0, 1)
    const [first, second] = [await begin(['order/*'], day), await begin(['order/*'], day)]
    await engine.query(`INSERT INTO millrace.asset_partition (location, asset, partition) VALUES ($1, 'order/a', $2)`, [location, day[0]])
    const held = await engine.database.pool.connect()
    const waiting = (count: number) =>
      waitFor(
        async () => (await engine.query(`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)).length === count,
        { what: `${String(count)} to wait for a lock` },
      )
    await held.query(`BEGIN`)
    await held.query(`SELECT 1 FROM millrace.asset_partition WHERE location = $1 FOR UPDATE`, [location])
    const well = succeed(first, { 'order/b': day, 'order/a': day })
    await waiting(1)
    const badly = fail(second)
    await waiting(2)
    await held.query(`ROLLBACK`)
    held.release()
    expect(await Promise.all([well, badly])).toMatchObject([{ runEnded: true }, { failed: true }])
  })

  test('that failed is found by conditions, of those that it was asked for', async () => {
    const output = (key: string) => ({ key, value: z.int(), automation: when.executionFailed() })
    const split = (name: string) =>
      multiAsset({ name: `${name}/split`, subset: true, io, outputs: { a: output(`${name}/a`), b: output(`${name}/b`) }, run: () => ({ a: 1, b: 2 }) })
    const add = op({ name: 'add', output: z.int(), run: () => 1 })
    const sum = graphAsset({ key: 'graph/sum', io, graph: graph({ name: 'sum', compose: () => add() }) })
    const maker = await publish([split('one'), split('both'), sum])
    const elsewhere = maker.assets.map(({ key }) => externalAsset({ key, madeIn: maker.location }))
    const consumer = await publish([
      ...elsewhere,
      asset({ key: 'after', deps: elsewhere, io, run: () => 1, automation: when.anyDepsMatch(when.executionFailed()) }),
    ])
    const { pool } = engine.database
    const failedIn = async (manifest: Manifest) =>
      [...(await readFacts(pool, manifest, [], undefined)).failed].map((id) => String(id.split('\0')[0])).toSorted()
    const known = async (location: string) => (await readAssetFailures(pool)).filter((one) => one.location === location).map((one) => one.asset)
    const expectFailed = async (keys: readonly string[]) => expect(await Promise.all([maker, consumer].map(failedIn))).toEqual([keys, keys])

    await fail(await begin(['one/a']))
    await fail(await begin(['both/*']))
    await expectFailed(['both/a', 'both/b', 'one/a'])
    await succeed(await begin(['both/b']), { 'both/b': null })
    await expectFailed(['both/a', 'one/a'])
    // What is left out has not failed, whatever became of it before.
    await succeed(await begin(['both/*']), { 'both/b': null })
    await expectFailed(['one/a'])

    // What fails in the run that has made it is none of its own.
    const made = await begin(['graph/sum'])
    await engine.query(`INSERT INTO millrace.asset VALUES ($1, 'graph/sum', $2, clock_timestamp(), '{}')`, [maker.location, made.runId])
    await fail(made)
    await expectFailed(['one/a'])
    await fail(await begin(['graph/sum']))
    await expectFailed(['graph/sum', 'one/a'])
    for (const { location } of [maker, consumer]) expect((await known(location)).toSorted()).toEqual(['both/b', 'graph/sum', 'one/a'])

    await wipeAsset(pool, { location: maker.location, asset: 'one/a', spec: undefined, set: undefined }, undefined, 'test')
    await expectFailed(['graph/sum'])
  })
})
