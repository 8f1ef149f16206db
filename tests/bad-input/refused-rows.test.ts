import * as z from 'zod'
import { table } from '../../src/definitions/table.ts'
import type { TableOptions } from '../../src/definitions/table.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describe, expect, test } from '../support/test.ts'

const Wait = z.object({ id: z.int32(), wait: z.string().meta({ postgres: 'interval' }) })
type Options = Partial<TableOptions<typeof Wait, { id: number; wait: string }>>

// Values that only Postgres can read are not checked before they are copied.
describe('rows that Postgres refuses', () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend: 'postgres' })
    return engine.stop
  })
  const define = async (key: string, waits: readonly string[], options: Options = {}) => {
    const records = waits.map((wait, id) => ({ id, wait }))
    await engine.define([table({ key, columns: Wait, retry: { retries: 0 }, extract: () => [records], ...options })])
  }
  const soon = (count: number, every: number): string[] => Array.from({ length: count }, (_, index) => (index % every === 5 ? 'soon' : `${String(index)} s`))

  test('are kept, each with its column and what Postgres said, and all others are loaded', async () => {
    await define('refused/kept', soon(3000, 50), { quarantine: true })
    const run = await engine.succeed('refused/kept')
    expect(run.step.result).toMatchObject({ records: 3000, rows: 2940, quarantined: 60 })
    const [first] = await engine.query(`SELECT place, record, issues FROM millrace.quarantine WHERE run_id = $1 ORDER BY record_index`, [run.id])
    expect(first).toEqual({
      place: 'record 5 of page 1 of batch 0 of refused/kept',
      record: '{"id":5,"wait":"soon"}',
      issues: [{ column: 'wait', message: 'invalid input syntax for type interval: "soon"', value: '"soon"' }],
    })
    expect(await engine.value(`SELECT sum(extract(epoch FROM wait))::int FROM refused.kept`)).toBe(
      soon(3000, 50).reduce((sum, wait, index) => (wait === 'soon' ? sum : sum + index), 0),
    )
  })

  test('are taken out of what was encoded, and no other row is encoded again', async () => {
    let checked = 0
    const columns = Wait.extend({ id: z.int32().refine(() => (checked += 1) > 0) })
    const records = soon(200, 50).map((wait, id) => ({ id: id % 60 === 3 ? 'none' : id, wait }))
    const pages = [records.slice(0, 100), records.slice(100)]
    await engine.define([table<typeof columns, unknown>({ key: 'refused/cut', columns, quarantine: true, extract: () => pages })])
    const run = await engine.succeed('refused/cut')
    expect(run.step.result).toMatchObject({ records: 200, rows: 192, quarantined: 8 })
    expect(checked).toBe(196)
    const kept = await engine.query<{ place: string; column: string }>(
      `SELECT place, issues #>> '{0,column}' AS column FROM millrace.quarantine WHERE run_id = $1 ORDER BY ordinal, record_index`,
      [run.id],
    )
    const of = (number: number, page: number, column: string) => ({
      place: `record ${String(number)} of page ${String(page)} of batch 0 of refused/cut`,
      column,
    })
    const found = [of(3, 1, 'id'), of(5, 1, 'wait'), of(55, 1, 'wait'), of(63, 1, 'id'), of(5, 2, 'wait'), of(23, 2, 'id'), of(55, 2, 'wait'), of(83, 2, 'id')]
    expect(kept).toEqual(found)
    expect(await engine.value('SELECT sum(id)::int FROM refused.cut')).toBe(19_900 - 3 - 5 - 55 - 63 - 105 - 123 - 155 - 183)
  })

  test('are encoded again where what was encoded is lost meanwhile', async () => {
    await define('refused/lost', soon(100, 50), { quarantine: true })
    await engine.query(`CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      NEW.raw := jsonb_set(NEW.raw, '{encoded,name}', to_jsonb(replace(NEW.raw #>> '{encoded,name}', '.copy', '-gone.copy'))); RETURN NEW; END $$;
      CREATE TRIGGER lose BEFORE UPDATE ON millrace.batch FOR EACH ROW WHEN (NEW.raw ? 'encoded' AND NOT OLD.raw ? 'encoded') EXECUTE FUNCTION lose()`)
    try {
      const run = await engine.succeed('refused/lost')
      expect(run.step.result).toMatchObject({ records: 100, rows: 98, quarantined: 2 })
    } finally {
      await engine.query('DROP FUNCTION lose CASCADE')
    }
  })

  test('are found where only trying them tells: a domain that refuses NULL', async () => {
    await engine.query(`CREATE DOMAIN public.brief AS text CHECK (VALUE IS NOT NULL AND length(VALUE) < 4)`)
    const columns = z.object({ id: z.int32(), brief: z.string().nullable().meta({ postgres: 'public.brief' }), wait: Wait.shape.wait })
    const values = ['abc', null, 'abcd', '', 'x', null]
    const records = values.map((brief, id) => ({ id, brief, wait: id === 4 ? 'soon' : '1 s' }))
    await engine.define([table<typeof columns, unknown>({ key: 'refused/domain', columns, quarantine: true, extract: () => [records] })])
    const run = await engine.succeed('refused/domain')
    expect(run.step.result).toMatchObject({ records: 6, rows: 2, quarantined: 4 })
    expect((await engine.query<{ id: number }>('SELECT id FROM refused.domain ORDER BY id')).map((row) => row.id)).toEqual([0, 3])
  })

  test('name each of their columns that Postgres cannot read', async () => {
    const { id, wait } = Wait.shape
    const [name, waits] = [z.string().nullable(), z.array(z.string()).meta({ postgres: 'interval[]' })]
    const columns = z.object({ id, name, nick: name, alias: name, wait, waits, point: z.string().nullable().meta({ postgres: 'point' }) })
    const named = { name: 'tab\tof', nick: null, alias: 'line\n' }
    const records = [
      { id: 0, ...named, wait: '1 s', waits: ['2 s', 'P1D'], point: '(1,2)' },
      { id: 1, ...named, wait: 'so\ton', waits: ['2 s', 'later\n'], point: null },
      { id: 2, ...named, wait: '1 s', waits: [], point: '\\N' },
    ]
    await engine.define([table<typeof columns, unknown>({ key: 'refused/each', columns, quarantine: true, extract: () => [records] })])
    const run = await engine.succeed('refused/each')
    expect(run.step.result).toMatchObject({ rows: 1, quarantined: 2 })
    const kept = await engine.query<{ issues: unknown }>('SELECT issues FROM millrace.quarantine WHERE run_id = $1 ORDER BY record_index', [run.id])
    expect(kept.map((row) => row.issues)).toEqual([
      [
        { column: 'wait', message: 'invalid input syntax for type interval: "so\ton"', value: '"so\\ton"' },
        { column: 'waits', message: 'invalid input syntax for type interval: "later\n"', value: expect.stringContaining('later') },
      ],
      [{ column: 'point', message: 'invalid input syntax for type point: "\\N"', value: '"\\\\N"' }],
    ])
  })

  test('without a quarantine fail the step, which names the first', async () => {
    await define('refused/strict', soon(20, 20))
    const run = await engine.run('refused/strict')
    expect(run.step).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'RECORD_INVALID' } })
    expect(run.step.error?.message).toBe(
      'record 5 of page 1 of batch 0 of refused/strict does not fit its table. wait: invalid input syntax for type interval: "soon" (it is "soon").',
    )
  })

  test('are more than a share allows as soon as they are found, of each record counted once', async () => {
    await define('refused/share', soon(1000, 40), { quarantine: { atMostPercent: 2 } })
    const run = await engine.run('refused/share')
    expect(run.step).toMatchObject({ status: 'failed', error: { code: 'TOO_MANY_BAD_RECORDS' } })
    expect(run.step.error?.message).toContain('25 of the first 1000, and its quarantine takes at most 2 %.')
  })

  test('take the other rows of their record with them, and no others', async () => {
    const transform: Options['transform'] = ({ id, wait }) => [
      { id: id * 10, wait: '1 s' },
      { id: id * 10 + 1, wait },
      { id: id * 10 + 2, wait: id === 4 ? 'never' : '2 s' },
    ]
    await define('refused/several', ['1 s', 'soon', '2 s', 'later', 'soon', '3 s'], { quarantine: true, transform })
    const run = await engine.succeed('refused/several')
    expect(run.step.result).toMatchObject({ records: 6, rows: 9, quarantined: 3 })
    expect((await engine.query<{ id: number }>('SELECT id FROM refused.several ORDER BY id')).map((row) => row.id)).toEqual([0, 1, 2, 20, 21, 22, 50, 51, 52])
    const kept = await engine.query<{ issues: { value: string }[] }>('SELECT issues FROM millrace.quarantine WHERE run_id = $1 ORDER BY record_index', [run.id])
    expect(kept.map((row) => row.issues.map((issue) => issue.value))).toEqual([['"soon"'], ['"later"'], ['"soon"', '"never"']])
  })

  test('of a transform that gives others each time end the step rather than go round', async () => {
    let calls = 0
    // The first record is refused, and taken out when both come again: then it is the second.
    const transform: Options['transform'] = (record) => ({ ...record, wait: [0, 3].includes(calls++) ? 'soon' : record.wait })
    await define('refused/restless', ['1 s', '2 s'], { quarantine: true, transform })
    const run = await engine.run('refused/restless')
    expect(run.step).toMatchObject({ status: 'failed', error: { code: 'ROW_REFUSED' } })
  })
})
