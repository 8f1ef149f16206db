import * as z from 'zod'
import { customSql, fresh, inRange, notNull, references, rowCountBetween, schemaUnchanged, unique } from '../../src/definitions/check.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { sqlAsset } from '../../src/definitions/sql-asset.ts'
import { table } from '../../src/definitions/table.ts'
import type { WriteOptions } from '../../src/definitions/table.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { backends, beforeAll, describe, expect, test } from '../support/test.ts'

const Row = z.object({ id: z.int(), part: z.string(), n: z.int().nullable(), parent: z.int().nullable() })
type Rows = readonly z.infer<typeof Row>[]
const row = (id: number, more: Partial<Rows[number]> = {}): Rows[number] => ({ id, part: 'a', n: id, parent: 1, ...more })

describe('checks of tables and queries', () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend: backends.at(-1) ?? 'postgres' })
    return engine.stop
  })
  const failedOf = (asset: string, run: string) =>
    engine.query('SELECT name, passed FROM millrace.check_history WHERE asset = $1 AND run_id = $2 ORDER BY name', [asset, run])
  const parents = table({ key: 'up/parents', columns: z.object({ id: z.int() }), write: { disposition: 'replace' }, extract: () => [[{ id: 1 }, { id: 2 }]] })

  // Where the load is the table, or stands in it by itself, everything is asked of staging; else what needs the whole is asked of the table.
  test.for<[name: string, write: WriteOptions, apart: boolean]>([
    ['append', { disposition: 'append' }, true],
    ['replace', { disposition: 'replace' }, false],
    ['parts', { disposition: 'replace', by: 'part' }, true],
    ['merge', { disposition: 'merge' }, true],
    ['snapshot', { disposition: 'snapshot' }, false],
    ['scd2', { disposition: 'scd2' }, false],
  ])('of %s keep the rows that were there and stop what is downstream', async ([name, write, apart]) => {
    const key = `kept/${name}`
    let rows: Rows = [row(1), row(2)]
    const asset = table({
      key,
      columns: Row,
      primaryKey: name === 'append' || name === 'parts' ? [] : ['id'],
      write,
      extract: () => [rows],
      deps: [parents],
      checks: [
        customSql('no_evil', `SELECT id FROM {{table}} WHERE part = 'evil'`),
        inRange('n', 0, 100),
        notNull('n'),
        references('parent', parents, 'id'),
        rowCountBetween(1, 4),
        schemaUnchanged(),
        unique('n'),
      ],
    })
    const downstream = sqlAsset({ key: `down/${name}`, select: `SELECT count(*)::int AS n FROM kept.${name}`, store: { kind: 'view' }, deps: [asset] })
    await engine.define([asset, downstream, parents])
    await engine.succeed(['up/parents', key, downstream.key])
    const all = () => engine.query(`SELECT * FROM kept.${name} ORDER BY id`)
    const before = await all()
    expect(before).toHaveLength(2)

    rows = [row(3, { n: null }), row(4, { n: 101 }), row(5, { part: 'evil' }), row(6), row(7)]
    const staged = await engine.run([key, downstream.key])
    expect(staged.steps).toMatchObject([
      { asset: `down/${name}`, status: 'skipped' },
      { asset: key, status: 'failed', attempt: 1, error: { code: 'CHECK_FAILED' } },
    ])
    expect(staged.events).toContainEqual(
      expect.objectContaining({
        kind: 'skipped',
        message: `down/${name} was skipped, because the checks no_evil, in_range_n, not_null_n, row_count of ${key} failed.`,
      }),
    )
    expect(await failedOf(key, staged.id)).toEqual([
      { name: 'in_range_n', passed: false },
      { name: 'no_evil', passed: false },
      { name: 'not_null_n', passed: false },
      ...(apart ? [] : [{ name: 'references_parent', passed: true }]),
      { name: 'row_count', passed: false },
      { name: 'schema_unchanged', passed: true },
      ...(apart ? [] : [{ name: 'unique_n', passed: true }]),
    ])
    expect(await all()).toEqual(before)

    // Of the whole, 1 is there already; of the load alone, 9 is there twice.
    rows = [row(8, { n: 1, parent: 99 }), row(9), row(10, { n: apart ? 10 : 9 })].map((one) => ({ ...one, part: 'b' }))
    const whole = await engine.run([key, downstream.key])
    const step = whole.steps.find((one) => one.asset === key)
    expect(step).toMatchObject({
      status: 'failed',
      error: { code: 'CHECK_FAILED', hint: expect.stringContaining('the rows from before stay readable') as unknown },
    })
    expect(step?.error?.message).toContain(`parent of 1 row is not there in up/parents (id), for one ["99"].`)
    expect(step?.error?.message).toContain(`n is there more than once, for one ["${apart ? '1' : '9'}"] 2 times.`)
    expect(await all()).toEqual(before)

    rows = [row(11)]
    await engine.succeed([key, downstream.key])
    expect(await engine.value(`SELECT count(*)::int FROM kept.${name} WHERE id = 11`)).toBe(1)
  })

  test('of a table that is published batch by batch are asked of it as it is, and stop what is downstream', async () => {
    const asset = table({
      key: 'grown/rows',
      columns: Row,
      write: { disposition: 'append', publish: 'each-batch' },
      resumable: true,
      extract: () => [{ records: [row(1), row(2, { n: null })], position: 1 }],
      checks: [notNull('n'), rowCountBetween(1, undefined)],
    })
    const downstream = sqlAsset({ key: 'grown/down', select: 'SELECT count(*) FROM grown.rows', store: { kind: 'view' }, deps: [asset] })
    await engine.define([asset, downstream])
    const run = await engine.run(['grown/rows', 'grown/down'])
    expect(run.steps).toMatchObject([
      { status: 'skipped' },
      {
        status: 'failed',
        error: { message: 'The check not_null_n of grown/rows failed: n is NULL in 1 of 2 rows.', hint: expect.stringContaining('batch by batch') as unknown },
      },
    ])
    expect(await engine.value('SELECT count(*)::int FROM grown.rows')).toBe(2)
  })

  test.for(['view', 'table'] as const)('of a query kept as a %s leave what it was', async (kind) => {
    await engine.query(`CREATE SCHEMA IF NOT EXISTS src; CREATE TABLE src.${kind} (id int, n int); INSERT INTO src.${kind} VALUES (1, 1), (2, 2)`)
    const key = `query/${kind}`
    let factor = 1
    const defined = () => {
      const asset = sqlAsset({
        key,
        select: `SELECT id, n * ${String(factor)} AS n FROM src.${kind}`,
        store: kind === 'view' ? { kind } : { kind, primaryKey: ['id'] },
        checks: [
          inRange('n', 0, 10),
          unique('id'),
          rowCountBetween(2, 2),
          notNull('ghost', { severity: 'warn' }),
          references('id', key, 'id'),
          schemaUnchanged(),
        ],
      })
      const downstream = sqlAsset({ key: `${key}_down`, select: `SELECT 1 AS one FROM query.${kind}`, store: { kind: 'view' }, deps: [asset] })
      return defineLocation({ name: `query_${kind}`, assets: [asset, downstream] })
    }
    const first = await engine.work(defined())
    await engine.succeed([key, `${key}_down`])
    expect(await engine.query('SELECT name, passed, severity, message FROM millrace.check_result WHERE asset = $1 AND NOT passed', [key])).toEqual([
      { name: 'not_null_ghost', passed: false, severity: 'warn', message: 'there is no column ghost. The columns are: id, n.' },
    ])
    await first.stop()
    factor = 10
    await engine.work(defined(), { version: 'v2' })
    const bad = await engine.run([key, `${key}_down`])
    expect(bad.steps).toMatchObject([{ status: 'failed' }, { status: 'skipped' }])
    expect(bad.step.error?.message).toBe(`The check in_range_n of ${key} failed: n is out of its range (0 to 10) in 1 of 2 rows; its values go from 10 to 20.`)
    expect(await engine.query(`SELECT id, n FROM query.${kind} ORDER BY id`)).toEqual([
      { id: 1, n: 1 },
      { id: 2, n: 2 },
    ])
  })

  test('of columns see another set of them as soon as there is one, until it was published', async () => {
    const load = async (version: string, columns: z.ZodObject, blocking: boolean) => {
      const asset = table({
        key: 'shape/rows',
        columns,
        write: { disposition: 'replace' },
        extract: () => [[{ id: 1, added: 2 }]],
        checks: [schemaUnchanged({ blocking })],
      })
      const worker = await engine.work(defineLocation({ name: 'shape', assets: [asset] }), { version })
      const { step } = await engine.run('shape/rows')
      await worker.stop()
      return step
    }
    const [narrow, wide] = [z.object({ id: z.int() }), z.object({ id: z.int(), added: z.int().nullable() })]
    expect((await load('v1', narrow, true)).status).toBe('succeeded')
    const failed = { status: 'failed', error: { message: expect.stringContaining('added: added bigint') as unknown } }
    expect(await load('v2', wide, true)).toMatchObject(failed)
    expect(await load('v2', wide, true)).toMatchObject(failed)
    expect((await load('v3', wide, false)).status).toBe('succeeded')
    expect((await load('v4', wide, true)).status).toBe('succeeded')
  })

  test('of age are asked of the whole table, so that a load without rows says nothing new', async () => {
    const Seen = z.object({ at: z.iso.datetime() })
    let rows: readonly z.infer<typeof Seen>[] = [{ at: new Date(Date.now() - 3_600_000).toISOString() }]
    const aged = (maxAgeMs: number) => table({ key: 'aged/rows', columns: Seen, extract: () => [rows], checks: [fresh('at', { maxAgeMs })] })
    const first = await engine.work(defineLocation({ name: 'aged', assets: [aged(7_200_000)] }))
    await engine.succeed('aged/rows')
    rows = []
    await engine.succeed('aged/rows')
    await first.stop()
    await engine.work(defineLocation({ name: 'aged', assets: [aged(1_800_000)] }), { version: 'v2' })
    expect((await engine.run('aged/rows')).step.error?.message).toMatch(
      /^The check fresh_at of aged\/rows failed: the newest at, .*, is 60 min old; it may be 30 min old\.$/,
    )
  })

  test('keep the last hundred results of each', async () => {
    const asset = table({
      key: 'history/rows',
      columns: z.object({ id: z.int() }),
      extract: () => [[{ id: 1 }]],
      checks: [notNull('id'), rowCountBetween(1, 1)],
    })
    const { location } = await engine.define([asset])
    await engine.query(
      `INSERT INTO millrace.check_history (location, asset, name, run_id, passed, blocking, message)
       SELECT $1, 'history/rows', name, gen_random_uuid(), true, true, lpad(s.n::text, 3, '0') FROM generate_series(1, 150) s (n), unnest(ARRAY['not_null_id', 'other']) name ORDER BY s.n`,
      [location.name],
    )
    await engine.succeed('history/rows')
    expect(
      await engine.query(
        `SELECT name, count(*)::int AS n, min(message) AS oldest FROM millrace.check_history WHERE location = $1 GROUP BY name ORDER BY name`,
        [location.name],
      ),
    ).toEqual([
      { name: 'not_null_id', n: 100, oldest: '052' },
      { name: 'other', n: 150, oldest: '001' },
      { name: 'row_count', n: 1, oldest: 'there is 1 row.' },
    ])
  })
})
