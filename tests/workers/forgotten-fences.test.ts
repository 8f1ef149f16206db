import * as z from 'zod'
import { forgetRuns } from '../../src/catalog/forget-runs.ts'
import { table } from '../../src/definitions/table.ts'
import { createHistoryRetention } from '../../src/producers/keep-history.ts'
import { startEngine, testLogger } from '../support/engine.ts'
import { expect, test, waitFor } from '../support/test.ts'

test('the fences and ledgers of runs that are removed go from their destination; that of the load that a table holds stays', async () => {
  const engine = await startEngine({ backend: 'postgres', producers: 'none' })
  const { location } = await engine.define([table({ key: 'shop/orders', columns: z.object({ id: z.int() }), extract: () => [[{ id: 1 }]] })])
  const runs = [await engine.succeed('*'), await engine.succeed('*')]
  await engine.query('UPDATE millrace.step SET cleaned_at = now()')
  const { pool } = engine.database
  const fences = async () => (await engine.query<{ step_id: string }>('SELECT step_id FROM millrace_load.step ORDER BY load_order')).map((row) => row.step_id)
  expect(await fences()).toEqual(runs.map((run) => run.step.id))
  expect((await forgetRuns(pool, { days: 1, now: new Date(Date.now() + 2 * 86_400_000) })).removed).toBe(1)
  const forgotten = () => engine.value('SELECT count(*)::int FROM millrace.forgotten_fence')
  expect(await forgotten()).toBe(1)
  await createHistoryRetention({ scheduleTicks: 0, sensorTicks: 0, backfills: 0 })({ pool, queues: engine.queues, logger: testLogger })
  await waitFor(async () => (await forgotten()) === 0, { what: 'the fence to be removed' })
  expect(await fences()).toEqual([runs[1]?.step.id])
  expect(await engine.value('SELECT count(*)::int FROM millrace_load.batch')).toBe(1)
  // The order of loads is written down by itself: the next one is the newest.
  expect((await engine.succeed('*', { location: location.name })).status).toBe('succeeded')
})
