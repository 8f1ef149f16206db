import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { quotientOf, sumOf } from '../../pipelines/retail-kpis/decimals.ts'
import retail from '../../pipelines/retail-kpis/definitions.ts'
import { startGenerator, stockCsv } from '../../pipelines/retail-kpis/generator.ts'
import { stockColumns } from '../../pipelines/retail-kpis/operation.ts'
import { retailFiles } from '../../pipelines/retail-kpis/source.ts'
import { callSchedule, testClock } from 'millrace/testing'
import { thrownBy } from '../sources/failure.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine, RunView } from '../support/engine.ts'
import { atFileEnd, beforeAll, describe, expect, startHttpServer, test } from '../support/test.ts'
import { kpisOf, knownKpis, realFiles, realFilesMissing } from './stock-kpis.ts'
import type { Kpis } from './stock-kpis.ts'

if (realFiles === undefined) console.warn(realFilesMissing)

const all = ['group:retail_kpis']
const kpiAssets = ['retail/revenue', 'retail/units_sold', 'retail/average_sales_price']
const header = stockColumns.join(',')
const line = (sales: string, quantity: string) => `Same Day,Consumer,US,Augusta,Maine,04330,East,Technology,"Phones, new",${sales},${quantity},0.2,-0.25\n`

describe('the days of the retailer', () => {
  let engine: Engine
  /** What the server has in the place of the generator's files, by path. */
  const files = new Map<string, string>()
  beforeAll(async () => {
    engine = await startEngine({ backend: 'postgres' })
    const server = await startHttpServer((request, response) => {
      const [, kind = '', date = '', name = ''] = /^\/shop\/(\w+)\/([^/]+)\/([^/]+)$/.exec(request.url ?? '') ?? []
      if (name !== 'stock.csv') return response.writeHead(404).end('There is no such file.')
      if (kind === 'real' && realFiles !== undefined) return response.end(readFileSync(join(realFiles, date, name)))
      return response.end(files.get(`${kind}/${date}`) ?? stockCsv(date))
    })
    await engine.work(retail, { env: { RETAIL_CSV_BASE_URL: `${server.url}/shop` } })
    return engine.stop
  })

  /** What the warehouse has of a day. */
  async function stored(date: string): Promise<Kpis & { readonly json: number; readonly sales: string }> {
    const [row] = await engine.query<Kpis & { json: number; sales: string }>(
      `SELECT (SELECT count(*)::int FROM retail.operational_data WHERE date = $1::date) AS records,
         (SELECT trim_scale(sum(sales))::text FROM retail.operational_data WHERE date = $1::date) AS sales,
         (SELECT jsonb_array_length(value) FROM asset_value WHERE asset = 'retail/operational_data' AND partition = $1::date::text) AS json,
         r.value::text AS revenue, u.value::int AS units, a.value::text AS average
       FROM retail.revenue r JOIN retail.units_sold u USING (date) JOIN retail.average_sales_price a USING (date) WHERE date = $1::date`,
      [date],
    )
    if (row === undefined) throw new Error(`nothing is stored of ${date}`)
    return row
  }
  const expected = (kpis: Kpis) => ({ ...kpis, json: kpis.records, sales: kpis.revenue })
  const from = (kind: string) => ({ source_csv_path: `${kind}/{date}/stock.csv` })
  const make = (assets: readonly string[], kind: string, ...partitions: string[]): Promise<RunView> =>
    engine.run(assets, { location: retail.name, partitions, ...(assets === kpiAssets ? {} : { config: from(kind) }) })

  test('are all made by one run, exact, each with its state', async () => {
    const { status, events } = await make(all, 'made', '2023-08-02..2023-08-24')
    expect(status, JSON.stringify(events.at(-1))).toBe('succeeded')
    const days = await engine.query<{ date: string; type: string }>(`SELECT date::text, pg_typeof(value)::text AS type FROM retail.revenue ORDER BY date`)
    expect(days).toHaveLength(23)
    for (const { date, type } of days) {
      expect(await stored(date)).toEqual(expected(kpisOf(stockCsv(date))))
      expect(type).toBe('numeric')
    }
    const states = `SELECT metadata, materialized_at IS NOT NULL AS there FROM millrace.asset_partition WHERE asset = $1 ORDER BY partition`
    const operational = await engine.query<{ metadata: object }>(states, ['retail/operational_data'])
    expect(operational.map(({ metadata }) => metadata)).toMatchObject(days.map(({ date }) => ({ num_records: kpisOf(stockCsv(date)).records })))
    for (const asset of kpiAssets) expect(await engine.query(states, [asset])).toMatchObject(days.map(() => ({ there: true })))
    expect(await engine.value(`SELECT count(*)::int FROM retail.operational_data WHERE postal_code LIKE '0%'`)).toBeGreaterThan(0)
  })

  test.skipIf(realFiles === undefined)('come to what is known of the real files', async () => {
    const { status, events } = await make(all, 'real', '2023-08-02..2023-08-24')
    expect(status, JSON.stringify(events.at(-1))).toBe('succeeded')
    for (const [date, kpis] of Object.entries(knownKpis)) expect(await stored(date)).toEqual(expected(kpis))
    for (const { date } of await engine.query<{ date: string }>('SELECT date::text FROM retail.revenue')) {
      expect(await stored(date)).toEqual(expected(kpisOf(readFileSync(join(realFiles ?? '', date, 'stock.csv'), 'utf8'))))
    }
  })

  test('whose file was corrected take its place, the KPIs without the file being fetched again', async () => {
    files.set('mended/2023-08-05', `${header}\n${line('0.1', '1')}${line('0.2', '2')}`)
    expect((await make(all, 'mended', '2023-08-05')).status).toBe('succeeded')
    expect(await stored('2023-08-05')).toEqual({ records: 2, json: 2, revenue: '0.3', sales: '0.3', units: 3, average: '0.1' })
    files.set('mended/2023-08-05', `${header}\n${line('2', '3')}`)
    expect((await make(kpiAssets, 'mended', '2023-08-05')).status).toBe('succeeded')
    expect(await stored('2023-08-05')).toMatchObject({ records: 2, revenue: '0.3' })
    expect((await make(all, 'mended', '2023-08-05')).status).toBe('succeeded')
    expect(await stored('2023-08-05')).toEqual({ records: 1, json: 1, revenue: '2', sales: '2', units: 3, average: '0.666667' })
    expect(await engine.value('SELECT count(*)::int FROM retail.revenue WHERE date = $1', ['2023-08-05'])).toBe(1)
  })

  test.for([
    ['without an operation', '', { records: 0, json: 0, sales: null, revenue: '0', units: 0, average: null }],
    ['on which no unit was sold', line('7.5', '2') + line('-7.5', '-2'), { records: 2, json: 2, sales: '0', revenue: '0', units: 0, average: null }],
  ] as const)('%s have no average, and a check that failed', async ([, lines, day]) => {
    files.set('empty/2023-08-06', `${header}\n${lines}`)
    const run = await make(all, 'empty', '2023-08-06')
    expect(run.status).toBe('succeeded')
    expect(await stored('2023-08-06')).toEqual(day)
    expect(
      await engine.query(`SELECT asset, name, passed, message FROM millrace.check_history WHERE run_id = $1 AND NOT passed ORDER BY asset`, [run.id]),
    ).toContainEqual({
      asset: 'retail/average_sales_price',
      name: 'units_were_sold',
      passed: false,
      message: 'On 2023-08-06 no unit was sold: the day has no average.',
    })
  })

  test.for<[what: string, file: string | undefined, path: string, message: RegExp | string]>([
    ['is not there', undefined, 'none/{date}/stocks.csv', /GET http:\S+\/none\/2023-08-07\/stocks\.csv answered 404/],
    [
      'is no CSV',
      '<!doctype html>\n<title>Sign in</title>\n',
      'bad/{date}/stock.csv',
      /lacks the columns "Ship Mode", "Segment".*its header has "<!doctype html>"/,
    ],
    ['lacks a column', `${header.replace('Sales', 'Revenue')}\n`, 'bad/{date}/stock.csv', /lacks the column "Sales"/],
    ['breaks off', `${header}\nSecond Class,Consumer\n`, 'bad/{date}/stock.csv', /[Ll]ine 2 .* has 2 fields; its header has 13/],
    [
      'has a line that is none',
      `${header}\n${line('1', '1')}${line('"12,5"', 'two')}`,
      'bad/{date}/stock.csv',
      /line that is no operation, record 1 \(line 3\): sales: .*"12,5"; quantity: .*"two"/,
    ],
    [
      'is of another day',
      undefined,
      'made/2023-08-02/stock.csv',
      'source_csv_path is "made/2023-08-02/stock.csv", the file of 2023-08-02, and the partition is 2023-08-07',
    ],
    ['lies elsewhere', undefined, '../secrets.csv', 'source_csv_path is "../secrets.csv", which is no path below RETAIL_CSV_BASE_URL'],
  ])('whose file %s fail with an error that says so, and keep what they had', async ([, file, path, message]) => {
    await make(all, 'made', '2023-08-07')
    if (file !== undefined) files.set('bad/2023-08-07', file)
    const run = await engine.run(all, { location: retail.name, partitions: ['2023-08-07'], config: { source_csv_path: path } })
    expect(run.status).toBe('failed')
    const failed = run.steps.find(({ asset }) => asset === 'retail/operational_data')
    expect(failed).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { message: expect.stringMatching(message) as unknown, hint: expect.any(String) as unknown },
    })
    expect(run.steps.filter(({ status }) => status === 'skipped')).toHaveLength(4)
    expect(await stored('2023-08-07')).toEqual(expected(kpisOf(stockCsv('2023-08-07'))))
  })
})

