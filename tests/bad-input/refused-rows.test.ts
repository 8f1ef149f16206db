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

  test('without a quarantine fail the step, which names the first', async () => {
    await define('refused/strict', soon(20, 20))
    const run = await engine.run('refused/strict')
    expect(run.step).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'RECORD_INVALID' } })
    expect(run.step.error?.message).toBe(
      'record 5 of page 1 of batch 0 of refused/strict does not fit its table. wait: invalid input syntax for type interval: "soon" (it is "soon").',
    )
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
