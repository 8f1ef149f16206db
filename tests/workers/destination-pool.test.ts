import { createDestinationPool } from '../../src/workers/destination-pool.ts'
import { DestinationDownError } from '../../src/workers/destination-down.ts'
import { testLogger } from '../support/engine.ts'
import { startDatabaseRelay } from '../support/database-relay.ts'
import { describe, expect, onTestFinished, test } from '../support/test.ts'

describe('the connections of a destination', () => {
  const open = async (url: string) => {
    const relay = await startDatabaseRelay(url)
    const pool = createDestinationPool({ url: relay.url, maxConnections: 4, check: false, silenceMs: 200, logger: testLogger })
    onTestFinished(() => pool.close())
    const lent = await pool.lend()
    if ('delayMs' in lent) throw new Error(lent.reason)
    return { relay, pool, lent }
  }

  test('that wait for a server which vanished without a word are given up', async ({ database }) => {
    const { relay, pool, lent } = await open(database.url)
    const work = lent.use((client) => client.query('SELECT pg_sleep(60)'))
    relay.freeze()
    await expect(work).rejects.toBeInstanceOf(DestinationDownError)
    lent.release()
    expect(pool.outage).toBeDefined()
    await relay.start()
  })

  test('are left alone while the server answers others, however long they say nothing', async ({ database }) => {
    const { lent } = await open(database.url)
    await expect(lent.use((client) => client.query('SELECT pg_sleep(1.5)'))).resolves.toMatchObject({ rowCount: 1 })
    lent.release()
  })
})