describe('source_csv_path', () => {
  const files = retailFiles({ RETAIL_CSV_BASE_URL: 'https://shop.example.com/daily' })

  test.each([
    ['{date}/stock.csv', 'https://shop.example.com/daily/2026-03-01/stock.csv'],
    ['2026-03-01/stock.csv', 'https://shop.example.com/daily/2026-03-01/stock.csv'],
    ['latest.csv', 'https://shop.example.com/daily/latest.csv'],
    ['2025-12-31/2026-03-01.csv', 'https://shop.example.com/daily/2025-12-31/2026-03-01.csv'],
    ['2026-13-45/stock.csv', 'https://shop.example.com/daily/2026-13-45/stock.csv'],
    [' http://other.example.com/x.csv?day={date} ', 'http://other.example.com/x.csv?day=2026-03-01'],
  ])('%s is an address', (path, url) => {
    expect(files.resolve(path, '2026-03-01').href).toBe(url)
  })

  test.each([
    '',
    '../secrets.csv',
    '/etc/passwd',
    '//other.example.com/x.csv',
    'file:///etc/passwd',
    'ftp://example.com/x.csv',
    '..%2f..%2f/../../x',
    '2026-03-02/stock.csv',
  ])('%s is a clear error', (path) => {
    expect(thrownBy(() => files.resolve(path, '2026-03-01'))).toMatchObject({
      name: 'ConfigError',
      code: 'RETAIL_SOURCE_CSV_PATH',
      message: expect.stringContaining(JSON.stringify(path)) as unknown,
      hint: expect.any(String) as unknown,
    })
  })

  test('that is a path needs RETAIL_CSV_BASE_URL', () => {
    expect(thrownBy(() => retailFiles({}).resolve('{date}/stock.csv', '2026-03-01'))).toMatchObject({
      name: 'ConfigError',
      message: 'source_csv_path is "{date}/stock.csv", a path, but RETAIL_CSV_BASE_URL is not set',
    })
    expect(thrownBy(() => retailFiles({ RETAIL_CSV_BASE_URL: 'shop' }))).toMatchObject({ name: 'ConfigError', code: 'RETAIL_CSV_BASE_URL_INVALID' })
  })
})

