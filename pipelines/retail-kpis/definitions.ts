import { DataError, decimal, defineLocation, notEmpty, resource, schedule, table } from 'millrace'
import type { Json } from 'millrace'
import { csv } from 'millrace/sources'
import * as z from 'zod'
import { startGenerator, stockColumns } from './generator.ts'
import { dayOf, retailFiles } from './source.ts'

type StockRecord = Readonly<Record<(typeof stockColumns)[number], string>>

const Operation = z.object({
  date: z.iso.date().nullable().meta({ description: 'The day that the address of the file names; null where it names none' }),
  shipMode: z.string(),
  segment: z.string(),
  country: z.string(),
  city: z.string(),
  state: z.string(),
  postalCode: z.string().meta({ description: 'Text: some begin with 0' }),
  region: z.string(),
  category: z.string(),
  subCategory: z.string(),
  sales: decimal(18, 6),
  quantity: z.int32(),
  discount: decimal(9, 6),
  profit: decimal(18, 6),
})

const retail = resource({ start: ({ env }) => retailFiles(env) })

const operationalData = table({
  key: 'retail/operational_data',
  description: 'The operations of one day, a row per line of the retailer’s file.',
  group: 'retail_kpis',
  columns: Operation,
  write: { disposition: 'replace' },
  config: z.object({
    source_csv_path: z.string().default('{date}/stock.csv').meta({
      description: 'The address of a day’s CSV file, or its path below RETAIL_CSV_BASE_URL. {date} is the day before the run (UTC).',
    }),
  }),
  resources: { retail },
  extract: ({ config, resources, runStartedAt, signal }) => {
    const url = resources.retail.resolve(config.source_csv_path, runStartedAt)
    return csv({ url, columns: stockColumns, signal, extra: dayOf(url) })
  },
  transform: (record: StockRecord, context) => ({
    date: dateOf(context.page),
    shipMode: record['Ship Mode'],
    segment: record.Segment,
    country: record.Country,
    city: record.City,
    state: record.State,
    postalCode: record['Postal Code'],
    region: record.Region,
    category: record.Category,
    subCategory: record['Sub-Category'],
    sales: record.Sales,
    quantity: wholeNumber(record.Quantity, 'Quantity'),
    discount: record.Discount,
    profit: record.Profit,
  }),
  checks: [notEmpty()],
})

export default defineLocation({
  name: 'retail-kpis',
  assets: [operationalData],
  schedules: [schedule({ name: 'retail_daily', cron: '0 6 * * *', timeZone: 'UTC', runOnFirstStart: true, assets: 'group:retail_kpis' })],
  demo: {
    when: (env) => (env['RETAIL_CSV_BASE_URL'] ?? '').trim() === '',
    start: async () => {
      const generator = await startGenerator()
      return {
        env: { RETAIL_CSV_BASE_URL: generator.baseUrl },
        notice:
          'RETAIL_CSV_BASE_URL is not set, so a bundled generator serves made-up CSV files of the retailer’s shape. Set it to the address of the folder that holds {date}/stock.csv.',
        stop: generator.stop,
      }
    },
  },
})

function dateOf(page: Json | undefined): string | null {
  return typeof page === 'string' ? page : null
}

function wholeNumber(text: string, column: string): number {
  if (/^-?\d{1,10}$/.test(text.trim())) return Number(text)
  throw new DataError(`${column} is ${JSON.stringify(text.slice(0, 40))}, which is no whole number`, {
    code: 'RETAIL_WHOLE_NUMBER',
    hint: 'Mend the line in the retailer’s file.',
  })
}
