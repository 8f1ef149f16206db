import { DataError } from '../../../src/errors.ts'
import { postgres } from '../../../src/sources/postgres.ts'
import { describe, expect, test, waitFor } from '../../support/test.ts'
import { collect, failureOf, sourceErrorOf } from '../failure.ts'
import { readAll, recordsOf } from './read.ts'

const readersOf = `SELECT pid, state, query FROM pg_stat_activity WHERE application_name = 'millrace source' AND datname = current_database()`

describe('a query', () => {
  test('keeps its order, its names and its own way of ending', async ({ database }) => {
    const query = `SELECT n AS "Größe", n * 2 AS twice FROM generate_series(3, 1, -1) n ORDER BY n DESC; -- the end\n ;`
    await expect(readAll({ url: database.url, query: query.replace('; -- the end\n', ' -- the end\n') })).resolves.toEqual([
      { Größe: 3, twice: 6 },
      { Größe: 2, twice: 4 },
      { Größe: 1, twice: 2 },
    ])
  })

  test('of no rows has no pages', async ({ database }) => {
    await expect(collect(postgres({ url: database.url, query: 'SELECT 1 AS a WHERE false' }))).resolves.toEqual([])
  })

  test('is read in pages of whole rows, about as large as asked for, each with what belongs to it', async ({ database }) => {
    const pages = await collect(
      postgres({
        url: database.url,
        query: `SELECT n, CASE n % 3 WHEN 0 THEN NULL ELSE repeat('x', n % 500) END AS text FROM generate_series(1, 20000) n`,
        pageBytes: 100_000,
        extra: { tenant: 'a' },
      }),
    )
    expect(pages.length).toBeGreaterThan(10)
    expect(pages.every(({ extra }) => JSON.stringify(extra) === '{"tenant":"a"}')).toBe(true)
    const records = pages.flatMap(recordsOf)
    expect(records).toEqual(
      Array.from({ length: 20_000 }, (_, index) => ({ n: index + 1, text: (index + 1) % 3 === 0 ? null : 'x'.repeat((index + 1) % 500) })),
    )
  })

  test('sees one moment, whatever is committed while it is read', async ({ database }) => {
    await database.pool.query('CREATE TABLE moving (id int); INSERT INTO moving SELECT generate_series(1, 50000)')
    const query = 'SELECT id, (SELECT count(*) FROM moving) AS seen FROM moving'
    const seen: unknown[] = []
    for await (const page of postgres({ url: database.url, query, pageBytes: 10_000 })) {
      if (seen.length === 0) await database.pool.query('DELETE FROM moving WHERE id > 10')
      seen.push(...recordsOf(page))
    }
    expect(seen).toHaveLength(50_000)
    expect(seen.at(-1)).toEqual({ id: 50_000, seen: 50_000n })
  })

  test('takes values of every kind, and finds its parameters among what only looks like one', async ({ database }) => {
    const query = `
      SELECT $1::text AS text, $2::bigint AS big, $3 + 1 AS sum, $4::bool AS flag, $5::timestamptz AS moment, $6::bytea AS bytes, $7::text[] AS list, $8::jsonb AS json,
             $9::int AS nothing, '$1' AS quoted, E'\\'$2' AS escaped, $x$ $3 $$ $x$ AS dollars, 1 AS "a $4" -- $5
             /* $6 /* $7 */ $8 */, $1 || '!' AS again, $10::numeric AS amount`
    const moment = new Date('2024-02-29T12:00:00.123Z')
    const values = [`it's \\ "x"`, 2n ** 60n, 41, true, moment, Uint8Array.of(0, 255), ['a"b', null, 'c\\d'], { a: [1] }, null, '1.10']
    await expect(readAll({ url: database.url, query, values })).resolves.toEqual([
      {
        text: `it's \\ "x"`,
        big: 2n ** 60n,
        sum: 42,
        flag: true,
        moment: '2024-02-29T12:00:00.123000Z',
        bytes: Buffer.from([0, 255]),
        list: ['a"b', null, 'c\\d'],
        json: { a: [1] },
        nothing: null,
        quoted: '$1',
        escaped: "'$2",
        dollars: ' $3 $$ ',
        'a $4': 1,
        again: `it's \\ "x"!`,
        amount: '1.10',
      },
    ])
  })

  test.for([
    ['SELECT 1 AS a, 2 AS a', [], 'POSTGRES_COLUMN_TWICE'],
    ['SELECT $1::int AS a', [], 'POSTGRES_VALUES'],
    ['SELECT 1 AS a', [1], 'POSTGRES_VALUES'],
    ['SELECT', [], 'POSTGRES_COLUMNS'],
    ['SELECT $1::text AS a', ['\0'], 'POSTGRES_VALUE'],
  ] as const)('%s with values %j is refused', async ([query, values, code], { database }) => {
    await expect(readAll({ url: database.url, query, values })).rejects.toMatchObject({ code, retryable: false })
  })

  test('that is wrong, fails on its way, or writes, is not tried again', async ({ database }) => {
    await database.pool.query('CREATE TABLE kept (id int)')
    for (const query of ['SELECT nonsense FROM nowhere', 'SELECT 1 / (n - 40000) AS a FROM generate_series(1, 50000) n', `SELECT nextval('pg_class') AS a`]) {
      expect(await sourceErrorOf(readAll({ url: database.url, query }))).toMatchObject({ code: 'POSTGRES_QUERY', retryable: false })
    }
    const writing = `WITH gone AS (INSERT INTO kept VALUES (1) RETURNING id) SELECT * FROM gone`
    await sourceErrorOf(readAll({ url: database.url, query: writing }))
    expect((await database.pool.query('SELECT * FROM kept')).rowCount).toBe(0)
  })

  test('has rows of no more than the largest size allowed, and holds no larger one', async ({ database }) => {
    const query = `SELECT repeat('x', CASE n WHEN 3 THEN 3000000 ELSE 10 END) AS a FROM generate_series(1, 4) n`
    const error = await failureOf(readAll({ url: database.url, query, maxRecordBytes: 1_000_000 }))
    expect(error).toBeInstanceOf(DataError)
    expect(error).toMatchObject({ code: 'RECORD_TOO_LARGE', message: expect.stringContaining('Row 3') })
    await expect(readAll({ url: database.url, query })).resolves.toHaveLength(4)
  })
})

