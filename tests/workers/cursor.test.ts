import * as z from 'zod'
import { table } from '../../src/definitions/table.ts'
import type { TableOptions } from '../../src/definitions/table.ts'
import type { Json } from '../../src/definitions/json.ts'
import { failureOf } from '../sources/failure.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, test } from '../support/test.ts'

const Row = z.object({ id: z.int(), at: z.iso.datetime({ offset: true }).nullable() })
type Item = z.input<typeof Row>

const minute = (n: number): string => `2026-03-29T01:${String(n).padStart(2, '0')}:00.123456Z`

describeBackends('a cursor', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })

  /** An asset whose source gives what is newer than the cursor; `given` is what `extract` was handed, run by run. */
  async function define(key: string, options: Partial<TableOptions<typeof Row, Item>>) {
    const state = { items: [] as Item[], given: [] as (Json | undefined)[], meanwhile: async (): Promise<unknown> => undefined }
    const asset = table<typeof Row, Item>({
      key,
      columns: Row,
      primaryKey: ['id'],
      write: { disposition: 'merge', newestBy: 'at' },
      cursor: { field: 'at' },
      retry: { retries: 0 },
      async *extract({ cursor }) {
        state.given.push(cursor)
        const since = typeof cursor === 'string' ? Date.parse(cursor) : -Infinity
        yield state.items.filter((item) => item.at === null || Date.parse(item.at) > since)
        await state.meanwhile()
      },
      ...options,
    })
    await engine.define([asset])
    return state
  }
  const idsOf = async (name: string) => (await engine.query<{ id: number }>(`SELECT id::int FROM ${name} ORDER BY id`)).map((row) => row.id)

  test('is the greatest value of its field, to the microsecond, and goes only forward', async () => {
    const state = await define('cursor/newest', {})
    state.items = [
      { id: 1, at: minute(5) },
      { id: 2, at: '2026-03-29T04:03:00.500001+02:00' },
      { id: 3, at: null },
    ]
    expect((await engine.succeed('cursor/newest')).step.result).toMatchObject({ inserted: 3 })
    state.items = [
      { id: 1, at: minute(4) },
      { id: 4, at: '2026-03-29T02:03:00.502Z' },
    ]
    expect((await engine.succeed('cursor/newest')).step.result).toMatchObject({ records: 1, inserted: 1 })
    state.items = [{ id: 5, at: null }]
    await engine.succeed('cursor/newest')
    await engine.succeed('cursor/newest')
    expect(state.given).toEqual([undefined, '2026-03-29T02:03:00.500001Z', '2026-03-29T02:03:00.502000Z', '2026-03-29T02:03:00.502000Z'])
    expect(await idsOf('cursor.newest')).toEqual([1, 2, 3, 4, 5])
  })

  test('begins with `initial`, and less the lag after that: what overlaps is in an append once', async () => {
    const state = await define('cursor/late', { write: { disposition: 'append' }, cursor: { field: 'at', initial: minute(1), lag: 120_000 } })
    state.items = [1, 2, 3, 10].map((n) => ({ id: n, at: minute(n) }))
    expect((await engine.succeed('cursor/late')).step.result).toMatchObject({ rows: 3 })
    state.items.push({ id: 9, at: minute(9) }, { id: 11, at: minute(11) })
    expect((await engine.succeed('cursor/late')).step.result).toMatchObject({ records: 3, inserted: 2, unchanged: 1 })
    expect(state.given).toEqual([minute(1), minute(8)])
    expect(await idsOf('cursor.late')).toEqual([2, 3, 9, 10, 11])
  })

  test.for([
    ['integers', z.object({ id: z.int() }), 'id', [9, 10], '10', 3, '7'],
    ['decimals as text', z.object({ id: z.int(), v: z.string().meta({ postgres: 'numeric(20,4)' }) }), 'v', ['9.5', '10.25'], '10.2500', 0.25, '10.0000'],
    ['dates', z.object({ id: z.int(), v: z.iso.date() }), 'v', ['2024-02-28', '2024-03-01'], '2024-03-01', 86_400_000, '2024-02-29'],
    ['text', z.object({ id: z.int(), v: z.string() }), 'v', ['B', 'a'], 'a', undefined, 'a'],
  ] as const)('of %s', async ([name, columns, field, values, greatest, lag, given]) => {
    const seen: unknown[] = []
    const key = `cursor/${name.replaceAll(' ', '_')}`
    await engine.define([
      table<z.ZodObject, unknown>({
        key,
        columns,
        primaryKey: ['id'],
        cursor: { field, ...(lag === undefined ? {} : { lag }) },
        extract: ({ cursor }) => {
          seen.push(cursor)
          return [values.map((value, index) => (field === 'id' ? { id: value } : { id: index, v: value }))]
        },
      }),
    ])
    await engine.succeed(key)
    expect(await engine.value(`SELECT value FROM millrace_load.cursor WHERE target_name = $1`, [key.split('/')[1]])).toBe(greatest)
    await engine.succeed(key)
    expect(seen).toEqual([undefined, given])
  })

  test('is written with the rows: a run that fails moves nothing', async () => {
    const state = await define('cursor/failing', {})
    state.items = [{ id: 1, at: minute(1) }]
    state.meanwhile = () => Promise.reject(new Error('the source is on holiday'))
    expect((await engine.run('cursor/failing')).status).toBe('failed')
    state.meanwhile = () => Promise.resolve()
    await engine.succeed('cursor/failing')
    expect(state.given).toEqual([undefined, undefined])
  })

  test('that another run has moved meanwhile has the append begin afresh from there, and no row is in twice', async () => {
    const state = await define('cursor/raced', { write: { disposition: 'append' }, primaryKey: [] })
    state.items = [{ id: 1, at: minute(1) }]
    await engine.succeed('cursor/raced')
    state.items.push({ id: 2, at: minute(2) })
    let other: Promise<unknown> | undefined
    state.meanwhile = async () => {
      state.meanwhile = () => Promise.resolve()
      other = engine.succeed('cursor/raced')
      await other
      state.items.push({ id: 3, at: minute(3) })
    }
    const run = await engine.succeed('cursor/raced')
    await other
    expect(run.step.generation).toBe(2)
    expect(run.events.map((event) => event.message)).toContainEqual(expect.stringContaining('has published since this one began'))
    expect(state.given).toEqual([undefined, minute(1), minute(1), minute(2)])
    expect(await idsOf('cursor.raced')).toEqual([1, 2, 3])
  })

  test.for(['append', 'merge', 'replace'] as const)('a full refresh of %s fetches all of it again, and leaves nothing else', async (disposition) => {
    const state = await define(`refreshed/${disposition}`, { write: { disposition } })
    state.items = [1, 2, 3].map((n) => ({ id: n, at: minute(n) }))
    await engine.succeed(`refreshed/${disposition}`)
    // A key that comes twice is there once.
    state.items = [2, 4, 4].map((n) => ({ id: n, at: minute(n) }))
    const run = await engine.succeed(`refreshed/${disposition}`, { fullRefresh: true })
    expect(run.step.result).toMatchObject({ rows: 3, fullRefresh: true, disposition })
    expect(await idsOf(`refreshed.${disposition}`)).toEqual([2, 4])
    await engine.succeed(`refreshed/${disposition}`)
    expect(state.given).toEqual([undefined, undefined, minute(4)])
  })

  test('that pages carry is the last published page’s', async () => {
    const seen: unknown[] = []
    await engine.define([
      table({
        key: 'cursor/paged',
        columns: z.object({ id: z.int() }),
        cursor: true,
        extract: ({ cursor }) => {
          seen.push(cursor)
          return [{ records: [{ id: 1 }], cursor: { token: 'a' } }, { records: [{ id: 2 }], cursor: { token: 'b' } }, { records: [{ id: 3 }] }]
        },
      }),
    ])
    await engine.succeed('cursor/paged')
    await engine.succeed('cursor/paged')
    expect(seen).toEqual([undefined, { token: 'b' }])
  })

  test('of a column whose type has changed says so', async () => {
    const asset = (columns: z.ZodObject) =>
      table<z.ZodObject, unknown>({ key: 'cursor/changed', columns, cursor: { field: 'v' }, extract: () => [[{ v: 'x' }]] })
    await engine.define([asset(z.object({ v: z.string() }))])
    await engine.succeed('cursor/changed')
    await engine.query('DROP TABLE cursor.changed')
    await engine.define([asset(z.object({ v: z.iso.datetime() }))], { version: 'v2' })
    const run = await engine.run('cursor/changed', {
      location: `place_${String(await engine.value('SELECT max(substr(name, 7)::int) FROM millrace.location'))}`,
    })
    expect(run.step.error).toMatchObject({ code: 'CURSOR_TYPE', hint: expect.stringContaining('--full-refresh') })
  })

  test('that no run can use is refused when the definitions load', async () => {
    for (const [options, message] of [
      [{ cursor: { field: 'at', lag: 1000 }, write: { disposition: 'append' }, primaryKey: [] }, 'give the asset a primary key'],
      [{ cursor: { field: 'nowhere' } }, 'names "nowhere"'],
      [{ cursor: { field: 'at', lag: -1 } }, 'must be 0 or more'],
      [{ cursor: { field: 'at' }, write: { disposition: 'append', publish: 'each-batch' }, resumable: true }, 'cursor: true'],
      [{ write: { disposition: 'append', publish: 'each-batch' } }, 'resumable: true'],
    ] as const satisfies readonly (readonly [Partial<TableOptions<typeof Row, Item>>, string])[]) {
      expect(await failureOf(define('cursor/refused', options))).toMatchObject({ code: 'DEFINITION_INVALID', message: expect.stringContaining(message) })
    }
  })
})
