import { defineLocation } from 'millrace'
import { newDeliveries, weekdays } from './automation.ts'
import { startDemoShop } from './demo-shop.ts'
import { deliveries } from './deliveries.ts'
import { giveMeFive } from './five.ts'
import { forecastNextMonth } from './forecast.ts'
import { mathJob } from './math.ts'
import { dailyStock, weeklyStock } from './stock.ts'

export default defineLocation({
  name: 'basics',
  assets: [giveMeFive, dailyStock, weeklyStock, forecastNextMonth, deliveries],
  jobs: [mathJob],
  schedules: [weekdays],
  sensors: [newDeliveries],
  demo: { when: (env) => env['SHOP_URL'] === undefined, start: startDemoShop },
})
