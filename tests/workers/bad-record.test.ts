import * as z from 'zod'
import { decimal } from '../../src/definitions/column-types.ts'
import { table } from '../../src/definitions/table.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, test } from '../support/test.ts'

const Row = z.object({ id: z.int32(), name: z.string(), day: z.iso.date(), amount: decimal(6, 2) })
const fine = { id: 1, name: 'fine', day: '2024-02-29', amount: '1.50' }

describeBackends('a record that does not fit', (backend) => {
  let engine: Engine
  let body = ''
  beforeAll(async () => {
    engine = await startEngine({ backend })
    const page = () => ({ body, format: { kind: 'json' as const } })
    await engine.define(
      [
        table({ key: 'record/rows', columns: Row, write: { disposition: 'replace' }, extract: () => [page()] }),
        table({ key: 'record/texts', columns: z.object({ text: z.string() }), extract: () => [page()] }),
        table({ key: 'record/thrown', columns: Row, retry: { retries: 0 }, extract: () => [page()], transform: throwing }),
      ],
      { maxRecordBytes: 16 * 1024 * 1024 },
    )
    return engine.stop
  })
  const throwing = (row: z.infer<typeof Row>) => {
    if (row.id === 2) throw new RangeError('there is no second one')
    return row
  }

  test.for([
    ['an integer that is too large', { id: 2147483648 }, ['id', '2147483648']],
    ['text for a number', { id: 'one' }, ['id', 'expected number', '"one"']],
    ['a NUL byte', { name: 'a\0b' }, ['name', 'NUL byte']],
    ['a day that is none', { day: '2023-02-30' }, ['day', '2023-02-30']],
    ['more digits than its column holds', { amount: '12345.67' }, ['amount', '5 digits before the point']],
    ['a missing value', { name: null }, ['name', 'received null']],
    ['several wrong columns', { id: 1.5, name: 5, day: 'x' }, ['id: ', 'name: ', 'day: ']],
  ] as const)('%s fails the step and is named: record, column and value', async ([, wrong, parts]) => {
    body = JSON.stringify([fine])
    await engine.succeed('record/rows')
    body = JSON.stringify([fine, fine, { ...fine, ...wrong }])
    const run = await engine.run('record/rows')
    expect(run.step).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { name: 'DataError', code: 'RECORD_INVALID', hint: expect.stringContaining('Nothing of this run was published') },
    })
    expect(run.step.error?.message).toContain('record 2 of page 1 of batch 0 of record/rows does not fit its table')
    for (const part of parts) expect(run.step.error?.message).toContain(part)
    expect(await engine.value('SELECT count(*)::int FROM record.rows')).toBe(1)
  })

  test('because of a lone surrogate is one, and does not break the telling', async () => {
    body = String.raw`[{"text":"fine"},{"text":"half \ud83d"}]`
    const run = await engine.run('record/texts')
    expect(run.step.error).toMatchObject({ code: 'RECORD_INVALID', message: expect.stringMatching(/record 1 .*text: .*lone surrogate/) })
  })

  test('because it is larger than 16 MiB is named with its size', async () => {
    body = JSON.stringify([{ text: 'small' }, { text: 'x'.repeat(16 * 1024 * 1024) }])
    const run = await engine.run('record/texts')
    expect(run.step).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'RECORD_TOO_LARGE', message: expect.stringMatching(/[Rr]ecord 1/), hint: expect.any(String) },
    })
    expect(await engine.value('SELECT count(*)::int FROM record.texts')).toBe(0)
  })

  test('just below 16 MiB fits, and is not kept whole in the preview', async () => {
    body = JSON.stringify([{ text: 'x'.repeat(16 * 1024 * 1024 - 100) }])
    const { result } = (await engine.succeed('record/texts')).step
    expect(result).toMatchObject({ rows: 1, preview: [{ text: `${'x'.repeat(300)}…` }] })
    expect(await engine.value('SELECT sum(length(text))::int FROM record.texts')).toBe(16 * 1024 * 1024 - 100)
  })

  test('because the transform throws is told with the error of the transform', async () => {
    body = JSON.stringify([fine, { ...fine, id: 2 }])
    const run = await engine.run('record/thrown')
    expect(run.step.error).toMatchObject({ name: 'RangeError', message: expect.stringContaining('there is no second one') })
    expect(run.step.error?.stack).toContain('bad-record.test.ts')
  })
})
