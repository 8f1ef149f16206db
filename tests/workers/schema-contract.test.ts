import * as z from 'zod'
import { defineLocation } from '../../src/definitions/location.ts'
import { table } from '../../src/definitions/table.ts'
import type { TableOptions } from '../../src/definitions/table.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, test } from '../support/test.ts'

type More = Omit<TableOptions<z.ZodObject, unknown>, 'key' | 'columns' | 'extract'>

describeBackends('a schema contract', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })

  async function load(key: string, columns: z.ZodObject, rows: readonly unknown[], more: More = {}) {
    const asset = table<z.ZodObject, unknown>({ key, columns, retry: { retries: 0 }, ...more, extract: () => rows.map((row) => [row]) })
    const { location, worker } = await engine.define([asset], { batchBytes: 1 })
    const run = await engine.run(key, { location: location.name })
    await worker.stop()
    return { ...run, location: location.name, schema: run.events.filter((event) => event.kind === 'schema').map((event) => event.message) }
  }

  const Narrow = z.object({ id: z.int32() })
  const Wide = z.object({ id: z.int(), note: z.string().nullish() })
  const large = 9_007_199_254_740_991

  test('that freezes stops the run before it extracts', async () => {
    await load('frozen/rows', Narrow, [{ id: 1 }])
    const run = await load('frozen/rows', Wide, [{ id: 2 }], { schemaContract: 'freeze' })
    expect(run.step).toMatchObject({ status: 'failed', attempt: 1, batches: 0, error: { code: 'SCHEMA_FROZEN' } })
    expect(run.step.error?.message).toContain('the column id is integer in the table and bigint in the definition; the column note is not in the table')
  })

  test('that discards rows quarantines each with its column, and the redriven ones are loaded once it evolves', async () => {
    await load('discarded/rows', Narrow, [{ id: 1 }])
    const rows = [{ id: 2 }, { id: large }, { id: 3, note: 'new' }, { id: 4, surplus: true }]
    const run = await load('discarded/rows', Wide, rows, { schemaContract: 'discard_row', quarantine: true })
    expect(run.step.result).toMatchObject({ rows: 1, records: 4, quarantined: 3 })
    expect(run.schema).toEqual([
      'The table discarded.rows stays as it is, and cannot take all that its definition allows. ' +
        'id (the table has integer): such records go to quarantine; note (the table has no such column): such records go to quarantine.',
    ])
    const kept = await engine.query(
      `SELECT record, issues -> 0 ->> 'column' AS column FROM millrace.quarantine WHERE step_id = $1 ORDER BY ordinal, record_index`,
      [run.step.id],
    )
    expect(kept.map((one) => one['column'])).toEqual(['id', 'note', 'surplus'])
    expect(await engine.query('SELECT id FROM discarded.rows ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }])

    const evolved = table<z.ZodObject, unknown>({ key: 'discarded/rows', columns: Wide, quarantine: true, extract: () => [] })
    await engine.work(defineLocation({ name: run.location, assets: [evolved] }), { version: 'v2' })
    const redriven = await engine.succeed('discarded/rows', { location: run.location, redrive: true })
    expect(redriven.step.result).toMatchObject({ rows: 3, unknownFields: { surplus: 1 } })
    expect(await engine.query('SELECT id::text, note FROM discarded.rows WHERE id > 2 ORDER BY id')).toEqual([
      { id: '3', note: 'new' },
      { id: '4', note: null },
      { id: String(large), note: null },
    ])
  })

  test('that discards values counts them over all batches, and says so', async () => {
    await load('values/rows', z.object({ id: z.int32(), size: z.int32().nullable() }), [{ id: 1, size: 1 }])
    const Larger = z.object({ id: z.int32(), size: z.int().nullable(), note: z.string().nullish() })
    const rows = [
      { id: 2, size: large },
      { id: 3, size: large, note: 'x' },
      { id: 4, size: 4, note: null },
    ]
    const run = await load('values/rows', Larger, rows, { schemaContract: 'discard_value', primaryKey: [], checks: [] })
    expect(run.step.result).toMatchObject({ rows: 3, discardedValues: { size: 2, note: 1 } })
    expect(run.schema.at(-1)).toBe('Values for values/rows were left out, because its table cannot take them: size (2), note (1).')
    expect(await engine.query('SELECT * FROM values.rows ORDER BY id')).toEqual([
      { id: 1, size: 1 },
      { id: 2, size: null },
      { id: 3, size: null },
      { id: 4, size: 4 },
    ])
  })

  test('without one, fields that have no column are named and counted; frozen, the first one ends the load', async () => {
    const rows = [{ id: 1, a: 1 }, { id: 2, a: 2, b: null }, { id: 3 }]
    const run = await load('unknown/rows', Narrow, rows)
    expect(run.step.result).toMatchObject({ rows: 3, unknownFields: { a: 2, b: 1 } })
    expect(run.schema.at(-1)).toBe('Rows of unknown/rows carry fields that its columns do not have, and that are not stored: a (2), b (1).')
    const frozen = await load('unknown/rows', Narrow, rows, { schemaContract: { unknownFields: 'freeze' }, quarantine: true })
    expect(frozen.step.error).toMatchObject({
      code: 'SCHEMA_FROZEN',
      message: expect.stringMatching(/carries fields that the columns of unknown\/rows do not have.*: a \(\d\)/),
    })
    expect(await engine.value('SELECT count(*)::int FROM unknown.rows')).toBe(3)
  })

  test('or none: what preparing and publishing ran is in the log of the run, once', async () => {
    const At = z.object({ id: z.int32(), at: z.iso.date() })
    const run = await load('logged/rows', At, [{ id: 1, at: '2001-01-01' }], {
      partitionBy: { field: 'at', every: 'year', ahead: 0 },
      grants: { select: ['public'] },
    })
    expect(run.step.result).toMatchObject({ grants: ['public'] })
    const ddl = run.events.filter((event) => event.kind === 'schema').map((event) => event.data['ddl'])
    expect(ddl).toHaveLength(2)
    expect(ddl[0]).toEqual(expect.arrayContaining(['CREATE SCHEMA IF NOT EXISTS "logged"', expect.stringContaining('GRANT SELECT')]))
    expect(ddl[1]).toEqual([expect.stringContaining('"rows_p2001"'), expect.stringContaining('ATTACH PARTITION')])
    const again = await load('logged/rows', At, [{ id: 2, at: '2001-01-02' }], {
      partitionBy: { field: 'at', every: 'year', ahead: 0 },
      grants: { select: ['public'] },
    })
    expect(again.schema).toEqual([])
  })
})
