import * as z from 'zod'
import { explainRun } from '../../src/api/explain.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import type { FunctionAsset } from '../../src/definitions/function-asset.ts'
import { hook } from '../../src/definitions/hook.ts'
import { graph } from '../../src/definitions/ops/graph.ts'
import { job } from '../../src/definitions/ops/job.ts'
import { mapOver } from '../../src/definitions/ops/map-over.ts'
import { op } from '../../src/definitions/ops/op.ts'
import { staticPartitions } from '../../src/definitions/partitions/partitions.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { startBackfill } from '../../src/producers/launch/backfill/start-backfill.ts'
import { retry } from '../../src/producers/launch/retry.ts'
import { startWhatFits } from '../../src/producers/launch/start-waiting.ts'
import { startQueued } from '../../src/catalog/run-queue.ts'
import { transaction } from '../../src/catalog/database.ts'
import { resetLimit, setLimit } from '../../src/catalog/run-limits.ts'
import { pauseRuns, resumeRuns } from '../../src/catalog/pauses.ts'
import { createLocation, startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, temporaryFolder, test, waitFor } from '../support/test.ts'
import { createGate } from './gate.ts'

describeBackends('limits on runs', (backend) => {
  let engine: Engine
  let folder: string
  beforeAll(async () => {
    folder = await temporaryFolder()
    engine = await startEngine({ backend })
    return engine.stop
  })
  const gated = (key: string): { one: FunctionAsset; gate: ReturnType<typeof createGate> } => {
    const gate = createGate()
    return { gate, one: asset({ key, io: jsonFiles({ folder }), retry: { retries: 0 }, run: ({ runId, signal }) => gate.pass(runId, signal) }) }
  }
  const statusOf = (runId: string) => engine.value('SELECT status FROM millrace.run WHERE id = $1', [runId])
  const deps = () => ({ pool: engine.database.pool, queues: engine.queues, logger: testLogger })

  test('a run over the limit is queued, and starts when another ends, the greatest priority and then the oldest first', async () => {
    const { one, gate } = gated('limits/one')
    const location = createLocation([one], { limits: { runs: 1 } })
    await engine.work(location)
    const launch = async (priority: number) => (await engine.launch('limits/one', { priority })).runId
    const first = await launch(0)
    const old = await launch(0)
    const low = await launch(-1)
    const tagged = (await engine.launch('limits/one', { tags: { 'dagster/priority': '5' } })).runId
    const young = await launch(0)
    expect(await statusOf(first)).toBe('started')
    for (const queued of [old, low, tagged, young]) {
      expect(await statusOf(queued)).toBe('queued')
      expect((await engine.view(queued)).steps.map((step) => step.status)).toEqual(['waiting'])
    }
    gate.openForGood()
    for (const run of [first, old, low, tagged, young]) expect((await engine.ended(run)).status).toBe('succeeded')
    expect(gate.ran).toEqual([first, tagged, old, young, low])
    expect((await engine.view(old)).events.map((event) => event.kind)).toEqual(['run queued', 'run started', 'materialization', 'run ended'])
  })

  test('limits by tag hold back only runs with the tag: for one value, or for each', async () => {
    const { one, gate } = gated('limits/tagged')
    await engine.work(
      createLocation([one], {
        limits: {
          tags: [
            { tag: 'team', runs: 1 },
            { tag: 'size', value: 'large', runs: 1 },
          ],
        },
      }),
    )
    const launch = async (tags: Record<string, string>) => (await engine.launch('limits/tagged', { tags })).runId
    const a = await launch({ team: 'a', size: 'large' })
    const secondOfA = await launch({ team: 'a' })
    const b = await launch({ team: 'b' })
    const large = await launch({ size: 'large' })
    const small = await launch({ size: 'small' })
    const free = await launch({})
    const statuses = async () => Promise.all([a, secondOfA, b, large, small, free].map(statusOf))
    expect(await statuses()).toEqual(['started', 'queued', 'started', 'queued', 'started', 'started'])
    gate.openForGood()
    for (const run of [a, secondOfA, b, large, small, free]) expect((await engine.ended(run)).status).toBe('succeeded')
  })

  test('an operator’s limit takes the place of the declared one; lowered below what runs, it ends nothing', async () => {
    const { one, gate } = gated('limits/operated')
    const place = createLocation([one], { limits: { runs: 1 } })
    await engine.work(place)
    const whole = { location: place.name, tag: '', value: '' }
    const runs = [await engine.launch('limits/operated'), await engine.launch('limits/operated'), await engine.launch('limits/operated')].map(
      (run) => run.runId,
    )
    const statuses = async () => Promise.all(runs.map(statusOf))
    expect(await statuses()).toEqual(['started', 'queued', 'queued'])
    await setLimit(engine.database.pool, { ...whole, runs: 2 }, 'ada')
    // Nobody is told: the leader looks every second.
    await waitFor(async () => (await statusOf(runs[1] ?? '')) === 'started', { what: 'the second run to start' })
    expect(await statuses()).toEqual(['started', 'started', 'queued'])
    await setLimit(engine.database.pool, { ...whole, runs: 0 }, 'ada')
    await waitFor(() => gate.ran.length === 2, { what: 'both to run' })
    gate.letGo(1)
    await waitFor(async () => (await statuses()).filter((status) => status === 'succeeded').length === 1, { what: 'one to end' })
    await startWhatFits(deps())
    expect(await statuses()).toEqual(expect.arrayContaining(['queued', 'started', 'succeeded']))
    // The limit of all locations together holds too.
    await setLimit(engine.database.pool, { location: '', tag: '', value: '', runs: 1 }, 'ada')
    await resetLimit(engine.database.pool, whole)
    await startWhatFits(deps())
    expect(await statuses()).toEqual(expect.arrayContaining(['queued', 'started', 'succeeded']))
    gate.openForGood()
    for (const run of runs) expect((await engine.ended(run)).status).toBe('succeeded')
    await resetLimit(engine.database.pool, { location: '', tag: '', value: '' })
  })

  test('a queued run is canceled at once, and one that is canceled makes room', async () => {
    const { one, gate } = gated('limits/canceled')
    await engine.work(createLocation([one], { limits: { runs: 1 } }))
    const [first, second, third] = [await engine.launch('limits/canceled'), await engine.launch('limits/canceled'), await engine.launch('limits/canceled')]
    await engine.cancel(second.runId)
    expect(await engine.view(second.runId)).toMatchObject({ status: 'canceled', step: { status: 'canceled' } })
    await waitFor(() => gate.ran.length === 1, { what: 'the first to run' })
    await engine.cancel(first.runId)
    expect((await engine.ended(first.runId)).status).toBe('canceled')
    await waitFor(() => gate.ran.length === 2, { what: 'the third to run' })
    gate.openForGood()
    expect((await engine.ended(third.runId)).status).toBe('succeeded')
    expect(gate.ran).toEqual([first.runId, third.runId])
  })

  test('a crash between taking a run from the queue and enqueueing its steps loses nothing', async () => {
    const { one, gate } = gated('limits/crashed')
    gate.openForGood()
    const { runId } = await (async () => {
      await pauseRuns(engine.database.pool, '', 'ada', undefined)
      await engine.work(createLocation([one]))
      const launched = await engine.launch('limits/crashed')
      await resumeRuns(engine.database.pool, '')
      return launched
    })()
    // Whoever did this died right after its commit.
    await transaction(engine.database.pool, startQueued)
    expect((await engine.ended(runId)).status).toBe('succeeded')
  })

  test('a pause of a location keeps its queued runs and ready steps from starting, and ends nothing that runs', async () => {
    const { one: first, gate } = gated('paused/first')
    const order: string[] = []
    const second = asset({ key: 'paused/second', deps: [first], io: jsonFiles({ folder }), run: () => order.push('second') })
    const place = createLocation([first, second])
    await engine.work(place)
    const { one: elsewhere, gate: open } = gated('paused/elsewhere')
    open.openForGood()
    await engine.work(createLocation([elsewhere]))
    const { runId } = await engine.launch(['paused/first', 'paused/second'])
    await waitFor(() => gate.ran.length === 1, { what: 'the first step to run' })
    expect(await pauseRuns(engine.database.pool, place.name, 'ada', 'a migration')).toBe(true)
    expect(await pauseRuns(engine.database.pool, place.name, 'bob', undefined)).toBe(false)
    const { runId: later } = await engine.launch('paused/second')
    gate.openForGood()
    await waitFor(async () => (await engine.view(runId)).steps[0]?.status === 'succeeded', { what: 'the first step to end' })
    await startWhatFits(deps())
    expect((await engine.view(runId)).steps.map((step) => step.status)).toEqual(['succeeded', 'waiting'])
    expect(await statusOf(later)).toBe('queued')
    // Of another location nothing is held back.
    await engine.succeed('paused/elsewhere')
    expect(await statusOf(later)).toBe('queued')
    expect(await resumeRuns(engine.database.pool, place.name)).toBe(true)
    expect((await engine.ended(runId)).status).toBe('succeeded')
    expect((await engine.ended(later)).status).toBe('succeeded')
    expect(order).toHaveLength(2)
  })

  test('a run that takes too long fails for that reason; one that fails is tried again from what failed, and counted', async () => {
    const { one, gate } = gated('ends/late')
    const calls = { good: 0, bad: 0 }
    const good = asset({ key: 'ends/good', io: jsonFiles({ folder }), run: () => (calls.good += 1) })
    const bad = asset({
      key: 'ends/bad',
      deps: [good],
      io: jsonFiles({ folder }),
      retry: { retries: 0 },
      run: () => {
        calls.bad += 1
        if (calls.bad < 3) throw new Error('not yet')
        return 1
      },
    })
    const last = asset({ key: 'ends/last', deps: [bad], io: jsonFiles({ folder }), run: () => 1 })
    await engine.work(createLocation([one, good, bad, last], { limits: { runs: 2 }, runs: { retryDelayMs: 10 } }))
    const late = await engine.launch('ends/late', { tags: { 'dagster/max_runtime': '1' } })
    const tried = await engine.succeed(['ends/good', 'ends/bad', 'ends/last'], { tags: { 'dagster/max_retries': '2' } })
    expect(calls).toEqual({ good: 1, bad: 3 })
    expect(tried.events.filter((event) => event.kind === 'run retry').map((event) => event.data)).toEqual([
      { retried: 1, retries: 2 },
      { retried: 2, retries: 2 },
    ])
    const ended = await engine.ended(late.runId)
    expect(ended).toMatchObject({ status: 'failed', step: { status: 'canceled' } })
    expect(await engine.value(`SELECT error->>'code' FROM millrace.run WHERE id = $1`, [late.runId])).toBe('RUN_TIMEOUT')
    expect(await engine.value(`SELECT error->>'code' FROM millrace.asset_failure WHERE asset = 'ends/late' AND run_id = $1`, [late.runId])).toBe('RUN_TIMEOUT')
    expect(gate.ran).toHaveLength(1)
    calls.bad = 0
    const given = await engine.run(['ends/bad'], { retries: 1 })
    expect(given.status).toBe('failed')
    expect(calls.bad).toBe(2)
    for (const tags of [{ 'dagster/max_retries': 'many' }, { 'dagster/retry_strategy': 'SOME_STEPS' }])
      await expect(engine.launch('ends/bad', { tags })).rejects.toMatchObject({ code: 'TAG_INVALID' })
  })

  test('one that is to be tried again from its start is tried by runs like it, in its place in a backfill, and has failed when the last did', async () => {
    const calls = { list: 0, visit: 0 }
    const broken = { times: 2 }
    const list = op({ name: 'list', output: z.array(z.string()), run: () => ((calls.list += 1), ['x', 'y']) })
    const told = (name: string) => hook({ name, retry: { retries: 0 }, run: () => undefined })
    const visit = op({
      name: 'visit',
      inputs: { one: z.string() },
      output: z.string(),
      retry: { retries: 0 },
      onFailure: told('told_of_step'),
      run: ({ inputs }) => {
        calls.visit += 1
        if (inputs.one === 'y' && broken.times-- > 0) throw new Error('not yet')
        return inputs.one
      },
    })
    const anew = job({
      name: 'anew',
      graph: graph({ name: 'anew', compose: () => mapOver(list(), (one) => visit({ one }), { key: (one) => one }).collect() }),
      partitions: staticPartitions(['a']),
      onFailure: told('told'),
      tags: { 'dagster/retry_strategy': 'ALL_STEPS' },
    })
    const location = createLocation([], { jobs: [anew], runs: { retryDelayMs: 10, retries: 2 } })
    await engine.work(location)
    const ends = async () => {
      const { backfillId } = await startBackfill(deps(), { assets: [], job: 'anew', location: location.name, launchedBy: 'test' })
      await waitFor(async () => (await engine.value('SELECT ended_at IS NOT NULL FROM millrace.backfill WHERE id = $1', [backfillId])) === true, {
        what: 'the backfill to end',
        timeoutMs: 60_000,
      })
      const runs = await engine.query<{ id: string; next: string | null; parent: string | null }>(
        `SELECT id, status, retried, retried_by AS next, tags->>'dagster/parent_run_id' AS parent, partitions, launched_by AS by,
           (SELECT count(*)::int FROM millrace.step WHERE run_id = run.id) AS steps FROM millrace.run WHERE backfill_id = $1 ORDER BY created_at`,
        [backfillId],
      )
      expect(runs.map(({ next }) => next)).toEqual([...runs.slice(1).map(({ id }) => id), null])
      expect(runs.map(({ parent }) => parent)).toEqual([null, ...runs.slice(0, -1).map(({ id }) => id)])
      expect(await engine.value('SELECT run_id FROM millrace.backfill_part WHERE backfill_id = $1', [backfillId])).toBe(runs.at(-1)?.id)
      return runs
    }
    const run = { retried: 0, partitions: ['a'], steps: 3, status: 'failed', by: expect.stringMatching(/^backfill /) as unknown }
    expect(await ends()).toMatchObject([run, { ...run, retried: 1 }, { ...run, retried: 2, status: 'succeeded' }])
    expect(calls).toEqual({ list: 3, visit: 6 })
    const failures = () =>
      engine.query<{ target: string; run: string }>(`SELECT target, run_id AS run FROM millrace.outbox WHERE target LIKE 'told%' ORDER BY target`)
    expect(await failures()).toEqual([])
    broken.times = 3
    const lost = await ends()
    expect(lost).toMatchObject([run, { ...run, retried: 1 }, { ...run, retried: 2 }])
    await expect(retry(deps(), lost[0]?.id ?? '')).rejects.toThrow(`is tried again by the run ${String(lost[1]?.id)}`)
    expect((await explainRun(engine.database, lost[0]?.id ?? ''))?.message).toMatch(
      new RegExp(`^It failed at .*: not yet\\. The run ${String(lost[1]?.id)} tries it again from its start\\.$`),
    )
    expect(await failures()).toEqual(['told', 'told_of_step'].map((target) => ({ target, run: lost[2]?.id })))
  })
})
