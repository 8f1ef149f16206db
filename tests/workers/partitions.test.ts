import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { asset, output, partitionsOf } from '../../src/definitions/function-asset.ts'
import { mapPartitions } from '../../src/definitions/partitions/partition-mapping.ts'
import { dailyPartitions, multiPartitions, staticPartitions, weeklyPartitions } from '../../src/definitions/partitions/partitions.ts'
import { table } from '../../src/definitions/table.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, temporaryFolder, test } from '../support/test.ts'

const days = dailyPartitions({ start: '2026-01-01', end: '2026-02-01' })
const once = { retries: 0 }

describeBackends('partitions', (backend) => {
  let engine: Engine
  let folder: string
  beforeAll(async () => {
    folder = await temporaryFolder()
    engine = await startEngine({ backend })
    return engine.stop
  })
  const stored = async (key: string, partition: string): Promise<unknown> => JSON.parse(await readFile(join(folder, key, `${partition}.json`), 'utf8'))
  const states = (key: string) =>
    engine.query(
      `SELECT partition, materialized_at IS NOT NULL AS there, failed_at IS NOT NULL AS failed, metadata -> 'units' AS units FROM millrace.asset_partition WHERE asset = $1 ORDER BY partition`,
      [key],
    )

  test('of a function asset are made one by one, each with its value, its state and its own inputs', async () => {
    const io = jsonFiles({ folder })
    const sales = asset({
      key: 'days/sales',
      partitions: days,
      io,
      run: ({ partition, idempotencyKey }) => {
        const units = Number(partition.key.slice(-2))
        return output({ units, from: partition.window?.start.toISOString(), idempotencyKey }, { metadata: { units } })
      },
    })
    const twice = asset({ key: 'days/twice', partitions: days, inputs: { sales }, io, run: ({ inputs }) => inputs.sales.units * 2 })
    const trend = asset({
      key: 'days/trend',
      partitions: days,
      inputs: { week: partitionsOf(sales, mapPartitions.window({ start: -2 })) },
      io,
      run: ({ inputs }) => Object.fromEntries(Object.entries(inputs.week).map(([key, { units }]) => [key, units])),
    })
    const total = asset({
      key: 'days/total',
      inputs: { all: partitionsOf(twice) },
      io,
      run: ({ inputs }) => Object.values(inputs.all).reduce((sum, one) => sum + one, 0),
    })
    const { location } = await engine.define([total, trend, twice, sales])
    const run = await engine.succeed(['days/sales', 'days/twice'], { partitions: ['2026-01-05', '2026-01-03..2026-01-04'] })
    await engine.succeed('days/trend', { partitions: ['2026-01-05'] })
    expect(await stored('days/sales', '2026-01-03')).toMatchObject({ units: 3, from: '2026-01-03T00:00:00.000Z' })
    expect(await stored('days/twice', '2026-01-05')).toBe(10)
    expect(run.events.map(({ message }) => message)).toContain('days/twice was materialized: 3 partitions from 2026-01-03 to 2026-01-05.')
    expect(await states('days/sales')).toEqual([3, 4, 5].map((units) => ({ partition: `2026-01-0${String(units)}`, there: true, failed: false, units })))
    // Each is work of its own to whatever it calls.
    const keys = await Promise.all(['2026-01-03', '2026-01-04'].map((key) => stored('days/sales', key)))
    expect(new Set(keys.map((one) => (one as { idempotencyKey: string }).idempotencyKey)).size).toBe(2)
    // The two days before it as well.
    expect(await stored('days/trend', '2026-01-05')).toEqual({ '2026-01-03': 3, '2026-01-04': 4, '2026-01-05': 5 })
    const { step } = await engine.run('days/total', { location: location.name })
    // Several are loaded at once: it names the one that was missed first.
    expect(step.error).toMatchObject({
      code: 'VALUE_MISSING',
      message: expect.stringMatching(/the partition 2026-01-0[12] of days\/twice/) as unknown,
    })
  })

  test('that fail are known by it, and what was there stays', async () => {
    const state = { broken: false }
    const one = asset({
      key: 'broken/one',
      partitions: staticPartitions(['eu', 'us']),
      io: jsonFiles({ folder }),
      retry: once,
      run: ({ partition }) => {
        if (state.broken) throw new Error('no answer')
        return partition.key
      },
    })
    await engine.define([one])
    await engine.succeed('broken/one', { partitions: ['eu'] })
    state.broken = true
    await engine.run('broken/one', { partitions: ['us'] })
    await engine.run('broken/one', { partitions: ['eu'] })
    expect(await states('broken/one')).toEqual([
      { partition: 'eu', there: true, failed: true, units: null },
      { partition: 'us', there: false, failed: true, units: null },
    ])
    expect(await stored('broken/one', 'eu')).toBe('eu')
    state.broken = false
    await engine.succeed('broken/one', { partitions: ['eu', 'us'] })
    expect((await states('broken/one')).map(({ there, failed }) => [there, failed])).toEqual([
      [true, false],
      [true, false],
    ])
  })

  test.for<[asked: string[] | undefined, code: string, message: string]>([
    [undefined, 'PARTITION_NEEDED', 'asked/day has partitions: say which of them.'],
    [['2026-02-01'], 'UNKNOWN_PARTITION', 'asked/day has no partition "2026-02-01".'],
    [['2026-01-05..2026-01-01'], 'PARTITION_RANGE_INVALID', '2026-01-05..2026-01-01 ends before it begins.'],
  ])('are asked for by name: %o', async ([asked, code, message]) => {
    const location = asset({ key: 'asked/day', partitions: days, io: jsonFiles({ folder }), run: () => 1 })
    const { location: place } = await engine.define([location])
    await expect(engine.launch('asked/day', { location: place.name, partitions: asked })).rejects.toMatchObject({ code, message })
  })

  test('of two kinds are not made by one run, and an asset without takes none', async () => {
    const io = jsonFiles({ folder })
    const day = asset({ key: 'kinds/day', partitions: days, io, run: () => 1 })
    const week = asset({ key: 'kinds/week', partitions: weeklyPartitions({ start: '2026-01-04' }), io, run: () => 1 })
    const whole = asset({ key: 'kinds/whole', io, run: () => 1 })
    await engine.define([day, week, whole])
    await expect(engine.launch(['kinds/day', 'kinds/week'], { partitions: ['2026-01-04'] })).rejects.toMatchObject({ code: 'PARTITIONS_DIFFER' })
    await expect(engine.launch('kinds/whole', { partitions: ['2026-01-04'] })).rejects.toMatchObject({ code: 'NO_PARTITIONS' })
    const run = await engine.succeed(['kinds/day', 'kinds/whole'], { partitions: ['2026-01-04'] })
    expect(await engine.query(`SELECT asset, partitions FROM millrace.step WHERE run_id = $1 ORDER BY asset`, [run.id])).toEqual([
      { asset: 'kinds/day', partitions: ['2026-01-04'] },
      { asset: 'kinds/whole', partitions: null },
    ])
  })
})

