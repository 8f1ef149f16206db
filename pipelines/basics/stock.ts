import { asset, metadata, output } from 'millrace'
import * as z from 'zod'
import { files } from './five.ts'
import { shop } from './shop.ts'

export const Stock = z.record(z.string(), z.int().min(0))

export const dailyStock = asset({
  key: 'stock/daily_stock',
  description: 'What a warehouse sells of each item in a day.',
  group: 'stock',
  config: z.object({ warehouse: z.enum(['north', 'south']).default('north').meta({ description: 'Whose stock' }) }),
  resources: { shop },
  value: Stock,
  io: files,
  checks: [{ name: 'has_items', blocking: true, run: ({ value }) => ({ passed: Object.keys(value).length > 0 }) }],
  run: async ({ config, resources, signal }) => {
    const path = `/stock/${config.warehouse}.json`
    const stock = Stock.parse(JSON.parse(await resources.shop.text(path, signal)))
    return output(stock, { metadata: { items: Object.keys(stock).length, source: metadata.path(path) } })
  },
})

export const weeklyStock = asset({
  key: 'stock/weekly_stock',
  group: 'stock',
  inputs: { day: dailyStock }, // its stored value is inputs.day
  value: Stock,
  io: files,
  run: ({ inputs }) => Object.fromEntries(Object.entries(inputs.day).map(([item, count]) => [item, count * 7])),
})
