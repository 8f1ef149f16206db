import { once } from 'node:events'
import pg from 'pg'
import * as z from 'zod'
import { asset } from '../../src/definitions/function-asset.ts'
import { sqlAsset } from '../../src/definitions/sql-asset.ts'
import { table } from '../../src/definitions/table.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { atFileEnd, beforeAll, describeBackends, expect, temporaryFolder, test, waitFor } from '../support/test.ts'

const Row = z.object({ id: z.int() })

describeBackends('cancel', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })

  test('reaches the running function as its signal, and leaves the target as it was', async () => {
    let first = true
    const aborted: unknown[] = []
    const asset = table({
      key: 'cancel/rows',
      columns: Row,
      write: { disposition: 'replace' },
      async *extract({ signal }) {
        yield [{ id: first ? 1 : 2 }]
        if (first) return
        await once(signal, 'abort')
        aborted.push(signal.reason)
      },
    })
    await engine.define([asset], { batchBytes: 1 })
    await engine.succeed('cancel/rows')
    first = false
    const { runId } = await engine.launch('cancel/rows')
    await waitFor(
      async () =>
        (await engine.value(`SELECT count(*)::int FROM millrace.batch b JOIN millrace.step s ON s.id = b.step_id WHERE s.run_id = $1 AND b.status = 'loaded'`, [
          runId,
        ])) === 1,
      {
        what: 'a batch to be in staging',
      },
    )
    await engine.cancel(runId)
    const run = await engine.ended(runId)
    expect([run.status, run.step.status]).toEqual(['canceled', 'canceled'])
    await waitFor(() => aborted.length === 1, { what: 'the function to hear of it' })
    expect(run.events.map((event) => event.message)).toEqual(expect.arrayContaining(['Somebody asked for the run to be canceled.', 'The run was canceled.']))
    expect(await engine.query('SELECT id::int FROM cancel.rows')).toEqual([{ id: 1 }])
  })

  test('ends a run whose function never returns, and frees its worker', async () => {
    const asset = table({
      key: 'cancel/deaf',
      columns: Row,
      async *extract() {
        yield [{ id: 1 }]
        await new Promise(() => undefined)
      },
    })
    await engine.define([asset, table({ key: 'cancel/other', columns: Row, extract: () => [[{ id: 1 }]] })])
    const { runId } = await engine.launch('cancel/deaf')
    await waitFor(async () => (await engine.view(runId)).step.status === 'extracting', { what: 'the extraction to begin' })
    await engine.cancel(runId)
    expect((await engine.ended(runId, 3000)).status).toBe('canceled')
    await engine.succeed('cancel/other')
  })

  test('of a run that no worker has taken yet ends it at once, and nobody begins it', async () => {
    let began = 0
    const run = () => (began += 1)
    const io = jsonFiles({ folder: await temporaryFolder() })
    const { location } = await engine.define([asset({ key: 'cancel/early', io, run }), asset({ key: 'cancel/next', io, run })], { queues: ['extract'] })
    const { runId } = await engine.launch('cancel/early')
    expect(await engine.view(runId)).toMatchObject({ status: 'started', step: { status: 'running' } })
    await engine.cancel(runId)
    expect(await engine.view(runId)).toMatchObject({ status: 'canceled', step: { status: 'canceled' } })
    await engine.work(location, { queues: ['ops'] })
    // Its job lies before the one of this in the queue.
    await engine.succeed('cancel/next')
    expect(began).toBe(1)
  })

  test('of a run that waits for its next attempt, or for an upstream asset, ends it at once', async () => {
    const failing = table({
      key: 'cancel/failing',
      columns: Row,
      retry: { retries: 5, delayMs: 3_600_000, maxDelayMs: 3_600_000 },
      extract() {
        throw new Error('not today')
      },
    })
    const after = sqlAsset({ key: 'cancel/after', select: 'SELECT 1 AS one', store: { kind: 'view' }, deps: [failing] })
    await engine.define([failing, after])
    const { runId } = await engine.launch(['cancel/failing', 'cancel/after'])
    await waitFor(async () => (await engine.view(runId)).steps.some((step) => step.status === 'retrying'), { what: 'the first attempt to fail' })
    await engine.cancel(runId)
    const run = await engine.ended(runId, 3000)
    expect(run.steps.map((step) => step.status)).toEqual(['canceled', 'canceled'])
  })

  test('stops a query that is being computed', async () => {
    await engine.define([sqlAsset({ key: 'cancel/long', select: 'SELECT pg_sleep(600)::text AS slept', store: { kind: 'table', primaryKey: ['slept'] } })])
    const { runId } = await engine.launch('cancel/long')
    const running = () =>
      engine.value(
        `SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(600)%' AND state = 'active' AND pid <> pg_backend_pid()`,
      )
    await waitFor(async () => (await running()) === 1, { what: 'the query to run' })
    await engine.cancel(runId)
    expect((await engine.ended(runId, 8000)).step.status).toBe('canceled')
    expect(await running()).toBe(0)
  })

  test('while the rows are being published waits for nothing but the reader in the way, and keeps the old rows', async () => {
    let id = 1
    await engine.define([table({ key: 'cancel/published', columns: Row, extract: () => [[{ id }]] })])
    await engine.succeed('cancel/published')
    const reader = new pg.Client(engine.database.url)
    await reader.connect()
    atFileEnd(() => reader.end())
    await reader.query('BEGIN; LOCK TABLE cancel.published IN ACCESS EXCLUSIVE MODE')
    id = 2
    const { runId } = await engine.launch('cancel/published')
    await waitFor(
      async () =>
        (await engine.value(
          `SELECT count(*)::int FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = current_database() AND NOT l.granted`,
        )) === 1,
      {
        what: 'something to wait for the lock',
      },
    )
    await engine.cancel(runId)
    expect((await engine.ended(runId, 8000)).status).toBe('canceled')
    await reader.query('COMMIT')
    expect(await engine.query('SELECT id::int FROM cancel.published')).toEqual([{ id: 1 }])
  })

  test('of a run that is over changes nothing', async () => {
    await engine.define([table({ key: 'cancel/over', columns: Row, extract: () => [[{ id: 1 }]] })])
    const run = await engine.succeed('cancel/over')
    await engine.cancel(run.id)
    expect(await engine.view(run.id)).toEqual(run)
  })
})
