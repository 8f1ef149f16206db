import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { asset } from '../../src/definitions/function-asset.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { multiAsset } from '../../src/definitions/multi-asset.ts'
import { table } from '../../src/definitions/table.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { createGate } from '../run-queue/gate.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, temporaryFolder, test, waitFor } from '../support/test.ts'

describeBackends('workers of two versions', (backend) => {
  let engine: Engine
  let folder: string
  let io: ReturnType<typeof jsonFiles>
  beforeAll(async () => {
    folder = await temporaryFolder()
    io = jsonFiles({ folder })
    engine = await startEngine({ backend })
    return engine.stop
  })

  test('hand back what only the other one has', async () => {
    const old = asset({ key: 'grow/old', io, run: () => 1 })
    await engine.work(defineLocation({ name: 'grow', assets: [old] }), { version: 'v1' })
    const fresh = asset({ key: 'grow/fresh', io, retry: { retries: 0 }, run: () => 2 })
    const both = multiAsset({ name: 'grow/both', io, retry: { retries: 0 }, outputs: { a: { key: 'grow/a', value: z.int() } }, run: () => ({ a: 1 }) })
    await engine.work(defineLocation({ name: 'grow', assets: [old, fresh, both] }), { version: 'v2' })
    // Enough that the old one is bound to be handed some.
    const runs = await Promise.all(Array.from({ length: 12 }, () => engine.launch(['grow/fresh', 'grow/a'])))
    for (const { runId } of runs) expect(await engine.ended(runId)).toMatchObject({ status: 'succeeded' })
    expect(await engine.query(`SELECT DISTINCT version FROM millrace.run WHERE 'grow/fresh' = ANY(assets)`)).toEqual([{ version: 'v2' }])
  })

  test('leave a run to workers of its own version while one lives', async () => {
    const gate = createGate()
    const pair = (answer: number) => {
      const first = asset({ key: 'own/first', io, retry: { retries: 0 }, run: ({ runId, signal }) => gate.pass(runId, signal) })
      return defineLocation({ name: 'own', assets: [first, asset({ key: 'own/second', deps: [first], io, run: () => answer })] })
    }
    await engine.work(pair(1), { version: 'v1' })
    const runs = [await engine.launch(['own/first', 'own/second']), await engine.launch(['own/first', 'own/second'])]
    await waitFor(() => Promise.resolve(gate.ran.length === 2), { what: 'the first steps to run' })
    await engine.work(pair(2), { version: 'v2' })
    const fresh = await engine.launch('own/second')
    expect((await engine.ended(fresh.runId)).status).toBe('succeeded')
    expect(JSON.parse(await readFile(join(folder, 'own/second/value.json'), 'utf8'))).toBe(2)
    // The steps behind them begin only now, and any worker may be handed them.
    gate.openForGood()
    for (const { runId } of runs) expect((await engine.ended(runId)).events.filter(({ kind }) => kind === 'version')).toEqual([])
    expect(JSON.parse(await readFile(join(folder, 'own/second/value.json'), 'utf8'))).toBe(1)
  })

  test('take over what the last of the other version leaves, with an event, and whoever lost it stores nothing', async () => {
    const gate = createGate()
    const pair = (answer: number) =>
      multiAsset({
        name: 'over/pair',
        io,
        retry: { retries: 0 },
        outputs: { a: { key: 'over/a', value: z.int() }, b: { key: 'over/b', value: z.int() } },
        run: async ({ runId, signal }) => {
          if (answer === 1) await gate.pass(runId, signal)
          return { a: answer, b: answer }
        },
      })
    const old = await engine.work(defineLocation({ name: 'over', assets: [pair(1)] }), { version: 'v1', drainMs: 100 })
    const { runId } = await engine.launch('over/a')
    await waitFor(() => Promise.resolve(gate.ran.length === 1), { what: 'the function of the old version to run' })
    await engine.work(defineLocation({ name: 'over', assets: [pair(2)] }), { version: 'v2' })
    await old.stop()
    const run = await engine.ended(runId)
    expect(run.status).toBe('succeeded')
    expect(run.events.filter(({ kind }) => kind === 'version').map(({ message }) => message)).toEqual([
      'No ops worker of version v1 is left; over/pair goes on under version v2.',
    ])
    expect(run.events.filter(({ kind }) => kind === 'materialization')).toHaveLength(2)
    for (const key of ['over/a', 'over/b']) expect(JSON.parse(await readFile(join(folder, key, 'value.json'), 'utf8'))).toBe(2)
  })

  test('finish what they have begun once they are retired, whatever the other one says, and take nothing else', async () => {
    const gate = createGate()
    const ofVersion = (version: number) => {
      const rows = table({
        key: 'stay/rows',
        columns: version === 1 ? z.object({ id: z.int() }) : z.object({ id: z.int(), more: z.int().nullish() }),
        retry: { retries: 0 },
        async *extract({ runId, signal }) {
          yield [{ id: 1 }]
          if (version === 1) await gate.pass(runId, signal)
          yield [{ id: 2 }]
        },
      })
      const after = asset({ key: 'stay/after', deps: [rows], io, run: () => version })
      return defineLocation({ name: 'stay', assets: [rows, after, asset({ key: 'stay/quick', io, run: () => version })] })
    }
    const valueOf = async (key: string): Promise<unknown> => JSON.parse(await readFile(join(folder, key, 'value.json'), 'utf8'))
    // Each record is a batch: one is transformed after the other version has come.
    const old = await engine.work(ofVersion(1), { version: 'v1', batchBytes: 1 })
    const { runId } = await engine.launch(['stay/rows', 'stay/after'])
    await waitFor(() => Promise.resolve(gate.ran.length === 1), { what: 'the extractor of the old version to run' })
    await engine.work(ofVersion(2), { version: 'v2' })
    const retired = old.retire()
    for (let n = 0; n < 5; n++) await engine.succeed('stay/quick')
    expect(await valueOf('stay/quick')).toBe(2)
    expect((await engine.view(runId)).status).toBe('started')
    gate.letGo()
    await retired
    const run = await engine.ended(runId)
    expect(run).toMatchObject({ status: 'succeeded', steps: [{ attempt: 1 }, { attempt: 1 }] })
    expect(run.events.filter(({ level }) => level !== 'info')).toEqual([])
    expect(await valueOf('stay/after')).toBe(1)
    expect(await engine.query('SELECT * FROM stay.rows ORDER BY id')).toMatchObject([{ id: '1' }, { id: '2' }])
  })

  test('that are retired while nobody else has their location finish what is in hand and end; the run goes on when a worker comes with it', async () => {
    const gate = createGate()
    const location = defineLocation({
      name: 'gone',
      assets: [
        table({
          key: 'gone/rows',
          columns: z.object({ id: z.int() }),
          retry: { retries: 0 },
          async *extract({ runId, signal }) {
            yield [{ id: 1 }]
            await gate.pass(runId, signal)
            yield [{ id: 2 }]
          },
        }),
      ],
    })
    const old = await engine.work(location, { version: 'v1', batchBytes: 1 })
    const { runId } = await engine.launch('gone/rows')
    await waitFor(() => Promise.resolve(gate.ran.length === 1), { what: 'the extractor to run' })
    const retired = old.retire()
    gate.letGo()
    await retired
    await old.stop()
    expect((await engine.view(runId)).status).toBe('started')
    await engine.work(location, { version: 'v1' })
    expect(await engine.ended(runId)).toMatchObject({ status: 'succeeded', steps: [{ attempt: 1 }] })
    expect(await engine.query('SELECT * FROM gone.rows ORDER BY id')).toMatchObject([{ id: '1' }, { id: '2' }])
  })
})