test('sums and quotients are what Postgres makes of the same numbers', async ({ database }) => {
  const decimals = fc
    .tuple(fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }), fc.integer({ min: 0, max: 12 }))
    .map(([digits, scale]) => `${String(digits)}e-${String(scale)}`)
  const cases = fc.sample(fc.tuple(fc.array(decimals, { minLength: 1, maxLength: 20 }), decimals), 200)
  const { rows } = await database.pool.query<{ sum: string; quotient: string | null }>(
    `SELECT trim_scale(sum(n::numeric))::text AS sum, trim_scale(round(min(first::numeric)::numeric(60, 20) / nullif(min(by::numeric), 0), 6))::text AS quotient
     FROM json_to_recordset($1) AS c(id int, numbers json, first text, by text), json_array_elements_text(c.numbers) AS n GROUP BY id ORDER BY id`,
    [JSON.stringify(cases.map(([numbers, by], id) => ({ id, numbers, first: numbers[0], by })))],
  )
  expect(cases.map(([numbers, by]) => ({ sum: sumOf(numbers), quotient: quotientOf(numbers[0] ?? '0', by, 6) }))).toEqual(rows)
  expect([sumOf([]), sumOf(['.5', '-0.50']), quotientOf('14567.3222', '296', 6), quotientOf('1', '0.000', 6)]).toEqual(['0', '0', '49.213926', null])
  expect(() => sumOf(['1', 'two'])).toThrow('"two" is no decimal number')
})

test('a schedule makes each day that is over, by a run of its own, from the morning after', async () => {
  const [daily, ...others] = retail.schedules
  if (daily === undefined) throw new Error('no schedule')
  expect(others).toEqual([])
  expect(daily.spec).toMatchObject({ startsStopped: false, timeZone: 'UTC', catchUp: 31, retries: 6 })
  const clock = testClock('2023-08-23T12:00:00Z')
  const ticks = async () => {
    const { at, runs } = await callSchedule(daily, { location: retail, clock })
    return [at, runs.map(({ partitions, assets }) => [partitions, assets.length])]
  }
  expect(await ticks()).toEqual(['2023-08-24T06:00:00.000Z', [[['2023-08-23'], 5]]])
  expect(await ticks()).toEqual(['2023-08-25T06:00:00.000Z', [[['2023-08-24'], 5]]])
  // The last of its partitions is made.
  expect(await ticks()).toEqual(['2023-08-26T06:00:00.000Z', []])
})

test('the demo stands in where no files are set, with the same ones every time', async () => {
  const { demo } = retail
  if (demo === undefined) throw new Error('no demo')
  expect(demo.when({})).toBe(true)
  expect(demo.when({ RETAIL_CSV_BASE_URL: 'https://shop.example.com' })).toBe(false)
  const generator = await startGenerator({ firstDay: '2026-01-01', lastDay: '2026-01-31' })
  atFileEnd(generator.stop)
  const answers = await Promise.all(['2026-01-31', '2026-02-01'].map((date) => fetch(`${generator.baseUrl}${date}/stock.csv`)))
  expect(answers.map(({ status }) => status)).toEqual([200, 404])
  expect(await answers[0]?.text()).toBe(stockCsv('2026-01-31'))
  expect(stockCsv('2026-01-31')).not.toBe(stockCsv('2026-01-30'))
})
