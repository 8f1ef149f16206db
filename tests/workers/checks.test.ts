import * as z from 'zod'
import { notEmpty, unique } from '../../src/definitions/check.ts'
import { table } from '../../src/definitions/table.ts'
import type { WriteOptions } from '../../src/definitions/table.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describe, describeBackends, expect, test } from '../support/test.ts'

const Row = z.object({ id: z.int(), name: z.string() })
type Rows = readonly z.infer<typeof Row>[]

describeBackends('checks', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })
  const results = (asset: string) => engine.query('SELECT name, passed, blocking FROM millrace.check_result WHERE asset = $1 ORDER BY name', [asset])

  describe.each<WriteOptions>([{ disposition: 'append' }, { disposition: 'replace' }])('of a table written by $disposition', (write) => {
    test('that block keep what was there, and are not tried again', async () => {
      const key = `blocking/${write.disposition}`
      let rows: Rows = [{ id: 1, name: 'old' }]
      await engine.define([table({ key, columns: Row, write, extract: () => [rows], checks: [notEmpty(), unique('id')] })])
      await engine.succeed(key)
      expect(await results(key)).toEqual([
        { name: 'not_empty', passed: true, blocking: true },
        { name: 'unique_id', passed: true, blocking: true },
      ])

      rows = [7, 8, 7].map((id) => ({ id, name: 'new' }))
      const twice = await engine.run(key)
      expect(twice.step).toMatchObject({
        status: 'failed',
        attempt: 1,
        error: { code: 'CHECK_FAILED', hint: expect.stringContaining('the rows from before stay readable') },
      })
      expect(twice.step.error?.message).toContain(`The check unique_id of ${key} failed: id is there more than once, for one ["7"] 2 times.`)
      expect(await engine.query(`SELECT id::int, name FROM blocking.${write.disposition}`)).toEqual([{ id: 1, name: 'old' }])
      expect(await results(key)).toContainEqual({ name: 'unique_id', passed: false, blocking: true })

      rows = []
      expect((await engine.run(key)).step).toMatchObject({ status: 'failed', error: { message: `The check not_empty of ${key} failed: there is no row.` } })
      expect(await engine.value(`SELECT count(*)::int FROM blocking.${write.disposition}`)).toBe(1)
    })

    test('that do not block are recorded, and the rows are published', async () => {
      const key = `lenient/${write.disposition}`
      const rows = [1, 1].map((id) => ({ id, name: 'same' }))
      const checks = [unique('id', { blocking: false }), notEmpty({ blocking: false })]
      await engine.define([table({ key, columns: Row, write, extract: () => [rows], checks })])
      const run = await engine.succeed(key)
      expect(await engine.value(`SELECT count(*)::int FROM lenient.${write.disposition}`)).toBe(2)
      expect(await results(key)).toEqual([
        { name: 'not_empty', passed: true, blocking: false },
        { name: 'unique_id', passed: false, blocking: false },
      ])
      expect(run.events).toContainEqual(
        expect.objectContaining({ kind: 'check', level: 'warn', message: expect.stringContaining('Check unique_id failed: id is there more than once') }),
      )
    })
  })

  test('of appended rows see those from before as well', async () => {
    const extract = () => [[{ id: 1, name: 'again' }]]
    await engine.define([table({ key: 'whole/appended', columns: Row, extract, checks: [unique('id')] })])
    await engine.succeed('whole/appended')
    expect((await engine.run('whole/appended')).step).toMatchObject({ status: 'failed', error: { code: 'CHECK_FAILED' } })
    expect(await engine.value('SELECT count(*)::int FROM whole.appended')).toBe(1)
  })

  test('for uniqueness take NULLs as distinct, as an index does', async () => {
    const Sparse = z.object({ id: z.int().nullable() })
    await engine.define([table({ key: 'whole/sparse', columns: Sparse, extract: () => [[{ id: null }, { id: null }, { id: 1 }]], checks: [unique('id')] })])
    expect((await engine.succeed('whole/sparse')).step.result).toMatchObject({ rows: 3 })
  })
})
