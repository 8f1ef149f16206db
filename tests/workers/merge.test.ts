import * as z from 'zod'
import { table } from '../../src/definitions/table.ts'
import type { WriteOptions } from '../../src/definitions/table.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, test, waitFor } from '../support/test.ts'

const Row = z.object({
  id: z.int(),
  name: z.string().nullable(),
  seen: z.iso.datetime().nullable().default(null),
  gone: z.boolean().default(false),
  more: z.json().default(null),
})
type Row = z.input<typeof Row>

const day = (n: number): string => `2026-01-0${String(n)}T00:00:00Z`

describeBackends('merge', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })

  /** An asset whose rows can be changed; each is a page and a batch of its own. */
  async function define(key: string, write: Omit<Extract<WriteOptions, { disposition: 'merge' }>, 'disposition'> = {}, primaryKey: string[] = ['id']) {
    const state: { rows: readonly Row[] } = { rows: [] }
    const asset = table({
      key,
      columns: Row,
      primaryKey,
      write: { disposition: 'merge', ...write },
      retry: { retries: 0 },
      extract: () => state.rows.map((row) => [row]),
    })
    await engine.define([asset], { batchBytes: 1 })
    const target = key.replace('/', '.')
    return {
      async load(...rows: readonly Row[]) {
        state.rows = rows
        return (await engine.succeed(key)).step.result
      },
      async fail(...rows: readonly Row[]) {
        state.rows = rows
        const { runId } = await engine.launch(key)
        const run = await engine.ended(runId)
        expect(run.status).toBe('failed')
        return run.step.error
      },
      rows: () => engine.query(`SELECT id::int, name FROM ${target} ORDER BY id`),
      versions: () => engine.query(`SELECT id::int, xmin::text FROM ${target} ORDER BY id`),
    }
  }

  test('inserts what is new, updates what differs, and does not touch what is alike', async () => {
    const asset = await define('merge/plain')
    expect(await asset.load({ id: 1, name: 'a' }, { id: 2, name: 'b', more: { deep: [1, { x: 2 }] } }, { id: 3, name: null })).toMatchObject({
      rows: 3,
      disposition: 'merge',
      how: 'swapped',
      inserted: 3,
      updated: 0,
      deleted: 0,
      unchanged: 0,
    })
    const [, second, third] = await asset.versions()
    const again = await asset.load({ id: 1, name: 'A' }, { id: 2, name: 'b', more: { deep: [1, { x: 2 }] } }, { id: 4, name: 'd' })
    expect(again).toMatchObject({ rows: 3, inserted: 1, updated: 1, deleted: 0, unchanged: 1 })
    expect(await asset.rows()).toEqual([
      { id: 1, name: 'A' },
      { id: 2, name: 'b' },
      { id: 3, name: null },
      { id: 4, name: 'd' },
    ])
    expect((await asset.versions()).slice(1, 3)).toEqual([second, third])
    expect(await asset.load()).toMatchObject({ rows: 0, inserted: 0, updated: 0, deleted: 0, unchanged: 0 })
  })

  test('takes the newest of several records of a key, and no older one than is there', async () => {
    const asset = await define('merge/newest', { newestBy: 'seen' })
    const loaded = await asset.load({ id: 1, name: 'old', seen: day(1) }, { id: 1, name: 'new', seen: day(3) }, { id: 1, name: 'never' }, { id: 2, name: 'b' })
    expect(loaded).toMatchObject({ rows: 4, inserted: 2, updated: 0, unchanged: 0 })
    expect(await asset.load({ id: 1, name: 'late', seen: day(2) }, { id: 2, name: 'dated', seen: day(1) })).toMatchObject({ updated: 1, unchanged: 1 })
    expect(await asset.load({ id: 2, name: 'undated' }, { id: 1, name: 'again', seen: day(3) })).toMatchObject({ updated: 1, unchanged: 1 })
    expect(await asset.rows()).toEqual([
      { id: 1, name: 'again' },
      { id: 2, name: 'dated' },
    ])
  })

  test('deletes what is flagged, counts each key once, and takes it back when it comes again', async () => {
    const asset = await define('merge/flagged', { deletedBy: 'gone', newestBy: 'seen' })
    expect(await asset.load({ id: 8, name: null, seen: day(1), gone: true })).toMatchObject({ inserted: 0, deleted: 0, unchanged: 1 })
    expect(await asset.rows()).toEqual([])
    await asset.load({ id: 1, name: 'a', seen: day(2) }, { id: 2, name: 'b', seen: day(2) }, { id: 3, name: 'c', seen: day(2) })
    const flagged = await asset.load(
      { id: 1, name: null, seen: day(3), gone: true },
      { id: 2, name: null, seen: day(1), gone: true },
      { id: 4, name: null, seen: day(3), gone: true },
    )
    expect(flagged).toMatchObject({ inserted: 0, updated: 0, deleted: 1, unchanged: 2 })
    expect(await asset.rows()).toEqual([
      { id: 2, name: 'b' },
      { id: 3, name: 'c' },
    ])
    // Within one load the newest decides, whichever way.
    const both = await asset.load(
      { id: 1, name: 'a', seen: day(4) },
      { id: 1, name: null, seen: day(3), gone: true },
      { id: 3, name: null, seen: day(5), gone: true },
      { id: 3, name: 'c', seen: day(4) },
    )
    expect(both).toMatchObject({ inserted: 1, deleted: 1, unchanged: 0 })
    expect(await asset.rows()).toEqual([
      { id: 1, name: 'a' },
      { id: 2, name: 'b' },
    ])
  })

  test('refuses different records of one key where nothing says which counts, and takes the same one twice', async () => {
    const asset = await define('merge/twice')
    expect(await asset.load({ id: 1, name: 'a' }, { id: 1, name: 'a' })).toMatchObject({ rows: 2, inserted: 1 })
    const error = await asset.fail({ id: 1, name: 'b' }, { id: 2, name: 'x' }, { id: 2, name: 'y' }, { id: 3, name: 'z' })
    expect(error).toMatchObject({ code: 'KEY_TWICE', message: 'merge/twice gives different records for one key (id): ["2"] 2 times.' })
    expect(await asset.rows()).toEqual([{ id: 1, name: 'a' }])
  })

  test('merges by a key of several columns in any order, and by one that is the whole row', async () => {
    const asset = await define('merge/several', {}, ['name', 'id'])
    await asset.load({ id: 1, name: 'a' }, { id: 1, name: 'b' })
    expect(await asset.load({ id: 1, name: 'b', gone: true }, { id: 2, name: 'b' })).toMatchObject({ inserted: 1, updated: 1 })
    const whole = table({
      key: 'merge/whole',
      columns: z.object({ id: z.int() }),
      primaryKey: ['id'],
      write: { disposition: 'merge' },
      extract: () => [[{ id: 1 }, { id: 2 }]],
    })
    await engine.define([whole])
    expect((await engine.succeed('merge/whole')).step.result).toMatchObject({ inserted: 2 })
    expect((await engine.succeed('merge/whole')).step.result).toMatchObject({ inserted: 0, unchanged: 2 })
  })

  test('into a table that has no such key is refused before anything is loaded', async () => {
    await engine.query(
      'CREATE SCHEMA keyless; CREATE TABLE keyless.rows (id bigint NOT NULL, name text, seen timestamptz, gone boolean, more jsonb); CREATE INDEX ON keyless.rows (id); CREATE UNIQUE INDEX ON keyless.rows (id, name); INSERT INTO keyless.rows VALUES (7, $$a$$), (7, $$b$$)',
    )
    const asset = await define('keyless/rows')
    const error = await asset.fail({ id: 1, name: 'a' })
    expect(error).toMatchObject({ code: 'MERGE_KEY_MISSING', hint: expect.stringContaining('ALTER TABLE "keyless"."rows" ADD PRIMARY KEY ("id")') })
    await engine.query('DELETE FROM keyless.rows; CREATE UNIQUE INDEX ON keyless.rows (id)')
    expect(await asset.load({ id: 1, name: 'a' })).toMatchObject({ inserted: 1 })
  })

  test('an older run that comes late is superseded', async () => {
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    let calls = 0
    const asset = table({
      key: 'merge/ordered',
      columns: Row,
      primaryKey: ['id'],
      write: { disposition: 'merge' },
      async *extract() {
        calls += 1
        const first = calls === 1
        if (first) await held
        yield [{ id: 1, name: first ? 'older' : 'newer' }]
      },
    })
    await engine.define([asset])
    const older = await engine.launch('merge/ordered')
    await waitFor(() => calls === 1, { what: 'the older run to extract' })
    await engine.succeed('merge/ordered')
    release()
    expect((await engine.ended(older.runId)).step.status).toBe('superseded')
    expect(await engine.query('SELECT name FROM merge.ordered')).toEqual([{ name: 'newer' }])
  })
})
