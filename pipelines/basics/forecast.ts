import { graph, graphAsset, op } from 'millrace'
import * as z from 'zod'
import { files } from './five.ts'
import { Stock, weeklyStock } from './stock.ts'

const fourWeeks = op({
  name: 'four_weeks',
  inputs: { week: Stock },
  output: Stock,
  config: z.object({ growth_percent: z.number().default(10) }),
  run: ({ inputs, config }) =>
    Object.fromEntries(Object.entries(inputs.week).map(([item, count]) => [item, Math.round(count * 4 * (1 + config.growth_percent / 100))])),
})

const wholeBoxes = op({
  name: 'whole_boxes',
  inputs: { month: Stock },
  output: Stock,
  run: ({ inputs }) => Object.fromEntries(Object.entries(inputs.month).map(([item, count]) => [item, Math.ceil(count / 10) * 10])),
})

const forecasting = graph({
  name: 'forecasting',
  inputs: { week: Stock },
  compose: ({ week }) => wholeBoxes({ month: fourWeeks({ week }) }),
})

export const forecastNextMonth = graphAsset({
  key: 'stock/forecast_next_month',
  group: 'stock',
  graph: forecasting,
  inputs: { week: weeklyStock },
  value: Stock,
  io: files,
})
