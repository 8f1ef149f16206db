import * as z from 'zod'
import { table } from '../../src/definitions/table.ts'
import { httpClient, jsonPages } from '../../src/sources/index.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, startHttpServer, test } from '../support/test.ts'

interface Item {
  readonly id: number
  readonly name: string
}

const Row = z.object({ id: z.int(), name: z.string() })

/** A list over HTTP, ten records a page; what it serves can be changed. */
async function startList(items: readonly Item[]) {
  const state = { items }
  const server = await startHttpServer((request, response) => {
    const page = Number(new URL(request.url ?? '/', 'http://test').searchParams.get('page'))
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(state.items.slice((page - 1) * 10, page * 10)))
  })
  const pages = (signal: AbortSignal) => jsonPages({ url: `${server.url}/items`, client: httpClient(), paging: { kind: 'number', parameter: 'page' }, signal })
  return { state, pages }
}

const items = (count: number, from = 0): Item[] => Array.from({ length: count }, (_, index) => ({ id: from + index, name: `item ${String(from + index)}` }))

describeBackends('rows from HTTP to their table', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })

  test('append adds every row once to what is there', async () => {
    const list = await startList(items(95))
    await engine.define([table({ key: 'shop/appended', columns: Row, extract: ({ signal }) => list.pages(signal) })], { batchBytes: 512, window: 2 })
    const first = await engine.succeed('shop/appended')
    expect(first.step.result).toMatchObject({ rows: 95, records: 95, filtered: 0, disposition: 'append' })
    expect(first.step.batches).toBeGreaterThan(3)
    list.state.items = items(15, 95)
    expect((await engine.succeed('shop/appended')).step.result).toMatchObject({ rows: 15 })
    expect(await engine.query('SELECT id::int, name FROM shop.appended ORDER BY id')).toEqual(items(110))
  })

  test('replace leaves the new rows and none of the old', async () => {
    const list = await startList(items(40))
    const asset = table({
      key: 'shop/replaced',
      columns: Row,
      primaryKey: ['id'],
      write: { disposition: 'replace' },
      extract: ({ signal }) => list.pages(signal),
    })
    await engine.define([asset], { batchBytes: 1024 })
    await engine.succeed('shop/replaced')
    list.state.items = items(25, 30)
    const second = await engine.succeed('shop/replaced')
    expect(second.step.result).toMatchObject({ rows: 25, disposition: 'replace', how: 'swapped' })
    expect(await engine.query('SELECT id::int, name FROM shop.replaced ORDER BY id')).toEqual(items(25, 30))
    const keys = await engine.query(`SELECT conname FROM pg_constraint WHERE conrelid = 'shop.replaced'::regclass AND contype = 'p'`)
    expect(keys).toEqual([{ conname: 'replaced_pkey' }])
  })

  test('a source without records leaves append as it was and replace empty', async () => {
    const list = await startList(items(12))
    const extract = ({ signal }: { signal: AbortSignal }) => list.pages(signal)
    await engine.define([
      table({ key: 'none/appended', columns: Row, extract }),
      table({ key: 'none/replaced', columns: Row, write: { disposition: 'replace' }, extract }),
    ])
    await engine.succeed(['none/appended', 'none/replaced'])
    list.state.items = []
    const run = await engine.succeed(['none/appended', 'none/replaced'])
    expect(run.steps.map((step) => step.result)).toMatchObject([{ rows: 0 }, { rows: 0 }])
    expect(await engine.value('SELECT count(*)::int FROM none.appended')).toBe(12)
    expect(await engine.value('SELECT count(*)::int FROM none.replaced')).toBe(0)
  })

  test('a transform gives none, one or several rows for a record', async () => {
    const list = await startList(items(30))
    const asset = table({
      key: 'shop/multiplied',
      columns: Row,
      extract: ({ signal }) => list.pages(signal),
      transform: (record: Item) =>
        record.id % 3 === 0 ? null : record.id % 3 === 1 ? record : [record, { ...record, name: 'twin' }, { ...record, name: 'triplet' }],
    })
    await engine.define([asset], { batchBytes: 1024 })
    const run = await engine.succeed('shop/multiplied')
    expect(run.step.result).toMatchObject({ records: 30, rows: 40, filtered: 10 })
    expect(await engine.query('SELECT id::int % 3 AS rest, count(*)::int AS rows FROM shop.multiplied GROUP BY 1 ORDER BY 1')).toEqual([
      { rest: 1, rows: 10 },
      { rest: 2, rows: 30 },
    ])
  })

  test('nothing is left in staging or spool of a run that is over', async () => {
    expect(await engine.query(`SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('millrace_staging') AND relkind = 'r'`)).toEqual([])
  })
})
