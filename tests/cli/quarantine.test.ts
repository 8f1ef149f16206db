import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { countQuarantined, keepBadRecords } from '../../src/catalog/quarantine.ts'
import type { BadRecord } from '../../src/catalog/quarantine.ts'
import { confirm } from '../../src/cli/confirm.ts'
import { describe, expect, spawnMillrace, test } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'
import { insertLocation, insertRun } from './catalog-rows.ts'
import { createProject } from './project.ts'

const runId = '33333333-0000-4000-8000-000000000001'

const bad = (index: number, record: unknown): BadRecord => ({
  index,
  place: `record ${String(index)} of page 1 of batch 0 of shop/orders`,
  record: JSON.stringify(record),
  tagged: false,
  page: { file: 'a.csv' },
  issues: [{ column: 'id', message: 'Invalid input\u001b[31m', value: JSON.stringify(record) }],
})

/** A batch that a transform holds; answers how to keep bad records of it. */
async function startBatch({ pool }: TestDatabase) {
  await insertLocation(pool)
  await insertRun(pool, runId, 'started')
  const { rows } = await pool.query<{ step: string; batch: string }>(
    `WITH s AS (SELECT id FROM millrace.step WHERE run_id = $1)
     INSERT INTO millrace.batch (step_id, generation, ordinal, raw, claim) SELECT id, 1, 0, '{}', 2 FROM s RETURNING step_id AS step, id::text AS batch`,
    [runId],
  )
  const { step = '', batch = '' } = rows[0] ?? {}
  const held = { stepId: step, runId, location: 'shop', asset: 'shop/orders', version: 'v1', generation: 1, batchId: batch, ordinal: 0 }
  return { step, keep: (claim: number, ...records: readonly BadRecord[]) => keepBadRecords(pool, { ...held, claim, records }) }
}

