import * as z from 'zod'
import { notEmpty, unique } from '../../src/definitions/check.ts'
import { table } from '../../src/definitions/table.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, test, waitFor } from '../support/test.ts'

const Row = z.object({ day: z.iso.date().nullable(), shop: z.string(), sales: z.int() })
type Item = z.input<typeof Row>

describeBackends('a table that is replaced part by part', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })

  async function define(key: string, by: string | string[]) {
    const state = { items: [] as Item[], meanwhile: async (): Promise<unknown> => undefined }
    const asset = table<typeof Row, Item>({
      key,
      columns: Row,
      write: { disposition: 'replace', by },
      checks: [notEmpty({ blocking: false }), unique(['day', 'shop'])],
      retry: { retries: 0 },
      async *extract() {
        yield state.items
        await state.meanwhile()
      },
    })
    await engine.define([asset])
    return state
  }
  const rowsOf = async (name: string) =>
    (await engine.query<Item>(`SELECT day::text, shop, sales::int FROM ${name} ORDER BY day, shop`)).map(({ day, shop, sales }) => [day, shop, sales])

  test('has the load’s rows of the parts that it has any of, and all others as they were', async () => {
    const state = await define('parts/days', 'day')
    state.items = [
      { day: '2026-01-01', shop: 'a', sales: 1 },
      { day: '2026-01-01', shop: 'b', sales: 2 },
      { day: '2026-01-02', shop: 'a', sales: 3 },
      { day: null, shop: 'a', sales: 4 },
    ]
    expect((await engine.succeed('parts/days')).step.result).toMatchObject({ rows: 4, how: '3 parts replaced' })
    state.items = [
      { day: '2026-01-01', shop: 'a', sales: 10 },
      { day: null, shop: 'b', sales: 40 },
    ]
    expect((await engine.succeed('parts/days')).step.result).toMatchObject({ rows: 2, how: '2 parts replaced' })
    await engine.succeed('parts/days')
    expect(await rowsOf('parts.days')).toEqual([
      ['2026-01-01', 'a', 10],
      ['2026-01-02', 'a', 3],
      [null, 'b', 40],
    ])
    state.items = []
    expect((await engine.succeed('parts/days')).step.result).toMatchObject({ rows: 0, how: '0 parts replaced' })
    expect(await rowsOf('parts.days')).toHaveLength(3)
  })

  test('keeps order part by part: an older run leaves what a newer one has written, and writes what it has not', async () => {
    const state = await define('parts/raced', ['day', 'shop'])
    state.items = [
      { day: '2026-01-01', shop: 'a', sales: 1 },
      { day: '2026-01-02', shop: 'a', sales: 1 },
    ]
    state.meanwhile = async () => {
      state.meanwhile = () => Promise.resolve()
      state.items = [{ day: '2026-01-02', shop: 'a', sales: 2 }]
      expect((await engine.succeed('parts/raced')).step.result).toMatchObject({ rows: 1, how: '1 part replaced' })
    }
    const older = await engine.succeed('parts/raced')
    expect(older.step.result).toMatchObject({ rows: 1, how: '1 part replaced; 1 left as a newer run has them' })
    expect(await rowsOf('parts.raced')).toEqual([
      ['2026-01-01', 'a', 1],
      ['2026-01-02', 'a', 2],
    ])
  })

  test('is one part to a full refresh, which older runs of any part are behind', async () => {
    const state = await define('parts/whole', 'day')
    state.items = [
      { day: '2026-01-01', shop: 'a', sales: 1 },
      { day: '2026-01-02', shop: 'a', sales: 1 },
    ]
    await engine.succeed('parts/whole')
    state.items = [{ day: '2026-01-01', shop: 'a', sales: 2 }]
    state.meanwhile = async () => {
      state.meanwhile = () => Promise.resolve()
      state.items = [{ day: '2026-01-03', shop: 'a', sales: 3 }]
      expect((await engine.succeed('parts/whole', { fullRefresh: true })).step.result).toMatchObject({ rows: 1, how: 'swapped' })
    }
    expect((await engine.succeed('parts/whole')).step.result).toMatchObject({ rows: 0 })
    expect(await rowsOf('parts.whole')).toEqual([['2026-01-03', 'a', 3]])
  })

  test('never shows a reader a part without its rows', async () => {
    const state = await define('parts/read', 'day')
    state.items = Array.from({ length: 50 }, (_, index) => ({ day: '2026-01-01', shop: String(index), sales: 1 }))
    await engine.succeed('parts/read')
    const seen = new Set<number>()
    let done = false
    const reading = (async () => {
      while (!done) seen.add(Number(await engine.value('SELECT count(*) FROM parts.read')))
    })()
    for (let n = 0; n < 5; n += 1) await engine.succeed('parts/read')
    done = true
    await reading
    await waitFor(() => seen.size > 0, { what: 'a look' })
    expect([...seen]).toEqual([50])
  })
})
