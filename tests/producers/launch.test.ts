import * as z from 'zod'
import { recordLocationError } from '../../src/catalog/manifests.ts'
import { pauseRuns } from '../../src/catalog/pauses.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import { job } from '../../src/definitions/ops/job.ts'
import { dailyPartitions } from '../../src/definitions/partitions/partitions.ts'
import { table } from '../../src/definitions/table.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { launchAgain } from '../../src/producers/launch/launch-again.ts'
import { failureOf } from '../sources/failure.ts'
import { startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, temporaryFolder, test, waitFor } from '../support/test.ts'

const Row = z.object({ id: z.int(), run: z.string() })

describeBackends('a launch', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })
  const rows = (key: string, write: 'append' | 'replace' = 'append') =>
    table({
      key,
      columns: Row,
      write: { disposition: write },
      extract: ({ runId }) => [Array.from({ length: 50 }, (_, id) => ({ id, run: runId }))],
    })

  test('with a key that was used answers with the first run, also when many ask at once', async () => {
    await engine.define([rows('keyed/rows')])
    const launched = await Promise.all(Array.from({ length: 5 }, () => engine.launch('keyed/rows', { idempotencyKey: 'once' })))
    const [runId = ''] = launched.map((one) => one.runId)
    expect(new Set(launched.map((one) => one.runId)).size).toBe(1)
    expect(launched.filter((one) => one.created)).toHaveLength(1)
    await engine.ended(runId)
    expect(await engine.launch('keyed/rows', { idempotencyKey: 'once' })).toEqual({ runId, created: false })
    expect(await engine.value('SELECT count(*)::int FROM keyed.rows')).toBe(50)
  })

  test('like one that has ended has all of it, and refuses one that goes on', async () => {
    const days = dailyPartitions({ start: '2026-01-01', end: '2026-01-05' })
    const io = jsonFiles({ folder: await temporaryFolder() })
    const config = z.object({ shop: z.string().default('north') })
    const made: unknown[] = []
    const first = asset({ key: 'like/first', io, partitions: days, config, run: ({ partition, config: given }) => made.push([partition.key, given.shop]) })
    const second = asset({ key: 'like/second', io, partitions: days, deps: [first], retry: { retries: 0 }, run: () => made.push('second') })
    const { location } = await engine.define([first, second], undefined, { jobs: [job({ name: 'days', assets: 'like/*', tags: { team: 'shop' } })] })
    const deps = { pool: engine.database.pool, queues: engine.queues, logger: testLogger }
    const facts = (id: string) =>
      engine.query('SELECT job, assets, config, partitions, priority, timeout_ms, retries, tags FROM millrace.run WHERE id = $1', [id])
    for (const request of [{ assets: ['like/first', 'like/second'] }, { assets: [], job: 'days' }]) {
      const asked = {
        ...request,
        location: location.name,
        partitions: ['2026-01-02..2026-01-03'],
        config: { shop: 'south' },
        priority: 3,
        timeoutMs: 60_000,
        tags: { why: 'x' },
      }
      const one = await engine.succeed(asked.assets, asked)
      const before = made.splice(0)
      const { runId } = await launchAgain(deps, one.id, { launchedBy: 'test' })
      expect((await engine.ended(runId)).status).toBe('succeeded')
      // Nothing of it was kept: all of it is made again.
      expect(made.splice(0)).toEqual(before)
      const [was] = await facts(one.id)
      expect(await facts(runId)).toEqual([{ ...was, tags: { ...(was?.['tags'] as object), 'dagster/parent_run_id': one.id } }])
    }
    await pauseRuns(engine.database.pool, location.name, 'test', undefined)
    const { runId: queued } = await engine.launch('like/first', { location: location.name, partitions: ['2026-01-01'] })
    expect(await failureOf(launchAgain(deps, queued, { launchedBy: 'test' }))).toMatchObject({ code: 'RUN_NOT_ENDED' })
    await engine.cancel(queued)
    expect(await failureOf(launchAgain(deps, '00000000-0000-4000-8000-000000000000', { launchedBy: 'test' }))).toMatchObject({ code: 'RUN_UNKNOWN' })
  })

  test('of an asset that is not there says so, and names those that are', async () => {
    await engine.define([rows('known/a')])
    expect(await failureOf(engine.launch('known/b'))).toMatchObject({
      code: 'UNKNOWN_ASSET',
      message: 'There is no asset known/b.',
      hint: expect.stringContaining('known/a'),
    })
    expect(await engine.value(`SELECT count(*)::int FROM millrace.run WHERE 'known/b' = ANY(assets)`)).toBe(0)
  })

  test('in a location that no worker has loaded says so', async () => {
    expect(await failureOf(engine.launch('known/a', { location: 'nowhere' }))).toMatchObject({
      code: 'LOCATION_NOT_LOADED',
      message: 'The location nowhere is not loaded.',
    })
  })

  test('in a location whose definitions did not load says why', async () => {
    await engine.define([rows('known/c')])
    await recordLocationError(engine.database.pool, 'broken', {
      name: 'DefinitionError',
      code: 'DEFINITION_INVALID',
      message: 'A table needs at least one column.',
    })
    const message = 'The location broken does not load: A table needs at least one column.'
    expect(await failureOf(engine.launch('broken/a', { location: 'broken' }))).toMatchObject({ code: 'LOCATION_NOT_LOADED', message })
    expect(await failureOf(engine.launch('broken/a'))).toMatchObject({ code: 'UNKNOWN_ASSET', hint: expect.stringContaining(message) })
  })

  test('of what two locations have must name one', async () => {
    const first = await engine.define([rows('twice/rows')])
    await engine.define([rows('twice/rows')])
    expect(await failureOf(engine.launch('twice/rows'))).toMatchObject({ code: 'LOCATION_AMBIGUOUS' })
    expect((await engine.succeed('twice/rows', { location: first.location.name })).status).toBe('succeeded')
  })

  test('beside another of the same appended asset leaves the rows of both', async () => {
    await engine.define([rows('beside/appended')])
    const launched = await Promise.all([engine.launch('beside/appended'), engine.launch('beside/appended')])
    for (const { runId } of launched) expect((await engine.ended(runId)).status).toBe('succeeded')
    const found = await engine.query('SELECT run, count(*)::int AS rows FROM beside.appended GROUP BY run ORDER BY run')
    expect(found).toEqual(launched.map(({ runId }) => ({ run: runId, rows: 50 })).toSorted((a, b) => (a.run < b.run ? -1 : 1)))
  })

  test('beside another of the same replaced asset leaves the rows of one, the newer', async () => {
    await engine.define([rows('beside/replaced', 'replace')])
    const launched = await Promise.all(Array.from({ length: 3 }, () => engine.launch('beside/replaced')))
    for (const { runId } of launched) expect((await engine.ended(runId)).status).toBe('succeeded')
    const found = await engine.query<{ run: string; rows: number }>('SELECT run, count(*)::int AS rows FROM beside.replaced GROUP BY run')
    const newest = await engine.value(
      `SELECT s.run_id::text FROM millrace_load.step f JOIN millrace.step s ON s.id = f.step_id WHERE f.target_name = 'replaced' ORDER BY f.load_order DESC LIMIT 1`,
    )
    expect(found).toEqual([{ run: newest, rows: 50 }])
    const states = await engine.query(`SELECT s.status FROM millrace.step s WHERE s.asset = 'beside/replaced'`)
    expect(states.every((row) => row['status'] === 'succeeded' || row['status'] === 'superseded')).toBe(true)
  })
  test('beside others that wait for the same table does not wait for them', async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const begun: string[] = []
    const asset = table({
      key: 'beside/queued',
      columns: Row,
      write: { disposition: 'replace' },
      async *extract({ runId }) {
        await gates[begun.push(runId) - 1]?.promise
        yield [{ id: 1, run: runId }]
      },
    })
    await engine.define([asset])
    const reader = await engine.database.pool.connect()
    const waiting = () =>
      engine.value(
        `SELECT count(*)::int FROM pg_locks JOIN pg_database d ON d.oid = database AND datname = current_database() WHERE locktype = 'advisory' AND NOT granted`,
      )
    const launched: string[] = []
    for (const expected of [1, 2]) {
      launched.push((await engine.launch('beside/queued')).runId)
      await waitFor(() => begun.length === expected, { what: 'the extraction to begin' })
    }
    // An old snapshot holds the first run up in its publishing; the second comes to the same table and then a third.
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1')
    gates[0]?.resolve()
    await waitFor(async () => (await engine.view(launched[0] ?? '')).step.status === 'publishing', { what: 'the first run to publish' })
    gates[1]?.resolve()
    await waitFor(async () => (await waiting()) === 1, { what: 'the second run to wait for the table' })
    gates[2]?.resolve()
    launched.push((await engine.launch('beside/queued')).runId)
    await waitFor(async () => (await waiting()) === 2, { what: 'the third run to wait for the table' })
    await reader.query('COMMIT')
    reader.release()
    for (const runId of launched) expect((await engine.ended(runId, 8000)).step).toMatchObject({ status: 'succeeded', result: { how: 'swapped' } })
    expect(await engine.query('SELECT run FROM beside.queued')).toEqual([{ run: launched[2] }])
  })
})
