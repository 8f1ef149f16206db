import type pg from 'pg'
import * as z from 'zod'
import { describe, expect, onTestFinished, test } from '../support/test.ts'
import { drive } from './drive-load.ts'

const columns = z.object({ id: z.int(), name: z.string() })
const devices = (name: string) => ({ key: `shop/${name}`, columns, primaryKey: ['id'] }) as const
const rows = (from: number, to: number): object[] =>
  Array.from({ length: to - from + 1 }, (_, index) => ({ id: from + index, name: `n${String(from + index)}` }))

async function idsOf(pool: pg.Pool, name: string): Promise<number[]> {
  const { rows: found } = await pool.query<{ id: string }>(`SELECT id FROM shop.${name} ORDER BY id`)
  return found.map(({ id }) => Number(id))
}

describe('the first load of an appended table', () => {
  test('becomes the table, with its key; the next one is added to it', async ({ database: { pool } }) => {
    const first = await drive(pool, devices('plain'), rows(1, 3))
    expect(first.result).toMatchObject({ rows: 3, disposition: 'append', how: 'swapped' })
    const second = await drive(pool, devices('plain'), rows(4, 5))
    expect(second.result).toMatchObject({ rows: 2, disposition: 'append' })
    expect(second.result.how).toBeUndefined()
    expect(await idsOf(pool, 'plain')).toEqual([1, 2, 3, 4, 5])
    await expect(pool.query(`INSERT INTO shop.plain VALUES (3, 'again')`)).rejects.toMatchObject({ code: '23505' })
  })

  test.for([
    ['pointed', 'another table points at it', `CREATE TABLE shop.owner (device bigint REFERENCES shop.pointed (id))`],
    ['viewed', 'a view reads it', `CREATE VIEW shop.viewed_names AS SELECT name FROM shop.viewed`],
    ['watched', 'it has a trigger', `CREATE TRIGGER watch BEFORE UPDATE ON shop.watched FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`],
  ])('is added to %s where a swap would lose something: %s', async ([name = '', , statement = ''], { database: { pool } }) => {
    await drive(pool, devices(name), [])
    await pool.query(statement)
    const { rows: before } = await pool.query(`SELECT $1::regclass::oid AS oid`, [`shop.${name}`])
    const loaded = await drive(pool, devices(name), rows(1, 3))
    expect(loaded.result.how).toBeUndefined()
    expect(await idsOf(pool, name)).toEqual([1, 2, 3])
    expect((await pool.query(`SELECT $1::regclass::oid AS oid`, [`shop.${name}`])).rows).toEqual(before)
  })

  test('is added where somebody else is writing to the table', async ({ database: { pool } }) => {
    await drive(pool, devices('written'), [])
    const other = await pool.connect()
    onTestFinished(() => other.release())
    await other.query(`BEGIN; INSERT INTO shop.written VALUES (9, 'theirs')`)
    const loaded = await drive(pool, devices('written'), rows(1, 2))
    await other.query('COMMIT')
    expect(loaded.result.how).toBeUndefined()
    expect(await idsOf(pool, 'written')).toEqual([1, 2, 9])
  })

  test('of which a key comes twice leaves one of them where runs may overlap', async ({ database: { pool } }) => {
    const followed = { ...devices('followed'), cursor: { field: 'id', initial: 0 } }
    const loaded = await drive(pool, followed, [...rows(1, 3), ...rows(2, 2)])
    expect(loaded.result).toMatchObject({ rows: 4, inserted: 3, unchanged: 1 })
    expect(await idsOf(pool, 'followed')).toEqual([1, 2, 3])
    const fresh = await drive(pool, { ...devices('followed_anew'), cursor: { field: 'id', initial: 0 } }, rows(1, 3))
    expect(fresh.result).toMatchObject({ inserted: 3, unchanged: 0, how: 'swapped' })
  })
})
