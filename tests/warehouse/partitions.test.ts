import type pg from 'pg'
import * as z from 'zod'
import type { WriteOptions } from '../../src/definitions/table.ts'
import { expect, test } from '../support/test.ts'
import { drive } from './drive-load.ts'

const Row = z.object({ id: z.int(), at: z.iso.datetime({ offset: true }), name: z.string().nullable() })
const row = (id: number, at: string, name = `name ${String(id)}`) => ({ id, at, name })

let names = 0
const newName = (): string => `t${String(++names)}`

async function partitionsOf(pool: pg.Pool, name: string): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(`SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = to_regclass($1) ORDER BY 1`, [
    `parts.${name}`,
  ])
  return rows.map((one) => one.name.replace(`parts.${name}_`, ''))
}

/** Labels of the present period and of one after it, by the database's clock. */
async function presentAndNext(pool: pg.Pool, every: string, format: string): Promise<string[]> {
  const { rows } = await pool.query<{ label: string }>(
    `SELECT 'p' || to_char(p, '${format}') AS label FROM (SELECT now() AT TIME ZONE 'UTC' + n * interval '1 ${every}' AS p FROM generate_series(0, 1) n) s ORDER BY p`,
  )
  return rows.map((one) => one.label)
}

test.for([
  ['day', 'YYYYMMDD', ['p20251231', 'p20260101']],
  ['month', 'YYYYMM', ['p202512', 'p202601']],
  ['year', 'YYYY', ['p2025', 'p2026']],
] as const)('a table has partitions by %s, in UTC, for its rows and for what is ahead', async ([every, format, labels], { database: { pool } }) => {
  const name = newName()
  const definition = { key: `parts/${name}`, columns: Row, primaryKey: ['id', 'at'], indexes: ['name'], partitionBy: { field: 'at', every, ahead: 1 } }
  const { ddl } = await drive(pool, definition, [row(1, '2025-12-31T23:59:59.999999Z'), row(2, '2026-01-01T00:00:00Z'), row(3, '2025-12-31T23:00:00-02:00')])
  expect(ddl.filter((statement) => statement.includes('ATTACH PARTITION')).length).toBeGreaterThan(2)
  const all = [...new Set([...labels, ...(await presentAndNext(pool, every, format))])].toSorted()
  expect(await partitionsOf(pool, name)).toEqual(all)
  const { rows } = await pool.query(`SELECT id::int, tableoid::regclass::text AS part FROM parts.${name} ORDER BY id`)
  expect(rows).toEqual([1, 2, 3].map((id) => ({ id, part: `parts.${name}_${labels[id === 1 ? 0 : 1]}` })))
  expect((await drive(pool, definition, [row(4, '2026-01-01T12:00:00Z')])).ddl).toEqual([])
})

const dispositions: [string, WriteOptions, readonly number[], object][] = [
  ['append', { disposition: 'append' }, [1, 2, 2, 3], {}],
  ['replace', { disposition: 'replace' }, [2, 3], { how: 'in place: it is partitioned or inherits' }],
  ['merge', { disposition: 'merge' }, [1, 2, 3], { inserted: 1, updated: 1, unchanged: 0 }],
  ['snapshot', { disposition: 'snapshot' }, [1, 2, 2, 3], {}],
  ['scd2', { disposition: 'scd2' }, [1, 2, 2, 3], { inserted: 1, updated: 1, deleted: 1 }],
]
test.for(dispositions)('%s writes over partitions as over one table', async ([, write, ids, result], { database: { pool } }) => {
  const name = newName()
  const field = write.disposition === 'snapshot' ? 'snapshot_at' : write.disposition === 'scd2' ? 'valid_from' : 'at'
  const keyed = write.disposition === 'append' ? {} : { primaryKey: field === 'at' ? ['id', 'at'] : ['id'] }
  const definition = { key: `parts/${name}`, columns: Row, write, ...keyed, partitionBy: { field, every: 'month' as const, ahead: 0 }, fillfactor: 60 }
  await drive(pool, definition, [row(1, '2026-01-05T00:00:00Z'), row(2, '2026-02-05T00:00:00Z')], '2026-01-31T00:00:00Z')
  const second = await drive(pool, definition, [row(2, '2026-02-05T00:00:00Z', 'new'), row(3, '2026-03-05T00:00:00Z')], '2026-02-28T00:00:00Z')
  expect(second.result).toMatchObject(result)
  const { rows } = await pool.query<{ id: number }>(`SELECT id::int FROM parts.${name} ORDER BY id`)
  expect(rows.map((one) => one.id)).toEqual(ids)
  const { rows: spread } = await pool.query(`SELECT count(DISTINCT tableoid)::int AS n FROM parts.${name}`)
  expect(spread).toEqual([{ n: field === 'at' ? (ids.includes(1) ? 3 : 2) : 2 }])
  const again = await drive(pool, definition, [row(2, '2026-02-05T00:00:00Z', 'new'), row(3, '2026-03-05T00:00:00Z')], '2026-03-01T00:00:00Z')
  if (write.disposition === 'merge') expect(again.result).toMatchObject({ inserted: 0, updated: 0, unchanged: 2 })
  const { rows: kept } = await pool.query(
    `SELECT DISTINCT reloptions FROM pg_class WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'parts.${name}'::regclass)`,
  )
  expect(kept).toEqual([{ reloptions: ['fillfactor=60'] }])
})

