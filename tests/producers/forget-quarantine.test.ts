import { forgetQuarantine } from '../../src/catalog/forget-quarantine.ts'
import { startProducers } from '../../src/producers/producers.ts'
import { seedLocation, seedQuarantine, seedRun, seedStep } from '../board/seed.ts'
import { testLogger } from '../support/engine.ts'
import { beforeAll, createDatabase, describe, expect, onTestFinished, queuePrefix, test, waitFor } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'

describe('quarantine', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createDatabase()
    return () => database.pool.end()
  })
  const step = async (status: string): Promise<string> => {
    const runId = await seedRun(database.pool, { location: 'old', status: 'succeeded' })
    return seedStep(database.pool, { runId, location: 'old', asset: 'old/rows', status })
  }

  test('loses what is older than its days, and nothing that is being redriven or belongs to a step that goes on', async () => {
    const { pool } = database
    await seedLocation(pool, 'old')
    const [loaded, failed, going] = [await step('succeeded'), await step('failed'), await step('retrying')]
    const records = {
      kept: await seedQuarantine(pool, loaded, { index: 0, daysAgo: 50 }),
      keptLonger: await seedQuarantine(pool, loaded, { index: 1, daysAgo: 100 }),
      taken: await seedQuarantine(pool, loaded, { index: 2, daysAgo: 100, redrivenBy: going }),
      takenInVain: await seedQuarantine(pool, loaded, { index: 3, daysAgo: 100, redrivenBy: failed }),
      discarded: await seedQuarantine(pool, loaded, { index: 4, daysAgo: 31, state: 'discarded' }),
      discardedLater: await seedQuarantine(pool, loaded, { index: 5, daysAgo: 29, state: 'discarded' }),
      redriven: await seedQuarantine(pool, loaded, { index: 6, daysAgo: 31, state: 'redriven', redrivenBy: loaded }),
      ofNoLoad: await seedQuarantine(pool, failed, { index: 0, daysAgo: 31 }),
      ofStepThatGoesOn: await seedQuarantine(pool, going, { index: 0, daysAgo: 100 }),
      young: await seedQuarantine(pool, loaded, { index: 7 }),
    }
    const left = async (): Promise<string[]> => {
      const { rows } = await pool.query<{ id: string }>('SELECT id::text AS id FROM millrace.quarantine')
      return Object.entries(records).flatMap(([name, id]) => (rows.some((row) => row.id === id) ? [name] : []))
    }
    expect(await forgetQuarantine(pool, { kept: 0, settled: 0 }, '0')).toEqual({ removed: 0, next: undefined })
    expect(await forgetQuarantine(pool, { kept: 0, settled: 30 }, '0')).toEqual({ removed: 3, next: undefined })
    expect(await left()).toEqual(['kept', 'keptLonger', 'taken', 'takenInVain', 'discardedLater', 'ofStepThatGoesOn', 'young'])
    expect((await pool.query(`SELECT 1 FROM millrace.event WHERE kind = 'quarantine'`)).rowCount).toBe(0)
    expect(await forgetQuarantine(pool, { kept: 60, settled: 30 }, '0')).toEqual({ removed: 2, next: undefined })
    expect(await left()).toEqual(['kept', 'taken', 'discardedLater', 'ofStepThatGoesOn', 'young'])
    const { rows } = await pool.query(`SELECT level, asset, message FROM millrace.event WHERE kind = 'quarantine'`)
    expect(rows).toEqual([{ level: 'warn', asset: 'old/rows', message: '2 records that nobody redrove were removed from quarantine after 60 days.' }])
  })

  test('is gone through by the producers that lead', async () => {
    const { pool, url } = database
    await seedLocation(pool, 'old')
    const id = await seedQuarantine(pool, await step('succeeded'), { daysAgo: 31, state: 'discarded' })
    const quarantineDays = { kept: 0, settled: 30 }
    const producers = await startProducers({ databaseUrl: url, redisUrl: undefined, queuePrefix, leaseMs: 8000, logger: testLogger, quarantineDays })
    onTestFinished(() => producers.stop())
    await waitFor(async () => (await pool.query('SELECT 1 FROM millrace.quarantine WHERE id = $1', [id])).rowCount === 0, { what: 'the record to go' })
  })

  test('is gone through in batches, each after the one before', async () => {
    const { pool } = database
    await seedLocation(pool, 'old')
    const id = await step('succeeded')
    await pool.query(
      `INSERT INTO millrace.quarantine (step_id, run_id, location, asset, version, generation, ordinal, record_index, place, record, tagged, issues, state, at)
       SELECT id, run_id, location, asset, version, 1, 1, n, 'somewhere', '1', false, '[]', 'discarded', clock_timestamp() - interval '40 days'
       FROM millrace.step, generate_series(1, 2500) n WHERE id = $1`,
      [id],
    )
    let removed = 0
    let batches = 0
    for (let after: string | undefined = '0'; after !== undefined; batches += 1) {
      const done = await forgetQuarantine(pool, { kept: 0, settled: 30 }, after)
      removed += done.removed
      after = done.next
    }
    expect([removed, batches]).toEqual([2500, 3])
  })
})
