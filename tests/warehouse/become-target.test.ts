import type pg from 'pg'
import * as z from 'zod'
import { becomeTarget } from '../../src/warehouse/become-target.ts'
import { expect, onTestFinished, test } from '../support/test.ts'
import { drive, specOf } from './drive-load.ts'

const devices = (name: string) => ({ key: `become/${name}`, columns: z.object({ id: z.int(), name: z.string() }), primaryKey: ['id'], indexes: [['name']] })

interface Tried {
  readonly how: string | undefined
  /** What the target holds then. */
  readonly ids: readonly number[]
  readonly indexes: readonly string[]
  /** Of the load's own table, where it is still there. */
  readonly left: readonly string[]
  /** How many workers a query may have. */
  readonly workers: unknown
}

/** What comes of a table of one row that a load of others is to become. */
async function become(pool: pg.Pool, name: string, { rows, before = 'SELECT' }: { rows: string; before?: string }): Promise<Tried> {
  const { table } = specOf(devices(name))
  await drive(pool, devices(name), [{ id: 9, name: 'i' }])
  await pool.query(before)
  const client = await pool.connect()
  onTestFinished(async () => {
    await client.query('ROLLBACK')
    client.release()
  })
  await client.query('BEGIN')
  await client.query(`CREATE TABLE millrace_staging.s_${name} (id bigint NOT NULL, name text NOT NULL); INSERT INTO millrace_staging.s_${name} VALUES ${rows}`)
  const how = await becomeTarget(client, {
    stepId: '00000000-0000-0000-0000-000000000000',
    table,
    staging: { schema: 'millrace_staging', name: `s_${name}` },
    signal: new AbortController().signal,
  })
  const { rows: found } = await client.query<{ id: number }>(`SELECT id::int FROM become.${name} ORDER BY id`)
  const indexesOf = async (relation: string): Promise<readonly string[]> => {
    const { rows: definitions } = await client.query<{ indexdef: string }>(
      `SELECT indexdef FROM pg_indexes WHERE schemaname || '.' || tablename = $1 ORDER BY indexdef`,
      [relation],
    )
    return definitions.map(({ indexdef }) => indexdef)
  }
  const { rows: settings } = await client.query<{ workers: unknown }>(`SELECT current_setting('max_parallel_workers_per_gather') AS workers`)
  return {
    workers: settings[0]?.workers,
    how,
    ids: found.map(({ id }) => id),
    indexes: await indexesOf(`become.${name}`),
    left: await indexesOf(`millrace_staging.s_${name}`),
  }
}

test('a load with each key once becomes the table, with its key and its indexes', async ({ database: { pool } }) => {
  const tried = await become(pool, 'once', { rows: `(1, 'a'), (2, 'b')`, before: 'CREATE UNIQUE INDEX theirs ON become.once (lower(name)) WHERE id > 0' })
  expect(tried).toEqual({
    how: 'swapped',
    ids: [1, 2],
    indexes: [
      expect.stringMatching(/^CREATE INDEX once_name_\w+_idx ON become.once USING btree \(name\)$/),
      'CREATE UNIQUE INDEX once_pkey ON become.once USING btree (id)',
      'CREATE UNIQUE INDEX theirs ON become.once USING btree (lower(name)) WHERE (id > 0)',
    ],
    left: [],
    workers: '2',
  })
})

test.for([
  ['swapped', 'SELECT', 'a swap would do'],
  ['viewed', 'CREATE VIEW become.names AS SELECT name FROM become.viewed', 'a swap would lose something'],
  ['keyless', 'ALTER TABLE become.keyless DROP CONSTRAINT keyless_pkey', 'the table has lost its key'],
] as const)('a load with a key twice does not, and nothing is changed: %s', async ([name, before], { database: { pool } }) => {
  const tried = await become(pool, name, { rows: `(1, 'a'), (2, 'b'), (1, 'c')`, before })
  expect(tried).toMatchObject({ how: undefined, ids: [9], left: [], workers: '2' })
  expect(tried.indexes.length).toBe(name === 'keyless' ? 1 : 2)
})

test('what another unique index of the table refuses is an error', async ({ database: { pool } }) => {
  const refused = become(pool, 'unique', { rows: `(1, 'a'), (2, 'a')`, before: 'CREATE UNIQUE INDEX other ON become."unique" (name)' })
  await expect(refused).rejects.toMatchObject({ code: '23505', detail: expect.stringContaining('(name)=(a)') })
})