const Row = z.object({ date: z.iso.date(), region: z.string(), id: z.int() })
type Item = z.input<typeof Row>

describeBackends('a table with partitions', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })
  const rowsOf = async (name: string) =>
    (await engine.query<Item>(`SELECT date::text, region, id::int FROM ${name} ORDER BY date, region, id`)).map(
      ({ date, region, id }) => `${date} ${region} ${String(id)}`,
    )

  test('is replaced partition by partition, also by nothing, and takes no row of another', async () => {
    const items = new Map<string, Item[]>()
    const row = (date: string, id: number): Item => ({ date, region: 'eu', id })
    const seen: (string | undefined)[] = []
    const rows = table<typeof Row, Item>({
      key: 'part/rows',
      columns: Row,
      write: { disposition: 'replace', by: 'date' },
      retry: once,
      partitions: days,
      extract: ({ partitions }) => {
        const { keys, window } = partitions ?? { keys: [], window: undefined }
        seen.push(`${String(window?.start.toISOString().slice(0, 10))}/${String(window?.end.toISOString().slice(0, 10))}`)
        return [keys.flatMap((key) => items.get(key) ?? [])]
      },
    })
    await engine.define([rows])
    items.set('2026-01-01', [row('2026-01-01', 1), row('2026-01-01', 2)])
    items.set('2026-01-02', [row('2026-01-02', 3)])
    items.set('2026-01-03', [row('2026-01-03', 4)])
    const first = await engine.succeed('part/rows', { partitions: ['2026-01-01..2026-01-03'] })
    expect(first.step.result).toMatchObject({ rows: 4, how: '3 parts replaced' })
    expect(seen).toEqual(['2026-01-01/2026-01-04'])

    items.set('2026-01-01', [])
    items.set('2026-01-02', [row('2026-01-02', 30)])
    await engine.succeed('part/rows', { partitions: ['2026-01-01'] })
    await engine.succeed('part/rows', { partitions: ['2026-01-02'] })
    await engine.succeed('part/rows', { partitions: ['2026-01-02'] })
    expect(await rowsOf('part.rows')).toEqual(['2026-01-02 eu 30', '2026-01-03 eu 4'])

    items.set('2026-01-03', [row('2026-01-03', 5), row('2026-01-04', 6)])
    const { step } = await engine.run('part/rows', { partitions: ['2026-01-03'] })
    expect(step.error).toMatchObject({
      code: 'ROWS_OUTSIDE_PARTITION',
      message: '1 rows for the partition 2026-01-03 of part/rows are of other ones: the first has {"date":"2026-01-04"}. Nothing was published.',
    })
    expect(await rowsOf('part.rows')).toEqual(['2026-01-02 eu 30', '2026-01-03 eu 4'])
  })

  test('leaves to a newer run what that has published', async () => {
    const state = { id: 1, meanwhile: async (): Promise<unknown> => undefined }
    const rows = table<typeof Row, Item>({
      key: 'part/order',
      columns: Row,
      write: { disposition: 'replace', by: 'date' },
      partitions: days,
      async *extract({ partitions }) {
        const keys = partitions?.keys ?? []
        const { id, meanwhile } = state
        yield keys.map((date) => ({ date, region: 'eu', id }))
        await meanwhile()
      },
    })
    await engine.define([rows])
    const reached = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    state.meanwhile = () => {
      reached.resolve()
      return released.promise
    }
    const older = await engine.launch('part/order', { partitions: ['2026-01-01..2026-01-02'] })
    await reached.promise
    state.meanwhile = async () => undefined
    state.id = 2
    await engine.succeed('part/order', { partitions: ['2026-01-02'] })
    released.resolve()
    const ended = await engine.ended(older.runId)
    expect(ended.step.result).toMatchObject({ rows: 1, how: '1 part replaced; 1 left as a newer run has them' })
    expect(await rowsOf('part.order')).toEqual(['2026-01-01 eu 1', '2026-01-02 eu 2'])
  })

  test('of two dimensions is replaced by both', async () => {
    const both = multiPartitions({ date: days, region: staticPartitions(['eu', 'us']) })
    let id = 0
    const rows = table<typeof Row, Item>({
      key: 'part/both',
      columns: Row,
      write: { disposition: 'replace', by: ['region', 'date'] },
      partitions: both,
      extract: ({ partitions }) => {
        const keys = partitions?.keys ?? []
        id += 1
        return [
          keys.map((key) => {
            const [date = '', region = ''] = key.split('|')
            return { date, region, id }
          }),
        ]
      },
    })
    await engine.define([rows])
    await engine.succeed('part/both', { partitions: ['2026-01-01|eu..2026-01-02|us'] })
    await engine.succeed('part/both', { partitions: ['2026-01-02|eu'] })
    expect(await rowsOf('part.both')).toEqual(['2026-01-01 eu 1', '2026-01-01 us 1', '2026-01-02 eu 2', '2026-01-02 us 1'])
  })
})
