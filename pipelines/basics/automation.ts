import { schedule, sensor } from 'millrace'
import * as z from 'zod'
import { shop } from './shop.ts'

export const weekdays = schedule({
  name: 'weekdays',
  cron: '0 7 * * 1-5',
  timeZone: 'Europe/Paris',
  assets: '+stock/forecast_next_month',
  startsStopped: true,
})

export const newDeliveries = sensor({
  name: 'new_deliveries',
  assets: 'stock/deliveries',
  startsStopped: true,
  resources: { shop },
  run: async ({ cursor, resources, signal }) => {
    const after = typeof cursor === 'string' ? cursor : ''
    const all = z.array(z.string()).parse(JSON.parse(await resources.shop.text('/deliveries.json', signal)))
    const days = all.filter((day) => day > after).toSorted()
    if (days.length === 0) return { reason: 'nothing was delivered' }
    return { runs: days.map((day) => ({ runKey: day, partitions: [day] })), cursor: days.at(-1) ?? null }
  },
})