test('a partitioned table is changed with its partitions, and they are unlogged where it says so', async ({ database: { pool } }) => {
  const name = newName()
  const definition = { key: `parts/${name}`, columns: Row, unlogged: true, partitionBy: { field: 'at', every: 'year' as const } }
  await drive(pool, definition, [row(1, '2020-01-01T00:00:00Z')])
  const wider = Row.extend({ more: z.enum(['x']).nullish().describe('more') })
  const { ddl } = await drive(pool, { ...definition, columns: wider, indexes: ['more'] }, [{ ...row(2, '2021-01-01T00:00:00Z'), more: 'x' }])
  expect(ddl.join('\n')).toMatch(/ADD COLUMN "more".*CREATE INDEX/s)
  expect((await drive(pool, { ...definition, columns: wider, indexes: ['more'] }, [])).ddl).toEqual([])
  const { rows } = await pool.query(
    `SELECT DISTINCT c.relpersistence FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'parts.${name}'::regclass`,
  )
  expect(rows).toEqual([{ relpersistence: 'u' }])
})

test('partitions that are no longer kept are dropped, and rows that go with them are counted', async ({ database: { pool } }) => {
  const name = newName()
  const definition = { key: `parts/${name}`, columns: Row, partitionBy: { field: 'at', every: 'day' as const, ahead: 0 } }
  await drive(pool, definition, [row(1, '2020-01-01T00:00:00Z')])
  await pool.query(
    `CREATE TABLE parts.${name}_p19000101 (LIKE parts.${name}); CREATE TABLE parts.${name}_by_hand PARTITION OF parts.${name} FOR VALUES FROM ('1999-01-01') TO ('2000-01-01')`,
  )
  const now = new Date().toISOString()
  const { ddl, result } = await drive(pool, { ...definition, partitionBy: { ...definition.partitionBy, keep: 3 } }, [
    row(2, '2020-01-02T00:00:00Z'),
    row(3, now),
  ])
  expect(result.expired).toBe(1)
  expect(ddl.filter((statement) => statement.startsWith('DROP'))).toEqual([`DROP TABLE "parts"."${name}_p20200101"`, `DROP TABLE "parts"."${name}_p20200102"`])
  expect(await partitionsOf(pool, name)).toHaveLength(2)
  expect((await pool.query(`SELECT id::int FROM parts.${name}`)).rows).toEqual([{ id: 3 }])
  expect((await pool.query(`SELECT to_regclass('parts.${name}_p19000101') IS NOT NULL AS stays`)).rows).toEqual([{ stays: true }])
})

test('readers of the table go on while partitions are made', async ({ database: { pool } }) => {
  const name = newName()
  const definition = { key: `parts/${name}`, columns: Row, partitionBy: { field: 'at', every: 'day' as const } }
  await drive(pool, definition, [row(1, '2026-01-01T00:00:00Z')])
  const reader = await pool.connect()
  try {
    await reader.query(`BEGIN; LOCK TABLE parts.${name} IN ACCESS SHARE MODE`)
    await drive(pool, definition, [row(2, '2026-01-02T00:00:00Z')])
    expect((await reader.query(`SELECT count(*)::int AS n FROM parts.${name}`)).rows).toEqual([{ n: 2 }])
    await reader.query('COMMIT')
  } finally {
    reader.release()
  }
})

test('thousands of partitions are refused as what they are, wrong times', async ({ database: { pool } }) => {
  const definition = { key: `parts/${newName()}`, columns: Row, partitionBy: { field: 'at', every: 'day' as const } }
  const rows = Array.from({ length: 1001 }, (_, index) => row(index, new Date(Date.UTC(1990, 0, 1 + index)).toISOString()))
  await expect(drive(pool, definition, rows)).rejects.toMatchObject({ code: 'PARTITIONS_TOO_MANY', message: expect.stringContaining('from 1990-01-01 to') })
})

test('a table that is there and not so partitioned is refused', async ({ database: { pool } }) => {
  const definition = { key: `parts/${newName()}`, columns: Row }
  await drive(pool, definition, [])
  const divided = { ...definition, partitionBy: { field: 'at', every: 'day' as const } }
  await expect(drive(pool, divided, [])).rejects.toMatchObject({
    code: 'SCHEMA_CHANGE_REFUSED',
    message: expect.stringContaining('is there already, and not partitioned'),
  })
  const daily = { ...divided, key: `parts/${newName()}` }
  await drive(pool, daily, [])
  await expect(drive(pool, { ...daily, partitionBy: { field: 'at', every: 'month' } }, [])).rejects.toMatchObject({
    code: 'SCHEMA_CHANGE_REFUSED',
    message: expect.stringContaining('would overlap partition'),
  })
})

test('a date, and a time without zone, are partitioned by as they stand', async ({ database: { pool } }) => {
  for (const [type, value] of [
    [z.iso.date(), '2026-01-31'],
    [z.string().meta({ postgres: 'timestamp' }), '2026-01-31 23:59:59'],
  ] as const) {
    const name = newName()
    const definition = { key: `parts/${name}`, columns: z.object({ id: z.int(), at: type }), partitionBy: { field: 'at', every: 'month' as const, ahead: 0 } }
    await drive(pool, definition, [{ id: 1, at: value }])
    expect(await partitionsOf(pool, name)).toContain('p202601')
    expect((await drive(pool, definition, [{ id: 2, at: value }])).ddl).toEqual([])
  }
})

test('a key without the time is an error when the definitions load', async ({ database: { pool } }) => {
  const definition = { key: 'parts/wrong', columns: Row, primaryKey: ['id'], partitionBy: { field: 'at', every: 'day' as const } }
  await expect(drive(pool, definition, [])).rejects.toThrow(/Postgres keeps a key within each partition only. Add the field to the key/)
})