describe('millrace quarantine', () => {
  test('holds a batch’s records once, whoever transforms it again, and nothing of one whose claim is gone', async ({ database }) => {
    const { step, keep } = await startBatch(database)
    expect(await keep(1, bad(0, 'stale'))).toBeUndefined()
    expect(await keep(2, bad(0, 'a'), bad(1, 'b'), bad(2, 'c'))).toBe(3)
    expect(await keep(2, bad(1, 'b'), bad(7, { id: 'x\0' }))).toBe(2)
    expect(await countQuarantined(database.pool, step, 1)).toEqual({ records: 0, quarantined: 0 })
    const { rows } = await database.pool.query('SELECT record FROM millrace.quarantine ORDER BY record_index')
    expect(rows).toEqual([{ record: '"b"' }, { record: '{"id":"x\\u0000"}' }])
  })

  test('redrive takes them through the code as it is now, with nothing else running', async ({ database }) => {
    const definitions = (mend: string) => `import { defineLocation, table } from 'millrace'
import * as z from 'zod'

const rows = table({
  key: 'mended/rows',
  columns: z.object({ id: z.int() }),
  quarantine: true,
  extract: () => [[{ id: 1 }, { id: '2' }, { id: 'x' }]],
  transform: ({ id }: { id: unknown }) => ({ id: ${mend} as number }),
})
export default defineLocation({ name: 'mended', assets: [rows] })
`
    const { folder, pipelines } = await createProject({ mended: definitions('id') })
    const env = { DATABASE_URL: database.url, MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: folder }
    const call = async (...args: string[]) => {
      const process = spawnMillrace(args, env)
      const { code } = await process.exited
      return { code, text: process.stdout() + process.stderr() }
    }
    expect(await call('materialize', 'mended/rows')).toMatchObject({ code: 0 })
    const { rows: runs } = await database.pool.query<{ id: string }>(`SELECT id FROM millrace.run WHERE location = 'mended'`)
    expect((await call('runs', 'show', runs[0]?.id ?? '')).text).toContain('1, 2 in quarantine')
    await writeFile(join(pipelines, 'mended/definitions.ts'), definitions('Number(id)'))
    expect(await call('quarantine', 'redrive', 'mended/rows')).toMatchObject({ code: 0, text: expect.stringContaining('succeeded after') })
    expect((await database.pool.query('SELECT id::int FROM mended.rows ORDER BY id')).rows).toEqual([{ id: 1 }, { id: 2 }])
    expect((await call('quarantine', 'list', 'mended/rows')).text).toMatch(/record 1 of page 1 of batch 0 of mended\/rows +id: .*NaN/)
    expect(await call('quarantine', 'redrive', 'mended/other')).toMatchObject({ code: 2, text: expect.stringContaining('There is no asset mended/other.') })
  })

  test('lists, exports and discards them, and keeps them again', async ({ database }) => {
    const call = async (...args: string[]) => {
      const process = spawnMillrace(['quarantine', ...args], { DATABASE_URL: database.url })
      const { code } = await process.exited
      return { code, stdout: process.stdout(), stderr: process.stderr() }
    }
    const listed = await call('list', 'shop/orders', '--limit', '1')
    expect(listed.code).toBe(0)
    expect(listed.stdout).toContain('record 1 of page 1 of batch 0 of shop/orders')
    expect(listed.stdout).toContain('id: Invalid input\\u001b[31m (it is "b")')
    expect(listed.stdout).toContain('1 more: --limit, or `millrace quarantine export`.')
    expect(JSON.parse((await call('list', '--run', '3333', '--json')).stdout)).toMatchObject([
      { record: 'b', page: { file: 'a.csv' }, runId },
      { record: { id: 'x\0' }, state: 'kept' },
    ])
    const lines = (await call('export', 'shop/orders')).stdout.trimEnd().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as { record: unknown }).record)).toEqual(['b', { id: 'x\0' }])
    expect((await call('list', 'shop/other')).stdout).toBe('There are no such records in quarantine.\n')
    expect((await call('list', '--run', 'ffff')).stderr).toContain('There is no run ffff.')
    expect(await call('discard', 'shop/orders')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('Discard 2 records of shop/orders?') })
    expect((await call('discard', 'shop/orders', '--yes')).stdout).toBe('2 records of shop/orders discarded.\n')
    expect((await call('export', 'shop/orders')).stdout).toBe('')
    expect((await call('export', 'shop/orders', '--discarded')).stdout.trimEnd().split('\n')).toHaveLength(2)
    expect((await call('discard', 'shop/orders', '--undo', '--run', '3333')).stdout).toBe('2 records of shop/orders kept again.\n')
  })

  test('discards by age and by reason, of one asset or of all, and nothing that is not said', async ({ database }) => {
    const call = async (...args: string[]) => {
      const process = spawnMillrace(['quarantine', ...args], { DATABASE_URL: database.url })
      const { code } = await process.exited
      return { code, stdout: process.stdout(), stderr: process.stderr() }
    }
    const discarded = async () =>
      (
        await database.pool.query<{ i: string }>(
          `SELECT record_index AS i FROM millrace.quarantine WHERE asset = 'shop/orders' AND state = 'discarded' ORDER BY id`,
        )
      ).rows.map(({ i }) => Number(i))
    await database.pool.query(`UPDATE millrace.quarantine SET at = clock_timestamp() - interval '40 days' WHERE asset = 'shop/orders' AND record_index = 1`)
    await database.pool.query(
      `UPDATE millrace.quarantine SET issues = '[{"column":"id","message":"x","value":""},{"column":"(line)","message":"Line 3 is not UTF-8","value":"100% wrong"}]' WHERE asset = 'shop/orders' AND record_index = 7`,
    )
    expect(await call('discard', '--yes')).toMatchObject({ code: 2, stderr: expect.stringContaining('It is not said which records') })
    expect(await call('discard', '--older-than', 'soon')).toMatchObject({ code: 2, stderr: expect.stringContaining('no span of time') })
    expect((await call('discard', '--older-than', '41d', '--yes')).stdout).toBe('0 records discarded.\n')
    expect((await call('discard', '--reason', '100% wrong', '--yes')).stdout).toBe('0 records discarded.\n')
    expect((await call('list', '--older-than', '39d', '--json')).stdout).toContain('"b"')
    expect((await call('discard', 'shop/orders', '--older-than', '39d', '--yes')).stdout).toBe('1 record of shop/orders discarded.\n')
    expect(await discarded()).toEqual([1])
    expect((await call('export', '--reason', '(LINE): line 3 is not utf')).stdout).toContain('"x\\u0000"')
    expect((await call('discard', '--reason', 'not utf-8', '--yes')).stdout).toBe('1 record discarded.\n')
    expect(await discarded()).toEqual([1, 7])
    expect((await call('discard', '--undo', '--reason', 'UTF-8')).stdout).toBe('1 record kept again.\n')
  })
})

describe('asking back', () => {
  const answered = async (answer: string | undefined) => {
    const input = Object.assign(new PassThrough(), { isTTY: true })
    const output = new PassThrough()
    const answering = confirm('Discard 2 records?', { input, output })
    input.end(answer)
    return { said: await answering, asked: String(output.read()) }
  }

  test('takes a yes for a yes, and all else for a no', async () => {
    expect(await answered('y\n')).toEqual({ said: true, asked: 'Discard 2 records? [y/N] ' })
    expect(await answered('YES\n')).toMatchObject({ said: true })
    for (const no of ['\n', 'n\n', 'yesterday\n', undefined]) expect(await answered(no)).toMatchObject({ said: false })
  })
})
