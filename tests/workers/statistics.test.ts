import * as z from 'zod'
import { decimal } from '../../src/definitions/column-types.ts'
import { table } from '../../src/definitions/table.ts'
import type { TableOptions } from '../../src/definitions/table.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine, RunView } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, test, waitFor } from '../support/test.ts'

const Row = z.object({
  id: z.int(),
  email: z.string(),
  city: z.string().nullable(),
  amount: decimal(12, 2),
  ratio: z.number().nullable(),
  at: z.iso.datetime(),
  ok: z.boolean(),
  tags: z.array(z.string()),
  apiKey: z.string(),
})
type Options = Partial<TableOptions<typeof Row, unknown>>

const rowsOf = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => {
    const id = from + index
    return {
      id,
      email: `person-${String(id)}@example.com`,
      city: id % 4 === 0 ? null : `city ${String(id % 37)}`,
      amount: `${String((id * 7919) % 10_007)}.5`,
      ratio: id % 3 === 0 ? null : Math.sin(id),
      at: new Date(1.6e12 + id * 977_000).toISOString(),
      ok: id % 5 === 0,
      tags: [String(id)],
      apiKey: `hidden-${String(id)}`,
    }
  })
const pagesOf = (rows: readonly unknown[], size: number) =>
  Array.from({ length: Math.ceil(rows.length / size) }, (_, page) => rows.slice(page * size, page * size + size))

interface Found {
  readonly column: string
  readonly nulls: number
  readonly nullShare: number
  readonly distinct?: number
  readonly min?: unknown
  readonly max?: unknown
}
const statisticsOf = (run: RunView) =>
  run.step.result?.['statistics'] as {
    columns?: Found[]
    stages: { stage: string; batches: number; rows: number; bytes: number; seconds: number; rowsPerSecond: number | null }[]
  }

