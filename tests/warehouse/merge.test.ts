import type pg from 'pg'
import * as z from 'zod'
import { mergeSql, upsertSql } from '../../src/warehouse/merge-sql.ts'
import type { MergeSource } from '../../src/warehouse/merge-sql.ts'
import { describe, expect, onTestFinished, test, waitFor } from '../support/test.ts'
import { drive, specOf } from './drive-load.ts'

const columns = z.object({ id: z.int(), name: z.string(), seen: z.int().nullable(), gone: z.boolean() })
const devices = (name: string) => ({
  key: `merging/${name}`,
  columns,
  primaryKey: ['id'],
  write: { disposition: 'merge' as const, newestBy: 'seen' as const, deletedBy: 'gone' as const },
})
const row = (id: number, name: string, seen: number | null = 1, gone = false) => ({ id, name, seen, gone })

async function namesOf(pool: pg.Pool, table: string): Promise<Record<string, string>> {
  const { rows } = await pool.query<{ id: string; name: string }>(`SELECT id, name FROM merging.${table} ORDER BY id`)
  return Object.fromEntries(rows.map(({ id, name }) => [id, name]))
}

// Which of them runs is a matter of the server's version, and of what others do.
const statements: readonly (readonly [string, (source: MergeSource, partitioned: boolean) => string])[] = [
  ['MERGE', mergeSql],
  ['INSERT … ON CONFLICT', upsertSql],
]

describe.for(statements)('%s', ([, statementOf]) => {
  test.for([
    ['a plain table', false, ''],
    ['a partitioned table', true, 'PARTITION BY RANGE (id)'],
  ] as const)('writes what differs into %s, leaves the rest alone, and counts each key once', async ([, partitioned, how], { database: { pool } }) => {
    const client = await pool.connect()
    onTestFinished(() => client.release())
    await client.query('DROP SCHEMA IF EXISTS merging CASCADE; CREATE SCHEMA merging')
    const type = '(id bigint, name text, seen bigint, gone boolean'
    await client.query(`CREATE TABLE merging.t ${type}, PRIMARY KEY (id)) ${how}`)
    if (partitioned) {
      await client.query(
        'CREATE TABLE merging.t_low PARTITION OF merging.t FOR VALUES FROM (0) TO (4); CREATE TABLE merging.t_high PARTITION OF merging.t DEFAULT',
      )
    }
    await client.query(`CREATE TABLE merging.s ${type})`)
    await client.query(
      `INSERT INTO merging.t VALUES (1, 'a', 2, false), (2, 'b', 2, false), (3, 'c', 2, false), (4, 'd', 2, false), (5, 'e', 2, false), (6, 'f', NULL, false)`,
    )
    await client.query(
      `INSERT INTO merging.s VALUES (1, 'alike', 2, false), (2, 'older', 1, false), (3, 'flagged', 2, true), (4, 'older and flagged', 1, true), (5, 'e', 2, NULL),
        (6, 'dated', 1, false), (7, 'new', 1, NULL), (8, 'never there', 1, true), (9, 'undated', NULL, false)`,
    )
    await client.query(`UPDATE merging.s SET name = 'a' WHERE id = 1`)
    const versions = async () => (await client.query('SELECT id, xmin, xmax FROM merging.t WHERE id IN (1, 2, 4) ORDER BY id')).rows
    const before = await versions()
    const { rows } = await client.query(
      statementOf({ table: specOf(devices('t')).table, rows: 'NOT MATERIALIZED (TABLE merging.s)', count: '(SELECT count(*) FROM source)' }, partitioned),
    )
    expect(rows).toEqual([{ inserted: '2', updated: '2', deleted: '1', unchanged: '4' }])
    expect(await namesOf(pool, 't')).toEqual({ 1: 'a', 2: 'b', 4: 'd', 5: 'e', 6: 'dated', 7: 'new', 9: 'undated' })
    expect(await versions()).toEqual(before)
  })
})

describe('what somebody else writes to the table while it is merged', () => {
  /** Merges a row while another session has done something in a transaction, which is committed once the merge waits for it. */
  async function meanwhile(pool: pg.Pool, name: string, statement: string, merged: object) {
    await drive(pool, devices(name), [row(1, 'a', 1)])
    const other = await pool.connect()
    onTestFinished(() => other.release())
    await other.query('BEGIN')
    await other.query(statement)
    const { rows } = await other.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const merging = drive(pool, devices(name), [merged])
    await waitFor(async () => (await pool.query('SELECT 1 FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))', [rows[0]?.pid])).rowCount === 1, {
      what: 'the merge to wait',
    })
    await other.query('COMMIT')
    const { result } = await merging
    return { inserted: result.inserted, updated: result.updated, deleted: result.deleted, unchanged: result.unchanged }
  }

  test('a key inserted meanwhile is updated', async ({ database: { pool } }) => {
    const counts = await meanwhile(pool, 'inserted', `INSERT INTO merging.inserted VALUES (2, 'theirs', 1, false)`, row(2, 'ours', 2))
    expect(counts).toEqual({ inserted: 0, updated: 1, deleted: 0, unchanged: 0 })
    expect(await namesOf(pool, 'inserted')).toEqual({ 1: 'a', 2: 'ours' })
  })

  test('a row deleted meanwhile is there again', async ({ database: { pool } }) => {
    await meanwhile(pool, 'deleted', 'DELETE FROM merging.deleted', row(1, 'ours', 2))
    expect(await namesOf(pool, 'deleted')).toEqual({ 1: 'ours' })
  })

  test('a row that became newer meanwhile stays', async ({ database: { pool } }) => {
    const counts = await meanwhile(pool, 'newer', `UPDATE merging.newer SET name = 'theirs', seen = 3`, row(1, 'ours', 2))
    expect(counts).toEqual({ inserted: 0, updated: 0, deleted: 0, unchanged: 1 })
    expect(await namesOf(pool, 'newer')).toEqual({ 1: 'theirs' })
  })
})
