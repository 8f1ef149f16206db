import { asset, dailyPartitions, output } from 'millrace'
import * as z from 'zod'
import { files } from './five.ts'
import { shop } from './shop.ts'

const Delivery = z.object({ item: z.string(), count: z.int() })

export const deliveries = asset({
  key: 'stock/deliveries',
  description: 'What was delivered on a day, from that day’s CSV file.',
  partitions: dailyPartitions({ start: '2026-01-05' }),
  resources: { shop },
  value: z.array(Delivery),
  io: files,
  run: async ({ partition, resources, signal }) => {
    const csv = await resources.shop.text(`/deliveries/${partition.key}.csv`, signal)
    const rows = csv
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => {
        const [item = '', count = ''] = line.split(',')
        return { item, count: Number(count) }
      })
    return output(rows, { metadata: { num_records: rows.length } })
  },
})
