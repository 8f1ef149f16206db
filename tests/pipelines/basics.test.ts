import { callAsset, callOp, callSensor, runAssets, runGraph, testClock } from 'millrace/testing'
import { expect, onTestFinished, test } from 'vitest'
import { newDeliveries } from '../../pipelines/basics/automation.ts'
import { startDemoShop } from '../../pipelines/basics/demo-shop.ts'
import { deliveries } from '../../pipelines/basics/deliveries.ts'
import { forecastNextMonth } from '../../pipelines/basics/forecast.ts'
import { addNumbers, math } from '../../pipelines/basics/math.ts'
import type { Shop } from '../../pipelines/basics/shop.ts'
import { dailyStock, weeklyStock } from '../../pipelines/basics/stock.ts'

test('an op adds, and says so', async () => {
  const { value, log } = await callOp(addNumbers, { inputs: { a: 1, b: 2 } })
  expect(value).toBe(3)
  expect(log).toMatchObject([{ message: 'adding', fields: { a: 1, b: 2 } }])
})

test('an op that is handed the wrong type fails before it runs', async () => {
  await expect(callOp(addNumbers, { inputs: { a: 1, b: 'two' } })).rejects.toThrow(
    'The input b of add_numbers is to be a number: it: Invalid input: expected number, received string, but is "two".',
  )
})

test('the graph runs its steps in order', async () => {
  const run = await runGraph(math, { inputs: { first: 10 } })
  expect(run.answer()).toBe(30)
  expect(run.steps.map(({ name }) => name)).toEqual(['add_numbers', 'add_numbers_2', 'multiply_by_two'])
})

/** A shop that answers what a test gives it. */
const shopOf = (answers: Readonly<Record<string, string>>): Shop => ({
  text: (path) => Promise.resolve(answers[path] ?? ''),
})

test('the daily stock is that of the configured warehouse', async () => {
  const shop = shopOf({ '/stock/south.json': '{ "figs": 20 }' })
  const { value, metadata } = await callAsset(dailyStock, { config: { warehouse: 'south' }, resources: { shop } })
  expect(value).toEqual({ figs: 20 })
  expect(metadata).toMatchObject({ items: 1 })
})

test('a warehouse without anything fails its check, and nothing is stored', async () => {
  const shop = shopOf({ '/stock/north.json': '{}' })
  await expect(callAsset(dailyStock, { resources: { shop } })).rejects.toThrow('The check has_items of stock/daily_stock failed')
})

test('a month is four weeks of seven days, in whole boxes', async () => {
  const shop = shopOf({ '/stock/north.json': '{ "pears": 1 }' })
  const run = await runAssets([dailyStock, weeklyStock, forecastNextMonth], { config: { growth_percent: 0 }, resources: { shop } })
  expect(run.value(weeklyStock)).toEqual({ pears: 7 })
  expect(run.value(forecastNextMonth)).toEqual({ pears: 30 })
})

test('the shop wants its token, and nobody is shown it', async () => {
  const { env, stop } = await startDemoShop()
  onTestFinished(stop)
  const called = await callAsset(dailyStock, { env }) // the resource itself, in an environment of the test's
  expect(called.value).toEqual({ apples: 12, pears: 7 })
  expect(JSON.stringify(called)).not.toContain(env.SHOP_TOKEN)
  await expect(callAsset(dailyStock, { env: { ...env, SHOP_TOKEN: 'wrong' } })).rejects.toThrow(/stock\/north\.json answered 401$/)
})

test('a day’s deliveries are the lines of its file', async () => {
  const shop = shopOf({ '/deliveries/2026-01-07.csv': 'item,count\npears,7\n' })
  const { value } = await callAsset(deliveries, { partition: '2026-01-07', clock: testClock('2026-01-31'), resources: { shop } })
  expect(value).toEqual([{ item: 'pears', count: 7 }])
})

test('the sensor asks for a run for each day that is new', async () => {
  const shop = shopOf({ '/deliveries.json': '["2026-01-07", "2026-01-05"]' })
  const { runs, cursor } = await callSensor(newDeliveries, { cursor: '2026-01-05', resources: { shop } })
  expect(runs).toMatchObject([{ runKey: '2026-01-07', partitions: ['2026-01-07'] }])
  expect(await callSensor(newDeliveries, { cursor: cursor ?? null, resources: { shop } })).toMatchObject({ runs: [], reason: 'nothing was delivered' })
})