describe('the connection of a query', () => {
  test('ends when all is read, when reading is given up, and when it is cancelled', async ({ database }) => {
    const none = async () => (await database.pool.query(readersOf)).rowCount === 0
    await readAll({ url: database.url, query: 'SELECT 1 AS a' })
    await waitFor(none, { what: 'the reader to be gone' })

    const long = `SELECT n, repeat('x', 1000) AS x FROM generate_series(1, 1000000) n`
    for await (const page of postgres({ url: database.url, query: long })) if (recordsOf(page).length > 0) break
    await waitFor(none, { what: 'the reader that was left to be gone' })

    const controller = new AbortController()
    const reason = new Error('enough')
    const sleeping = readAll({ url: database.url, query: 'SELECT pg_sleep(60)::text AS a', signal: controller.signal })
    await waitFor(async () => (await database.pool.query(`${readersOf} AND query LIKE '%pg_sleep%' AND state = 'active'`)).rowCount === 1, {
      what: 'the query to sleep',
    })
    controller.abort(reason)
    expect(await failureOf(sleeping)).toBe(reason)
    // A backend that sleeps looks at no socket: it was told.
    await waitFor(none, { what: 'the cancelled reader to be gone' })
    expect(await failureOf(readAll({ url: database.url, query: 'SELECT 1 AS a', signal: controller.signal }))).toBe(reason)
  })

  test('that is killed in the middle, or before, can be tried again', async ({ database }) => {
    const query = `SELECT n, repeat('x', 1000) AS x FROM generate_series(1, 1000000) n`
    const kill = `SELECT pg_terminate_backend(pid) FROM (${readersOf}) readers`
    const reading = async () => {
      let pages = 0
      for await (const page of postgres({ url: database.url, query })) if ((pages += recordsOf(page).length > 0 ? 1 : 0) === 2) await database.pool.query(kill)
    }
    const error = await sourceErrorOf(reading())
    expect(error).toMatchObject({ code: 'POSTGRES_LOST', retryable: true })
  })

  test('that is silent for too long, or whose statement takes too long, says which setting says so', async ({ database }) => {
    const query = 'SELECT pg_sleep(60)::text AS a'
    const silent = await sourceErrorOf(readAll({ url: database.url, query, idleTimeoutMs: 200 }))
    expect(silent).toMatchObject({ code: 'POSTGRES_SILENT', retryable: true, hint: expect.stringContaining('idleTimeoutMs') })
    const late = await sourceErrorOf(readAll({ url: database.url, query, statementTimeoutMs: 200 }))
    expect(late).toMatchObject({ code: 'POSTGRES_TIMEOUT', retryable: true, hint: expect.stringContaining('statementTimeoutMs') })
    await waitFor(async () => (await database.pool.query(readersOf)).rowCount === 0, { what: 'the readers to be gone' })
  })

  test('is not ended by the time-outs of idle transactions while its reader is slow', async ({ database }) => {
    const name = new URL(database.url).pathname.slice(1)
    await database.pool.query(`ALTER DATABASE ${name} SET idle_in_transaction_session_timeout = '10ms'; CREATE TABLE slow (id int PRIMARY KEY)`)
    await database.pool.query('INSERT INTO slow SELECT generate_series(1, 1000)')
    let rows = 0
    for await (const page of postgres({ url: database.url, table: 'slow', chunkRows: 100, parallel: 2, pageBytes: 1 })) {
      rows += recordsOf(page).length
      if (rows === 100) await database.pool.query('SELECT pg_sleep(0.05)')
    }
    expect(rows).toBe(1000)
    await database.pool.query(`ALTER DATABASE ${name} RESET idle_in_transaction_session_timeout`)
  })
})
