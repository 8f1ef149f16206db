import { setTimeout as sleep } from 'node:timers/promises'
import { lead } from '../../src/catalog/leader.ts'
import { publishManifest } from '../../src/catalog/manifests.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { createFreshnessWatch } from '../../src/producers/watch-freshness.ts'
import { createLocation, startEngine, testLogger } from '../support/engine.ts'
import { expect, temporaryFolder, test, waitFor } from '../support/test.ts'

const read = `SELECT data ->> 'state' AS state, level, message, at FROM millrace.event WHERE kind = 'freshness' AND asset = $1 ORDER BY id`

test('the leader asks to be called when the next asset falls due, and not sooner', async ({ database: { pool } }) => {
  const orders = asset({ key: 'shop/orders', io: jsonFiles({ folder: 'values' }), freshness: { within: '1 second' }, run: () => 1 })
  await publishManifest(pool, manifestOf(createLocation([orders])), 'v1', undefined)
  const epoch = (await lead(pool, 'producers', crypto.randomUUID(), 600_000)) ?? ''
  const watch = createFreshnessWatch()
  let waits = 0
  for (let next = await watch({ pool, logger: testLogger }, epoch); (await pool.query(read, ['shop/orders'])).rowCount === 0; waits += 1) {
    // Nothing falls due before, as nothing is materialized.
    expect(next).toBeLessThanOrEqual(1001)
    await sleep(Math.ceil(next ?? 0))
    next = await watch({ pool, logger: testLogger }, epoch)
  }
  expect(waits).toBeLessThan(4)
  expect((await pool.query<{ state: string }>(read, ['shop/orders'])).rows).toMatchObject([{ state: 'overdue', level: 'error' }])
})

test('an asset falls due and is made fresh again, each told by an event', async () => {
  const engine = await startEngine({ backend: 'postgres', producers: 'all' })
  const orders = asset({ key: 'shop/orders', io: jsonFiles({ folder: await temporaryFolder() }), freshness: { within: '2 seconds' }, run: () => 1 })
  await engine.define([orders])
  const events = () => engine.query<{ state: string; message: string; at: Date }>(read, ['shop/orders'])
  await waitFor(async () => (await events()).length === 1, { what: 'it to be overdue', timeoutMs: 60_000 })
  const made: Date[] = []
  await waitFor(
    async () => {
      await engine.succeed('*')
      made.push((await engine.value('SELECT materialized_at FROM millrace.asset')) as Date)
      return (await events()).length >= 2
    },
    { what: 'it to be fresh', timeoutMs: 60_000 },
  )
  await waitFor(async () => (await events()).length >= 3, { what: 'it to be overdue again', timeoutMs: 60_000 })
  const [first, second, third] = await events()
  expect([first, second, third]).toMatchObject([
    { state: 'overdue', message: 'shop/orders is overdue (within 2 seconds). It was never materialized.' },
    { state: 'fresh' },
    { state: 'overdue', message: expect.stringContaining('It was last materialized at') as string },
  ])
  // Where the machine is slow it may have fallen due between two of them.
  const last = made.findLast((at) => at < (third?.at ?? at))
  expect(Number(third?.at) - Number(last)).toBeGreaterThanOrEqual(2000)
})
