import type { Json } from '../../../src/definitions/json.ts'
import { postgres } from '../../../src/sources/postgres.ts'
import { describe, expect, test } from '../../support/test.ts'
import type { TestDatabase } from '../../support/test.ts'
import { collect, failureOf } from '../failure.ts'
import { readAll, recordsOf } from './read.ts'

/** A table of 2,000 rows whose key is of two columns, laid down in no order. */
async function orders({ pool }: TestDatabase): Promise<void> {
  await pool.query(`
    CREATE SCHEMA IF NOT EXISTS shop; DROP TABLE IF EXISTS shop."Orders";
    CREATE TABLE shop."Orders" (note text, "Line" int NOT NULL, placed timestamptz NOT NULL, code text UNIQUE, ref uuid NOT NULL UNIQUE, PRIMARY KEY (placed, "Line"));
    INSERT INTO shop."Orders" SELECT CASE n % 7 WHEN 0 THEN NULL ELSE repeat('n', n % 90) END, n % 5, '2024-01-01'::timestamptz + (n / 5) * interval '1.000001 s', n, md5(n::text)::uuid
    FROM generate_series(0, 1999) n ORDER BY md5(n::text)`)
}
const table = 'shop."Orders"'

async function expected({ pool }: TestDatabase, order = 'placed, "Line"'): Promise<unknown[]> {
  const { rows } = await pool.query<{ row: string }>(`SELECT code AS row FROM ${table} ORDER BY ${order}`)
  return rows.map(({ row }) => row)
}
const codes = (records: readonly unknown[]): unknown[] => records.map((record) => (record as { code: string }).code)

