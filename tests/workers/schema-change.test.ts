import * as z from 'zod'
import { decimal } from '../../src/definitions/column-types.ts'
import { table } from '../../src/definitions/table.ts'
import { createLocation, startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, test } from '../support/test.ts'

describeBackends('a table whose definition changed', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })
  const load = async <S extends z.ZodObject>(key: string, columns: S, row: z.input<S>, disposition: 'append' | 'replace' = 'append') => {
    const { worker } = await engine.define([table<S, z.input<S>>({ key, columns, write: { disposition }, retry: { retries: 0 }, extract: () => [[row]] })])
    const run = await engine.run(key, {
      location: (await engine.query<{ location: string }>('SELECT location FROM millrace.manifest ORDER BY published_at DESC LIMIT 1'))[0]?.location,
    })
    await worker.stop()
    return run
  }

  test.for(['append', 'replace'] as const)('gets its new columns and wider types, by %s', async (disposition) => {
    const key = `changed/${disposition}`
    await load(key, z.object({ id: z.int32(), price: decimal(6, 2) }), { id: 1, price: '1.50' }, disposition)
    const Wider = z.object({ id: z.int(), price: decimal(12, 4), note: z.string().nullable().meta({ description: 'What was said' }) })
    const run = await load(key, Wider, { id: 9007199254740991, price: '12345678.0001', note: 'new' }, disposition)
    expect(run.status).toBe('succeeded')
    const ddl = run.events.find((event) => event.kind === 'schema')?.data['ddl']
    expect(JSON.stringify(ddl)).toContain('ADD COLUMN')
    const rows = [
      { id: '1', price: '1.5000', note: null },
      { id: '9007199254740991', price: '12345678.0001', note: 'new' },
    ]
    expect(await engine.query(`SELECT * FROM changed.${disposition} ORDER BY id`)).toEqual(disposition === 'append' ? rows : rows.slice(1))
  })

  test('keeps a column that only the table has', async () => {
    await load('changed/kept', z.object({ id: z.int(), extra: z.string().nullable() }), { id: 1, extra: 'kept' })
    expect((await load('changed/kept', z.object({ id: z.int() }), { id: 2 })).status).toBe('succeeded')
    expect(await engine.query('SELECT id::int, extra FROM changed.kept ORDER BY id')).toEqual([
      { id: 1, extra: 'kept' },
      { id: 2, extra: null },
    ])
  })

  test('in a way that loses something is refused before anything is extracted: column and both types are named', async () => {
    await load('changed/refused', z.object({ id: z.int(), size: z.string() }), { id: 1, size: 'large' })
    const run = await load('changed/refused', z.object({ id: z.int(), size: z.int() }), { id: 2, size: 2 })
    expect(run.step).toMatchObject({
      status: 'failed',
      attempt: 1,
      batches: 0,
      error: { code: 'SCHEMA_CHANGE_REFUSED', hint: expect.stringContaining('alter the table by hand') },
    })
    expect(run.step.error?.message).toContain(
      'changed.refused cannot take the rows of this asset: The column size is text in the table and bigint in the definition',
    )
    expect(await engine.query('SELECT size FROM changed.refused')).toEqual([{ size: 'large' }])
  })

  test('by a column that allows no NULL is refused where there are rows', async () => {
    await load('changed/not_null', z.object({ id: z.int() }), { id: 1 })
    const run = await load('changed/not_null', z.object({ id: z.int(), name: z.string() }), { id: 2, name: 'x' })
    expect(run.step.error).toMatchObject({ code: 'SCHEMA_CHANGE_REFUSED', message: expect.stringContaining('The new column name (text) allows no NULL') })
  })

  // What is slow about it is the table's lock, which is the same for both.
  test.runIf(backend === 'postgres')('is not altered under a reader for longer than a moment: the step tries again', async () => {
    const Wider = z.object({ id: z.int(), more: z.string().nullable() })
    await load('changed/busy', z.object({ id: z.int() }), { id: 1 })
    const reader = await engine.database.pool.connect()
    await reader.query('BEGIN; LOCK TABLE changed.busy IN ACCESS SHARE MODE')
    const location = createLocation([
      table({ key: 'changed/busy', columns: Wider, retry: { retries: 5, delayMs: 100 }, extract: () => [[{ id: 2, more: 'x' }]] }),
    ])
    await engine.work(location)
    const { runId } = await engine.launch('changed/busy', { location: location.name })
    const { step } = await (async () => {
      for (;;) {
        const view = await engine.view(runId)
        if (view.step.attempt > 1 || view.step.status === 'failed') return view
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    })()
    expect(step.status).not.toBe('failed')
    await reader.query('COMMIT')
    reader.release()
    expect((await engine.ended(runId)).status).toBe('succeeded')
  })
})
