import { asset, dailyPartitions, defineLocation, metadata, notEmpty, output, resource, schedule, table } from 'millrace'
import { csv, readRecords } from 'millrace/sources'
import * as z from 'zod'
import { quotientOf, sumOf } from './decimals.ts'
import { startGenerator } from './generator.ts'
import { Operation, operationOf, stockColumns } from './operation.ts'
import { retailFiles, shownAddress } from './source.ts'
import { audit, kpis } from './stores.ts'

const Operations = z.array(Operation)
/** An exact number as text: what JSON and `numeric` give back alike. */
const Amount = z.string().regex(/^-?\d+(\.\d+)?$/)
/** A whole number; as text where it comes out of a `numeric`. */
const Whole = z.union([z.int(), z.string().regex(/^-?\d+$/)])

const group = 'retail_kpis'
/** Leave `end` out, and each day that is over is a partition. */
const partitions = dailyPartitions({ start: '2023-08-02', end: '2023-08-25' })

const retail = resource({ start: ({ env }) => retailFiles(env) })

const operationalData = asset({
  key: 'retail/operational_data',
  description: 'What the retailer handed over for a day: the lines of its CSV file.',
  group,
  partitions,
  value: Operations,
  io: audit,
  config: z.object({
    source_csv_path: z.string().default('{date}/stock.csv').meta({
      description: 'The address of a day’s CSV file, or its path below RETAIL_CSV_BASE_URL. {date} is the partition.',
    }),
  }),
  resources: { retail },
  run: async ({ config, partition, resources, signal }) => {
    const url = resources.retail.resolve(config.source_csv_path, partition.key)
    const operations: Operation[] = []
    for await (const { record, locate } of readRecords(csv({ url, columns: stockColumns, signal }))) {
      operations.push(operationOf(record, partition.key, locate))
    }
    return output(operations, { metadata: { num_records: operations.length, source: metadata.url(shownAddress(url)) } })
  },
  checks: [
    {
      name: 'not_empty',
      severity: 'warn',
      run: ({ value, partition }) => (value.length === 0 ? { passed: false, message: `The file of ${String(partition)} has no line.` } : { passed: true }),
    },
  ],
})

const revenue = asset({
  key: 'retail/revenue',
  description: 'The sum of Sales, exact.',
  group,
  partitions,
  inputs: { operations: operationalData },
  value: Amount,
  io: kpis,
  run: ({ inputs }) => sumOf(inputs.operations.map(({ sales }) => sales)),
})

const unitsSold = asset({
  key: 'retail/units_sold',
  description: 'The sum of Quantity.',
  group,
  partitions,
  inputs: { operations: operationalData },
  value: Whole,
  io: kpis,
  run: ({ inputs }) => inputs.operations.reduce((sum, { quantity }) => sum + quantity, 0),
})

const averageSalesPrice = asset({
  key: 'retail/average_sales_price',
  description: 'Revenue by units sold, rounded to 6 digits after the point; none where no unit was sold.',
  group,
  partitions,
  inputs: { revenue, units: unitsSold },
  value: Amount.nullable(),
  io: kpis,
  run: ({ inputs }) => quotientOf(inputs.revenue, inputs.units, 6),
  checks: [
    {
      name: 'units_were_sold',
      blocking: false,
      // A run of many days has one result: it says of which.
      run: ({ value, partition }) =>
        value === null ? { passed: false, message: `On ${String(partition)} no unit was sold: the day has no average.` } : { passed: true },
    },
  ],
})

const operations = table({
  key: 'retail/operations',
  tableName: 'retail.operational_data',
  description: 'The operational data for SQL: a row for each line of the files, with its day.',
  group,
  partitions,
  deps: [operationalData],
  columns: Operation,
  write: { disposition: 'replace', by: 'date' },
  resources: { audit },
  async *extract({ partitions: days, resources, signal }) {
    for (const partition of days.keys) yield Operations.parse(await resources.audit.load({ asset: operationalData.key, partition }, { signal }))
  },
  checks: [notEmpty({ severity: 'warn' })],
})

const daily = schedule({
  name: 'retail_kpis_schedule',
  // A day is over at midnight UTC, as its partitions say; by six its file is there.
  cron: '0 6 * * *',
  timeZone: 'UTC',
  assets: `group:${group}`,
  // One run for each day that is over, so that a day without a file holds no other up.
  partitions: 'new',
  // Nobody looks at KPIs that are late by more than a month without being asked: that is a backfill.
  catchUp: 31,
  // A file that is late is looked for every ten minutes, for an hour.
  retries: 6,
  retryDelayMs: 600_000,
})

export default defineLocation({
  name: 'retail-kpis',
  assets: [operationalData, revenue, unitsSold, averageSalesPrice, operations],
  schedules: [daily],
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