describe('a table', () => {
  test('is read whole, in the order of its primary key, chunk by chunk', async ({ database }) => {
    await orders(database)
    const records = await readAll({ url: database.url, table, chunkRows: 300, pageBytes: 2000 })
    expect(codes(records)).toEqual(await expected(database))
    expect(Object.keys(records[0] as object)).toEqual(['note', 'Line', 'placed', 'code', 'ref'])
  })

  test('goes on after any of its pages, by one connection or by several, with no row twice or left out', async ({ database }) => {
    await orders(database)
    const all = await expected(database)
    for (const parallel of [1, 3]) {
      const options = { url: database.url, table, columns: ['code'], chunkRows: 200, pageBytes: 2000, parallel }
      const pages = await collect(postgres(options))
      expect(codes(pages.flatMap(recordsOf))).toEqual(all)
      let read = 0
      for (const [index, page] of pages.entries()) {
        read += recordsOf(page).length
        expect(page.position).toBeDefined()
        // As it comes back from the catalogue.
        const position = JSON.parse(JSON.stringify(page.position)) as Json
        if (index % 6 === 0 || index === pages.length - 1) expect(codes(await readAll({ ...options, position }))).toEqual(all.slice(read))
      }
    }
  })

  test('is read by another key, of columns that are asked for or not', async ({ database }) => {
    await orders(database)
    const records = await readAll({ url: database.url, table, columns: ['code', 'note'], chunkBy: ['ref'], chunkRows: 400, parallel: 2 })
    expect(codes(records)).toEqual(await expected(database, 'ref'))
    expect(Object.keys(records[0] as object)).toEqual(['code', 'note', 'ref'])
  })

  test('of keys of many types goes on where it was', async ({ database }) => {
    const types = {
      bigint: `n::bigint * 1000000000000`,
      numeric: `n / 7.0`,
      float8: `n / 7.0::float8`,
      real: `n / 7.0::real`,
      text: `repeat('x', n % 3) || E'\\'\\\\,"' || n`,
      bytea: `decode(md5(n::text), 'hex')`,
      date: `'2024-01-01'::date + n`,
      timestamp: `'2024-01-01'::timestamp + n * interval '0.000001 s'`,
      'char(8)': `n::text`,
      inet: `'10.0.0.0'::inet + n`,
      tone: `'t' || n`,
    }
    await database.pool.query(`CREATE TYPE tone AS ENUM (${Array.from({ length: 100 }, (_, index) => `'t${String(index)}'`).join(', ')})`)
    for (const [type, sql] of Object.entries(types)) {
      await database.pool.query(
        `DROP TABLE IF EXISTS keyed; CREATE TABLE keyed (k ${type} PRIMARY KEY, n int); INSERT INTO keyed SELECT (${sql})::${type}, n FROM generate_series(0, 99) n`,
      )
      const { rows } = await database.pool.query('SELECT n FROM keyed ORDER BY k')
      for (const parallel of [1, 2]) {
        const options = { url: database.url, table: 'keyed', columns: ['n'], chunkRows: 7, parallel }
        const pages = await collect(postgres(options))
        expect(
          pages.flatMap(recordsOf).map((record) => (record as { n: number }).n),
          type,
        ).toEqual(rows.map(({ n }) => n as number))
        const rest = await readAll({ ...options, position: pages[4]?.position })
        expect(rest, type).toHaveLength(100 - pages.slice(0, 5).flatMap(recordsOf).length)
      }
    }
  })

  test('shows all its connections one moment, whatever is committed meanwhile', async ({ database }) => {
    await database.pool.query('CREATE TABLE still (id int PRIMARY KEY, version int); INSERT INTO still SELECT n, 1 FROM generate_series(1, 300) n')
    const stop = new AbortController()
    // Also between the first of its connections and the last.
    const writing = (async () => {
      while (!stop.signal.aborted) await database.pool.query('UPDATE still SET version = version + 1')
    })()
    const records = await readAll({ url: database.url, table: 'still', chunkRows: 20, parallel: 6 })
    stop.abort()
    await writing
    expect(records).toHaveLength(300)
    expect(new Set(records.map((record) => (record as { version: number }).version)).size).toBe(1)
  })

  test('without a key is read whole, and its pages have no position', async ({ database }) => {
    await database.pool.query('CREATE TABLE heap AS SELECT n FROM generate_series(1, 1000) n')
    const pages = await collect(postgres({ url: database.url, table: 'heap', parallel: 2, chunkRows: 10 }))
    expect(pages.flatMap(recordsOf)).toHaveLength(1000)
    expect(pages.every(({ position }) => position === undefined)).toBe(true)
  })

  test('that is empty has no pages', async ({ database }) => {
    await database.pool.query('CREATE TABLE bare (id int PRIMARY KEY)')
    for (const parallel of [1, 3]) await expect(collect(postgres({ url: database.url, table: 'bare', parallel }))).resolves.toEqual([])
  })

  test('is read on by its index, however much of it is left', async ({ database }) => {
    await database.pool.query(
      'CREATE TABLE scattered (id uuid PRIMARY KEY, pad text); INSERT INTO scattered SELECT md5(n::text)::uuid, repeat($$x$$, 100) FROM generate_series(1, 5000) n; ANALYZE scattered',
    )
    await database.pool.query('SELECT pg_stat_force_next_flush()')
    const scans = async () => (await database.pool.query<{ n: string }>(`SELECT seq_scan AS n FROM pg_stat_user_tables WHERE relname = 'scattered'`)).rows[0]?.n
    const before = await scans()
    await readAll({ url: database.url, table: 'scattered', chunkRows: 2000 })
    await readAll({ url: database.url, table: 'scattered', chunkRows: 2000, parallel: 2 })
    expect(await scans()).toBe(before)
  })

  test.for([
    [{ table: 'nowhere' }, 'POSTGRES_TABLE_MISSING'],
    [{ table: 'picky', chunkBy: ['maybe'] }, 'POSTGRES_NO_KEY'],
    [{ table: 'picky', chunkBy: ['part'] }, 'POSTGRES_NO_KEY'],
    [{ table: 'picky', chunkBy: ['id', 'other'] }, 'POSTGRES_NO_KEY'],
    [{ table: 'picky', columns: ['id', 'absent'] }, 'POSTGRES_QUERY'],
    [{ table: 'picky', parallel: 0 }, 'POSTGRES_PARALLEL'],
    [{ table: 'picky', chunkRows: 1.5 }, 'POSTGRES_PARALLEL'],
    [{ table: 'picky', position: { key: ['other'], after: ['1'] } }, 'POSTGRES_POSITION'],
    [{ table: 'picky', position: 7 }, 'POSTGRES_POSITION'],
  ] as const)('%j is refused with %s', async ([options, code], { database }) => {
    await database.pool.query(`
      CREATE TABLE IF NOT EXISTS picky (id int PRIMARY KEY, other int NOT NULL, maybe int UNIQUE, part int NOT NULL);
      CREATE UNIQUE INDEX IF NOT EXISTS picky_part ON picky (part) WHERE other > 0`)
    expect(await failureOf(readAll({ url: database.url, ...options }))).toMatchObject({ code, retryable: false, hint: expect.any(String) })
  })

  test('that fails by one of several connections fails, and ends them all', async ({ database }) => {
    await database.pool.query(
      'CREATE TABLE wide (id int PRIMARY KEY, pad text); INSERT INTO wide SELECT n, repeat($$x$$, 1000) FROM generate_series(1, 20000) n',
    )
    const mine = `FROM pg_stat_activity WHERE application_name = 'millrace source' AND datname = current_database()`
    const reading = async () => {
      let pages = 0
      for await (const page of postgres({ url: database.url, table: 'wide', chunkRows: 2000, parallel: 3, pageBytes: 100_000 })) {
        pages += recordsOf(page).length > 0 ? 1 : 0
        if (pages === 3) await database.pool.query(`SELECT pg_terminate_backend(pid) ${mine} AND query LIKE 'COPY%'`)
      }
    }
    expect(await failureOf(reading())).toMatchObject({ code: 'POSTGRES_LOST', retryable: true })
    await expect.poll(async () => (await database.pool.query(`SELECT pid ${mine}`)).rowCount).toBe(0)
  })
})
