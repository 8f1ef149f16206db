import { describe, expect, test } from 'vitest'
import retail from '../../pipelines/retail-kpis/definitions.ts'
import { startGenerator, stockColumns, stockCsv } from '../../pipelines/retail-kpis/generator.ts'
import { dayOf, retailFiles } from '../../pipelines/retail-kpis/source.ts'
import { atFileEnd } from '../support/cleanup.ts'
import { startHttpServer } from '../support/http-server.ts'
import { sourceErrorOf, thrownBy } from '../sources/failure.ts'
import { exactSum, operationalData } from './operational-data.ts'

const started = '2026-03-02T00:30:00.000Z'

describe('source_csv_path', () => {
  const files = retailFiles({ RETAIL_CSV_BASE_URL: 'https://shop.example.com/daily' })

  test.each([
    ['{date}/stock.csv', 'https://shop.example.com/daily/2026-03-01/stock.csv'],
    ['2023-08-02/stock.csv', 'https://shop.example.com/daily/2023-08-02/stock.csv'],
    [' http://other.example.com/x.csv?day={date} ', 'http://other.example.com/x.csv?day=2026-03-01'],
  ])('%s is an address', (path, url) => {
    expect(files.resolve(path, started).href).toBe(url)
  })

  test.each(['', '../secrets.csv', '/etc/passwd', '//other.example.com/x.csv', 'file:///etc/passwd', 'ftp://example.com/x.csv', '..%2f..%2f/../../x'])(
    '%s is a clear error',
    (path) => {
      const error = thrownBy(() => files.resolve(path, started))
      expect(error).toMatchObject({
        name: 'ConfigError',
        code: 'RETAIL_SOURCE_CSV_PATH',
        message: expect.stringContaining(JSON.stringify(path)),
        hint: expect.any(String),
      })
    },
  )

  test('that is a path needs RETAIL_CSV_BASE_URL', () => {
    expect(thrownBy(() => retailFiles({}).resolve('{date}/stock.csv', started))).toMatchObject({
      name: 'ConfigError',
      message: 'source_csv_path is "{date}/stock.csv", a path, but RETAIL_CSV_BASE_URL is not set',
    })
    expect(thrownBy(() => retailFiles({ RETAIL_CSV_BASE_URL: 'shop' }))).toMatchObject({ name: 'ConfigError', code: 'RETAIL_CSV_BASE_URL_INVALID' })
  })

  test('of a day without a file is an error that names it', async () => {
    const generator = await startGenerator({ firstDay: '2026-01-01', lastDay: '2026-01-31' })
    atFileEnd(generator.stop)
    const error = await sourceErrorOf(operationalData(`${generator.baseUrl}2026-02-01/stock.csv`))
    expect(error).toMatchObject({ code: 'SOURCE_NOT_FOUND', retryable: false })
    expect(error.message).toContain(`GET ${generator.baseUrl}2026-02-01/stock.csv answered 404`)
    expect(await operationalData(`${generator.baseUrl}2026-01-31/stock.csv`)).not.toHaveLength(0)
  })

  test('of a file of another shape is an error that names the columns it lacks', async () => {
    const server = await startHttpServer((_, response) => response.end(stockCsv('2026-01-01').replace('Sales', 'Revenue')))
    const error = await sourceErrorOf(operationalData(`${server.url}/stock.csv`))
    expect(error.message).toContain('lacks the column "Sales"')
  })
})

test('the day of a file is the last one that its address names', () => {
  expect(dayOf(new URL('https://x/2023-08-02/stock.csv'))).toBe('2023-08-02')
  expect(dayOf(new URL('https://x/2022-01-01/2023-08-02.csv'))).toBe('2023-08-02')
  expect(dayOf(new URL('https://x/2023-13-45/stock.csv'))).toBeNull()
  expect(dayOf(new URL('https://x/stock.csv?day=2023-08-02'))).toBeNull()
})

test('a quantity that is no whole number is told', async () => {
  const header = stockColumns.join(',')
  const server = await startHttpServer((_, response) => response.end(`${header}\na,b,c,d,e,04330,g,h,i,1.5,two,0,-0.25\n`))
  await expect(operationalData(`${server.url}/stock.csv`)).rejects.toMatchObject({ name: 'DataError', message: 'Quantity is "two", which is no whole number' })
})

test('the generator’s files are the same every time, and fit the table to the last digit', async () => {
  const { demo } = retail
  if (demo === undefined) throw new Error('no demo')
  expect(demo.when({})).toBe(true)
  expect(demo.when({ RETAIL_CSV_BASE_URL: 'https://shop.example.com' })).toBe(false)
  const running = await demo.start()
  const rows = await operationalData(undefined, running.env, started)
  await running.stop()
  expect(rows.length).toBeGreaterThanOrEqual(60)
  expect(new Set(rows.map((row) => row.date))).toEqual(new Set(['2026-03-01']))
  const lines = stockCsv('2026-03-01').trimEnd().split('\n')
  expect(rows).toHaveLength(lines.length - 1)
  const sales = lines.slice(1).map((line) => line.split(',').at(-4) ?? '')
  expect(exactSum(rows.map((row) => row.sales))).toBe(exactSum(sales))
  expect(stockCsv('2026-03-02')).not.toBe(stockCsv('2026-03-01'))
})
