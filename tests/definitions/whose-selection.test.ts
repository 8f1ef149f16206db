import { asset, assetSensor, defineLocation, job, schedule, sensor } from 'millrace'
import type { LocationOptions } from 'millrace'
import { jsonFiles } from 'millrace/io'
import { expect, test } from 'vitest'

const orders = asset({ key: 'shop/orders', io: jsonFiles({ folder: 'values' }), run: () => 1 })

test.for<[whose: string, has: Partial<LocationOptions>]>([
  ['The schedule nightly of shop', { schedules: [schedule({ name: 'nightly', cron: '0 3 * * *', assets: 'shop/ordres' })] }],
  ['The job refresh of shop', { jobs: [job({ name: 'refresh', assets: 'shop/ordres' })] }],
  ['The sensor files of shop', { sensors: [sensor({ name: 'files', assets: 'shop/ordres', run: () => ({ reason: 'none' }) })] }],
  ['The sensor after of shop', { sensors: [assetSensor({ name: 'after', watch: 'shop/ordres', assets: 'shop/orders', run: () => ({ reason: 'none' }) })] }],
])('an asset that there is not is told with the definition that names it: %s', ([whose, has]) => {
  expect(() => defineLocation({ name: 'shop', assets: [orders], ...has })).toThrow(`${whose}: There is no asset shop/ordres (there is shop/orders).`)
})
