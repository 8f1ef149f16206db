import * as z from 'zod'
import { unique } from '../../src/definitions/check.ts'
import { table } from '../../src/definitions/table.ts'
import type { WriteOptions } from '../../src/definitions/table.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, test, waitFor } from '../support/test.ts'

const Row = z.object({ id: z.int(), name: z.string().nullable(), gone: z.boolean().default(false), more: z.json().default(null) })
type Row = z.input<typeof Row>

describeBackends('histories', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })

  /** An asset whose rows can be changed; each is a batch of its own. */
  async function define(key: string, write: WriteOptions, primaryKey: string[] = ['id']) {
    const state: { rows: readonly Row[] } = { rows: [] }
    const extract = () => state.rows.map((row) => [row])
    await engine.define([table({ key, columns: Row, primaryKey, write, retry: { retries: 0 }, checks: [unique(['id'])], extract })], { batchBytes: 1 })
    return {
      async load(...rows: readonly Row[]) {
        state.rows = rows
        const run = await engine.run(key)
        return {
          result: run.step.result,
          error: run.step.error,
          at: String(await engine.value(`SELECT date_trunc('milliseconds', created_at)::text FROM millrace.run WHERE id = $1`, [run.id])),
        }
      },
    }
  }

  test('a snapshot adds all rows with the time of their run, also those that are alike', async () => {
    const asset = await define('kept/snapshots', { disposition: 'snapshot' })
    const first = await asset.load({ id: 1, name: 'a' }, { id: 2, name: 'b' })
    const second = await asset.load({ id: 1, name: 'a' })
    expect(first.result).toMatchObject({ rows: 2, disposition: 'snapshot' })
    const rows = await engine.query(
      'SELECT id::int, name, snapshot_at = $1::timestamptz AS first, snapshot_at = $2::timestamptz AS second FROM kept.snapshots ORDER BY snapshot_at, id',
      [first.at, second.at],
    )
    expect(rows).toEqual([
      { id: 1, name: 'a', first: true, second: false },
      { id: 2, name: 'b', first: true, second: false },
      { id: 1, name: 'a', first: false, second: true },
    ])
    expect((await asset.load({ id: 3, name: 'c' }, { id: 3, name: 'd' })).error).toMatchObject({ code: 'CHECK_FAILED' })
  })

  test('scd2 closes what differs or is missing, begins what is new, and a load of the same rows changes nothing', async () => {
    const asset = await define('kept/history', { disposition: 'scd2' })
    const rows = () => engine.query(`SELECT id::int, name, valid_to IS NULL AS holds FROM kept.history ORDER BY valid_from, id`)
    expect((await asset.load({ id: 1, name: 'a' }, { id: 2, name: null }, { id: 3, name: 'c', more: { deep: [1] } })).result).toMatchObject({
      inserted: 3,
      updated: 0,
      deleted: 0,
      unchanged: 0,
    })
    const again = await asset.load({ id: 3, name: 'c', more: { deep: [1] } }, { id: 2, name: null }, { id: 1, name: 'a' })
    expect(again.result).toMatchObject({ rows: 3, inserted: 0, updated: 0, deleted: 0, unchanged: 3 })
    const changed = await asset.load({ id: 1, name: 'A' }, { id: 2, name: null }, { id: 4, name: 'd' })
    expect(changed.result).toMatchObject({ inserted: 1, updated: 1, deleted: 1, unchanged: 1 })
    expect(await rows()).toEqual([
      { id: 1, name: 'a', holds: false },
      { id: 2, name: null, holds: true },
      { id: 3, name: 'c', holds: false },
      { id: 1, name: 'A', holds: true },
      { id: 4, name: 'd', holds: true },
    ])
    // The end of one is the beginning of the next, and the time of the run.
    expect(
      await engine.query(
        `SELECT o.valid_to = n.valid_from AS follows, n.valid_from = $1::timestamptz AS of_run FROM kept.history o JOIN kept.history n USING (id) WHERE id = 1 AND o.name = 'a' AND n.name = 'A'`,
        [changed.at],
      ),
    ).toEqual([{ follows: true, of_run: true }])
    // What had gone may come back; what was gone in between stays so.
    expect(
      (await asset.load({ id: 1, name: 'A' }, { id: 2, name: null }, { id: 3, name: 'c', more: { deep: [1] } }, { id: 4, name: 'd' })).result,
    ).toMatchObject({ inserted: 1, unchanged: 3 })
    expect(await engine.value('SELECT count(*)::int FROM kept.history WHERE id = 3')).toBe(2)
  })

  test('scd2 of a source that gives changes alone closes what is flagged and keeps what is missing', async () => {
    const asset = await define('kept/changes', { disposition: 'scd2', missing: 'keep', deletedBy: 'gone', from: 'since', to: 'until' })
    await asset.load({ id: 1, name: 'a' }, { id: 2, name: 'b' }, { id: 3, name: 'c' })
    const second = await asset.load({ id: 1, name: 'a', gone: true }, { id: 2, name: 'B' }, { id: 9, name: null, gone: true })
    expect(second.result).toMatchObject({ inserted: 0, updated: 1, deleted: 1, unchanged: 1 })
    expect(await engine.query('SELECT id::int, name FROM kept.changes WHERE until IS NULL ORDER BY id')).toEqual([
      { id: 2, name: 'B' },
      { id: 3, name: 'c' },
    ])
    const twice = await asset.load({ id: 2, name: 'x' }, { id: 2, name: 'y' })
    expect(twice.error).toMatchObject({ code: expect.stringMatching(/^(KEY_TWICE|CHECK_FAILED)$/) })
  })

  test('a run whose clock stood before the last one’s still comes after it', async () => {
    const asset = await define('kept/clock', { disposition: 'scd2' })
    await asset.load({ id: 1, name: 'a' })
    await engine.query(`UPDATE kept.clock SET valid_from = now() + interval '1 day'`)
    await asset.load({ id: 1, name: 'b' })
    expect(await engine.query(`SELECT name, valid_from < valid_to AS forward FROM kept.clock ORDER BY valid_from`)).toEqual([
      { name: 'a', forward: true },
      { name: 'b', forward: null },
    ])
  })

  test.for<WriteOptions>([{ disposition: 'snapshot' }, { disposition: 'scd2' }])(
    'an older run by $disposition that comes late is superseded',
    async (write) => {
      let release: () => void = () => undefined
      const held = new Promise<void>((resolve) => (release = resolve))
      let calls = 0
      const key = `late/${write.disposition}`
      const asset = table({
        key,
        columns: Row,
        primaryKey: ['id'],
        write,
        async *extract() {
          calls += 1
          const first = calls === 1
          if (first) await held
          yield [{ id: 1, name: first ? 'older' : 'newer' }]
        },
      })
      await engine.define([asset])
      const older = await engine.launch(key)
      await waitFor(() => calls === 1, { what: 'the older run to extract' })
      await engine.succeed(key)
      release()
      expect((await engine.ended(older.runId)).step.status).toBe('superseded')
      expect(await engine.query(`SELECT name FROM ${key.replace('/', '.')}`)).toEqual([{ name: 'newer' }])
    },
  )
})
