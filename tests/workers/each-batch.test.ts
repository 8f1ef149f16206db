import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { forgetQuarantine } from '../../src/catalog/forget-quarantine.ts'
import { reviveStep } from '../../src/catalog/resume.ts'
import { unique } from '../../src/definitions/check.ts'
import { table } from '../../src/definitions/table.ts'
import type { ExtractContext, TableOptions } from '../../src/definitions/table.ts'
import { startWaiting } from '../../src/producers/launch/start-waiting.ts'
import { failureOf } from '../sources/failure.ts'
import { startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, test, waitFor } from '../support/test.ts'

const Row = z.object({ id: z.int() })
type Columns = z.ZodObject

/** Ids from the position, else from the cursor, up to a number that grows; `at` is told of each page before it is given. */
interface Source {
  total: number
  at: (id: number) => Promise<unknown> | undefined
  readonly begun: number[]
}

describeBackends('a table that is published batch by batch', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })

  function growing(key: string, options: Partial<TableOptions<Columns, { id: number }>> = {}) {
    const source: Source = { total: 6, at: () => undefined, begun: [] }
    const asset = table<Columns, { id: number }>({
      key,
      columns: Row,
      write: { disposition: 'append', publish: 'each-batch' },
      resumable: true,
      cursor: true,
      retry: { retries: 2, delayMs: 1 },
      async *extract({ position, cursor }: Pick<ExtractContext, 'position' | 'cursor'>) {
        const from = Number(position ?? cursor ?? 0)
        source.begun.push(from)
        for (let id = from; id < source.total; id += 1) {
          await source.at(id)
          yield { records: [{ id }], position: id + 1, cursor: id + 1 }
        }
      },
      ...options,
    })
    return { source, asset }
  }
  const idsOf = async (name: string) => (await engine.query<{ id: number }>(`SELECT id::int FROM ${name} ORDER BY id`)).map((row) => row.id)
  const holds = (name: string, ids: readonly number[]) =>
    waitFor(async () => (await engine.value('SELECT to_regclass($1)', [name])) !== null && (await idsOf(name)).join() === ids.join(), {
      what: `${name} to hold ${ids.join()}`,
    })
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, id) => id)

  test('shows each batch as it comes, in the order of the source, and needs no staging', async () => {
    const { source, asset } = growing('grown/shown')
    await engine.define([asset], { batchBytes: 1 })
    source.at = (id) => (id === 3 ? holds('grown.shown', [0, 1, 2]) : undefined)
    const run = await engine.succeed('grown/shown')
    expect(run.step.result).toMatchObject({ rows: 6, records: 6, disposition: 'append', how: 'batch by batch' })
    expect(run.step.batches).toBe(6)
    source.total = 8
    expect((await engine.succeed('grown/shown')).step.result).toMatchObject({ rows: 2 })
    expect(await idsOf('grown.shown')).toEqual(upTo(8))
    expect(source.begun).toEqual([0, 6])
    expect(await engine.value(`SELECT count(*)::int FROM pg_class WHERE relnamespace = to_regnamespace('millrace_staging') AND relkind = 'r'`)).toBe(0)
  })

  test('goes on after what is loaded when its extraction fails in the middle', async () => {
    const { source, asset } = growing('grown/failing')
    await engine.define([asset], { batchBytes: 1 })
    source.at = (id) => (id === 3 && source.begun.length === 1 ? Promise.reject(new Error('the source went away')) : undefined)
    expect((await engine.succeed('grown/failing')).step).toMatchObject({ attempt: 2, generation: 1 })
    expect(source.begun).toEqual([0, 3])
    expect(await idsOf('grown.failing')).toEqual(upTo(6))
  })

  test.for(['another attempt that a person asks for', 'the next run'] as const)('that failed for good goes on with %s, and no row is in twice', async (how) => {
    const key = how === 'the next run' ? 'grown/next' : 'grown/again'
    const { source, asset } = growing(key, { retry: { retries: 0 } })
    await engine.define([asset], { batchBytes: 1 })
    source.at = (id) => (id === 3 ? holds(key.replace('/', '.'), [0, 1, 2]).then(() => Promise.reject(new Error('the source went away'))) : undefined)
    const failed = await engine.run(key)
    expect(failed.status).toBe('failed')
    expect(await idsOf(key.replace('/', '.'))).toEqual([0, 1, 2])
    source.at = () => undefined
    if (how === 'the next run') {
      expect((await engine.succeed(key)).step.result).toMatchObject({ rows: 3 })
    } else {
      await reviveStep(engine.database.pool, failed.step.id)
      await startWaiting({ ...engine, pool: engine.database.pool, logger: testLogger })
      await waitFor(async () => (await engine.view(failed.id)).status === 'succeeded', { what: 'the run to succeed' })
      expect((await engine.view(failed.id)).step).toMatchObject({ generation: 2, batches: 6, result: { rows: 6 } })
    }
    expect(source.begun).toEqual([0, 3])
    expect(await idsOf(key.replace('/', '.'))).toEqual(upTo(6))
  })

  test('whose raw bytes are lost fetches them again, from after the last batch that is loaded', async () => {
    const { source, asset } = growing('grown/lost')
    const { location, worker } = await engine.define([asset], { batchBytes: 1, queues: ['extract', 'ops'] })
    const loading = await engine.work(location, { batchBytes: 1, queues: ['transform', 'load'] })
    source.at = async (id) => {
      if (id !== 3 || source.begun.length > 1) return
      await holds('grown.lost', [0, 1, 2])
      await loading.stop()
    }
    const { runId } = await engine.launch('grown/lost')
    await waitFor(async () => (await engine.view(runId)).step.batches === 6, { what: 'all batches to be recorded' })
    const folder = join(engine.spoolFolder, (await engine.view(runId)).step.id, '1')
    const lost = await engine.value(
      `SELECT raw->>'name' FROM millrace.batch WHERE ordinal = 4 AND step_id = (SELECT id FROM millrace.step WHERE run_id = $1)`,
      [runId],
    )
    expect(await readdir(folder)).not.toHaveLength(0)
    await rm(join(engine.spoolFolder, String(lost)))
    await engine.work(location, { batchBytes: 1, queues: ['transform', 'load'] })
    const run = await engine.ended(runId)
    expect(run.step).toMatchObject({ status: 'succeeded', result: { rows: 6 } })
    expect(run.step.generation).toBeGreaterThan(1)
    expect(await idsOf('grown.lost')).toEqual(upTo(6))
    expect(source.begun.length).toBeGreaterThan(1)
    await worker.stop()
  })

  test('goes on under a new version with other columns, and the rows before have none of them', async () => {
    const { source, asset } = growing('grown/changed')
    const first = await engine.define([asset], { batchBytes: 1, version: 'v1' })
    const wide = z.object({ id: z.int(), note: z.string().nullish() })
    const next = growing('grown/changed', { columns: wide, transform: (record) => ({ ...record, note: 'new' }) })
    source.at = async (id) => {
      if (id !== 3) return
      await holds('grown.changed', [0, 1, 2])
      void first.worker.stop()
      throw new Error('the source goes away with its worker')
    }
    const { runId } = await engine.launch('grown/changed')
    await waitFor(async () => (await engine.view(runId)).step.attempt === 2, { what: 'the second attempt to be due' })
    await first.worker.stop()
    await engine.work({ ...first.location, assets: [next.asset] }, { batchBytes: 1, version: 'v2' })
    expect((await engine.ended(runId)).step).toMatchObject({ status: 'succeeded', result: { rows: 6 } })
    expect(await engine.query('SELECT id::int, note FROM grown.changed ORDER BY id')).toEqual(upTo(6).map((id) => ({ id, note: id < 3 ? null : 'new' })))
  })

  test('by two runs at once has each row once: the one that finds the cursor moved begins afresh', async () => {
    const { source, asset } = growing('grown/raced')
    await engine.define([asset], { batchBytes: 1 })
    let met = 0
    source.at = async (id) => {
      if (id !== 0) return
      met += 1
      await waitFor(() => met >= 2, { what: 'both runs to extract' })
    }
    const runs = await Promise.all([engine.succeed('grown/raced'), engine.succeed('grown/raced')])
    expect(await idsOf('grown.raced')).toEqual(upTo(6))
    expect(
      runs
        .map((run) => Number(run.step.result?.['rows']))
        .toSorted((a, b) => a - b)
        .reduce((sum, n) => sum + n, 0),
    ).toBe(6)
  })

  test('refuses a page without a position, before anything of it is loaded', async () => {
    const { asset } = growing('grown/nowhere', { extract: () => [{ records: [{ id: 1 }] }], retry: { retries: 0 } })
    await engine.define([asset], { batchBytes: 1 })
    expect((await engine.run('grown/nowhere')).step.error).toMatchObject({ code: 'POSITION_MISSING' })
    expect(await idsOf('grown.nowhere')).toEqual([])
  })

  test('with a primary key refuses a key that it has, and keeps what came before', async () => {
    const { source, asset } = growing('grown/keyed', { primaryKey: ['id'], transform: ({ id }) => ({ id: Math.min(id, 2) }), retry: { retries: 0 } })
    await engine.define([asset], { batchBytes: 1 })
    source.at = (id) => (id === 3 ? holds('grown.keyed', [0, 1, 2]) : undefined)
    expect((await engine.run('grown/keyed')).step.error).toMatchObject({ code: 'KEY_TWICE', message: expect.stringContaining('batch 3 of grown/keyed') })
    expect(await idsOf('grown.keyed')).toEqual([0, 1, 2])
  })

  test('puts values that only Postgres can read in quarantine, and goes on', async () => {
    const { asset } = growing('grown/strained', {
      columns: z.object({ id: z.int(), wait: z.string().meta({ postgres: 'interval' }) }),
      transform: ({ id }) => ({ id, wait: id === 3 ? 'soon' : '1 day' }),
      quarantine: true,
    })
    await engine.define([asset], { batchBytes: 1 })
    expect((await engine.succeed('grown/strained')).step.result).toMatchObject({ rows: 5, quarantined: 1 })
    expect(await idsOf('grown.strained')).toEqual([0, 1, 2, 4, 5])
  })

  test('has what a failed run put in quarantine redriven, of the batches that are in; what comes again is left', async () => {
    let mended = false
    const { source, asset } = growing('grown/bad', {
      quarantine: true,
      retry: { retries: 0 },
      transform: ({ id }) => ({ id: mended || (id !== 1 && id !== 4) ? id : (`bad ${String(id)}` as never) }),
    })
    await engine.define([asset], { batchBytes: 1 })
    source.at = (id) => (id === 3 ? holds('grown.bad', [0, 2]).then(() => Promise.reject(new Error('the source went away'))) : undefined)
    expect((await engine.run('grown/bad')).status).toBe('failed')
    await engine.query(`UPDATE millrace.quarantine SET at = at - interval '2 days' WHERE asset = 'grown/bad'`)
    await forgetQuarantine(engine.database.pool, { kept: 0, settled: 1 }, '0')
    mended = true
    expect((await engine.succeed('grown/bad', { redrive: true })).step.result).toMatchObject({ rows: 1, records: 1 })
    source.at = () => undefined
    expect((await engine.succeed('grown/bad')).step.result).toMatchObject({ rows: 3 })
    expect(await idsOf('grown.bad')).toEqual(upTo(6))
  })

  test('keeps its rows where a blocking check fails, and says so', async () => {
    const { asset } = growing('grown/checked', { transform: () => ({ id: 1 }), checks: [unique('id')], retry: { retries: 0 } })
    await engine.define([asset], { batchBytes: 1 })
    expect((await engine.run('grown/checked')).step.error).toMatchObject({ code: 'CHECK_FAILED', hint: expect.stringContaining('Its rows are in the table') })
    expect(await idsOf('grown.checked')).toHaveLength(6)
  })

  test('is never refreshed as a whole', async () => {
    const { asset } = growing('grown/whole')
    await engine.define([asset])
    expect(await failureOf(engine.launch('grown/whole', { fullRefresh: true }))).toMatchObject({ code: 'REFRESH_EACH_BATCH' })
  })
})
