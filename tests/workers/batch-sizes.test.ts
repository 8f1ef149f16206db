import * as z from 'zod'
import { table } from '../../src/definitions/table.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, test } from '../support/test.ts'

const mebibyte = 1 << 20
/** A page with what is around its records is about as large. */
const pageBytes = 64 * 1024

describeBackends('batches', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })
  /** The bytes of a run's batches in their order, of a source of so many. */
  async function sizesOf(key: string, sourceBytes: number, batchBytes: number): Promise<number[]> {
    const asset = table({
      key,
      columns: z.object({ id: z.int() }),
      *extract() {
        for (let id = 0; id < sourceBytes / pageBytes; id += 1) yield [{ id, filling: 'x'.repeat(pageBytes - 100) }]
      },
    })
    await engine.define([asset], { batchBytes })
    const run = await engine.succeed(key)
    expect(run.step.result).toMatchObject({ rows: sourceBytes / pageBytes })
    const batches = await engine.query<{ bytes: number }>(`SELECT (raw->>'bytes')::int AS bytes FROM millrace.batch WHERE step_id = $1 ORDER BY ordinal`, [
      run.step.id,
    ])
    return batches.map(({ bytes }) => bytes)
  }
  /** Each is as large as it says, and by less than a page larger. */
  const about = (sizes: readonly number[]) => sizes.map((size) => Math.floor(size / pageBytes) * pageBytes)

  test('begin at 1 MiB and double, up to what is set and never beyond', async () => {
    const sizes = await sizesOf('sized/growing', 18 * mebibyte, 5 * mebibyte)
    expect(about(sizes.slice(0, -1))).toEqual([1, 2, 4, 5, 5].map((size) => size * mebibyte))
    expect(sizes.at(-1)).toBeLessThan(2 * mebibyte)
  })

  test('are as small from the first as is set', async () => {
    const sizes = await sizesOf('sized/small', mebibyte, mebibyte / 4)
    expect(about(sizes.slice(0, -1))).toEqual([1, 1, 1].map((size) => (size * mebibyte) / 4))
  })
})
