import * as z from 'zod'
import { analyzeSwapped } from '../../src/warehouse/replace.ts'
import { expect, test } from '../support/test.ts'
import { drive } from './drive-load.ts'

const rows = Array.from({ length: 600 }, (_, id) => ({ id }))

test('a swap looks at a tenth of the usual, and leaves the session as it was', async ({ database: { pool } }) => {
  const looked = async () =>
    (await pool.query(`SELECT histogram_bounds::text::text[] AS bounds FROM pg_stats WHERE tablename = 'swapped'`)).rows[0]?.bounds.length
  const { result } = await drive(pool, { key: 'looked/swapped', columns: z.object({ id: z.int() }), write: { disposition: 'replace' } }, rows)
  expect([result.how, await looked()]).toEqual(['swapped', 11])

  const [client, holder] = [await pool.connect(), await pool.connect()]
  try {
    expect((await client.query('SHOW default_statistics_target')).rows).toEqual([{ default_statistics_target: '100' }])
    await client.query(`SET statement_timeout = '10s'`)
    await holder.query(`BEGIN; LOCK TABLE looked.swapped IN SHARE UPDATE EXCLUSIVE MODE`)
    // It waits for nobody.
    await analyzeSwapped(client, { schema: 'looked', name: 'swapped' })
    expect(await looked()).toBe(11)
    await holder.query('ROLLBACK')
    await analyzeSwapped(client, { schema: 'looked', name: 'swapped' })
    expect(await looked()).toBe(101)
    // Nor does it mind that the table is gone.
    await client.query('DROP TABLE looked.swapped')
    await analyzeSwapped(client, { schema: 'looked', name: 'swapped' })
    await client.query('RESET statement_timeout')
  } finally {
    holder.release()
    client.release()
  }
})