describeBackends('statistics of a load', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })
  const assetOf = (key: string, pages: readonly (readonly unknown[])[], options: Options = {}) =>
    table<typeof Row, unknown>({ key, columns: Row, write: { disposition: 'replace' }, retry: { retries: 0 }, extract: () => pages, ...options })
  async function load(key: string, pages: readonly (readonly unknown[])[], options: Options = {}) {
    await engine.define([assetOf(key, pages, options)], { batchBytes: 1 })
    return engine.run(key)
  }
  const inSql = async (target: string, column: string) =>
    (
      await engine.query<{ nulls: number; distinct: number; min: unknown; max: unknown }>(
        `SELECT count(*) FILTER (WHERE ${column} IS NULL)::int AS nulls, count(DISTINCT ${column})::int AS distinct,
           (array_agg(to_json(${column}) ORDER BY ${column}) FILTER (WHERE ${column} IS NOT NULL))[1] AS min,
           (array_agg(to_json(${column}) ORDER BY ${column} DESC) FILTER (WHERE ${column} IS NOT NULL))[1] AS max FROM ${target}`,
      )
    )[0]

  test('are what Postgres says of the table', async () => {
    const run = await load('known/people', pagesOf(rowsOf(3000), 400))
    expect(run.status).toBe('succeeded')
    const { columns = [], stages } = statisticsOf(run)
    expect(columns.map(({ column }) => column)).toStrictEqual(['id', 'email', 'city', 'amount', 'ratio', 'at', 'ok', 'tags'])
    for (const one of columns) {
      const sql = await inSql('known.people', one.column)
      expect(one.nulls).toBe(sql?.nulls)
      expect(one.nullShare).toBeCloseTo((sql?.nulls ?? 0) / 3000, 5)
      if (one.column === 'tags') continue
      expect(Math.abs((one.distinct ?? 0) / (sql?.distinct ?? 0) - 1)).toBeLessThan(0.1)
      if (one.column === 'at')
        expect([Date.parse(String(one.min)), Date.parse(String(one.max))]).toStrictEqual([Date.parse(String(sql?.min)), Date.parse(String(sql?.max))])
      else if (one.column === 'amount') expect([Number(one.min), Number(one.max)]).toStrictEqual([sql?.min, sql?.max])
      else expect([one.min, one.max]).toStrictEqual([sql?.min, sql?.max])
    }
    expect(stages.map(({ stage, batches, rows }) => [stage, batches, rows])).toStrictEqual([
      ['extract', 8, 3000],
      ['transform', 8, 3000],
      ['load', 8, 3000],
    ])
    for (const { bytes, seconds, rows, rowsPerSecond } of stages) {
      expect(bytes).toBeGreaterThan(100_000)
      if (seconds > 0) expect(rowsPerSecond).toBe(Math.round(rows / seconds))
    }
    expect(stages[1]?.seconds).toBeGreaterThan(0)
    expect(stages[2]?.seconds).toBeGreaterThan(0)
    expect(await engine.value(`SELECT metadata -> 'statistics' -> 'columns' -> 0 ->> 'max' FROM millrace.asset WHERE key = 'known/people'`)).toBe('2999')
    expect(run.events.find(({ kind }) => kind === 'materialization')?.data).toHaveProperty('statistics.columns')
  })

  test('count a batch once, however often it is transformed', async () => {
    const pages = pagesOf(rowsOf(300), 100)
    let tries = 0
    const run = await load('known/again', pages, {
      retry: { retries: 3, delayMs: 10 },
      transform: (row) => {
        const { id } = row as { id: number }
        // The second batch is transformed three times, under other values each time.
        if (id === 199 && (tries += 1) < 3) throw new Error('not yet')
        return { ...(row as z.input<typeof Row>), city: tries < 3 ? 'before' : null }
      },
    })
    expect(run.status).toBe('succeeded')
    const { columns = [], stages } = statisticsOf(run)
    const nulls = Number(await engine.value(`SELECT count(*) FROM known.again WHERE city IS NULL`))
    expect(columns.find(({ column }) => column === 'city')?.nulls).toBe(nulls)
    expect(columns.find(({ column }) => column === 'id')).toMatchObject({ nulls: 0, min: 0, max: 299 })
    expect(stages.map(({ rows }) => rows)).toStrictEqual([300, 300, 300])
  })

  test('know nothing of a generation that was given up', async () => {
    let calls = 0
    const run = await load('known/afresh', [], {
      retry: { retries: 2, delayMs: 10 },
      async *extract() {
        calls += 1
        yield calls === 1 ? rowsOf(50, 9000) : rowsOf(50, 10)
        if (calls > 1) return
        // The first batch has been transformed by then.
        await waitFor(
          async () =>
            Number(
              await engine.value(
                `SELECT count(*) FROM millrace.batch b JOIN millrace.step s ON s.id = b.step_id WHERE s.asset = 'known/afresh' AND b.statistics IS NOT NULL`,
              ),
            ) > 0,
          { what: 'a batch with statistics' },
        )
        throw new TypeError('the source broke off')
      },
    })
    expect([run.status, run.step.generation]).toStrictEqual(['succeeded', 2])
    expect(statisticsOf(run).columns?.[0]).toMatchObject({ column: 'id', min: 10, max: 59, nulls: 0 })
    expect(statisticsOf(run).stages[2]).toMatchObject({ batches: 1, rows: 50 })
  })

  test('of what grows batch by batch are those of the step, at its end', async () => {
    const run = await load('known/grown', [], {
      write: { disposition: 'append', publish: 'each-batch' },
      resumable: true,
      *extract({ position }) {
        for (let page = Number(position ?? 0); page < 3; page += 1) yield { records: rowsOf(20, page * 20), position: page + 1 }
      },
    })
    expect(run.status).toBe('succeeded')
    expect(statisticsOf(run).columns?.[0]).toMatchObject({ column: 'id', min: 0, max: 59, nulls: 0 })
    expect(statisticsOf(run).stages[2]).toMatchObject({ batches: 3, rows: 60 })
  })

  test('hold nothing of an excluded column or a secret, nowhere', async () => {
    const run = await load('known/private', pagesOf(rowsOf(200), 50), { statistics: { exclude: ['email'] } })
    expect(run.status).toBe('succeeded')
    expect(statisticsOf(run).columns?.map(({ column }) => column)).toStrictEqual(['id', 'city', 'amount', 'ratio', 'at', 'ok', 'tags'])
    const schemas = await engine.query<{ name: string }>(
      `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables WHERE table_schema IN ('millrace', 'millrace_load') AND table_type = 'BASE TABLE'`,
    )
    for (const { name } of schemas) {
      const where = name === 'millrace.batch' ? `step_id = '${run.step.id}' AND` : ''
      expect([
        name,
        Number(await engine.value(`SELECT count(*) FROM ${name} t WHERE ${where} t::text LIKE '%person-7%' AND t::text LIKE '%known/private%'`)),
      ]).toStrictEqual([name, 0])
    }
    expect(JSON.stringify(run.step.result)).not.toContain('@example.com')
    expect(Number(await engine.value(`SELECT count(*) FROM millrace_load.step WHERE step_id = $1 AND result::text LIKE '%@example.com%'`, [run.step.id]))).toBe(
      0,
    )
    expect(JSON.stringify(statisticsOf(run))).not.toContain('hidden-')
  })

  test('are not taken where the definition says so; the stages are', async () => {
    const run = await load('known/none', [rowsOf(10)], { statistics: false })
    expect(Object.keys(statisticsOf(run))).toStrictEqual(['stages'])
    expect(Number(await engine.value(`SELECT count(*) FROM millrace.batch WHERE step_id = $1 AND statistics IS NOT NULL`, [run.step.id]))).toBe(0)
  })

  test('are left out where a batch came from a version that took none', async () => {
    const run = await load('known/mixed', [], {
      async *extract() {
        yield* pagesOf(rowsOf(40), 20)
        const batches = `FROM millrace.batch b JOIN millrace.step s ON s.id = b.step_id WHERE s.asset = 'known/mixed'`
        // Nothing is published before its source has given everything.
        await waitFor(async () => Number(await engine.value(`SELECT count(b.encoded_at) ${batches}`)) === 2, { what: 'both batches to be encoded' })
        await engine.query(`UPDATE millrace.batch SET statistics = NULL WHERE id IN (SELECT max(b.id) ${batches})`)
      },
    })
    expect(run.status).toBe('succeeded')
    expect(Number(await engine.value(`SELECT count(*) FROM known.mixed`))).toBe(40)
    expect(Object.keys(statisticsOf(run))).toStrictEqual(['stages'])
  })
})
