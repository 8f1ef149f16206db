import fc from 'fast-check'
import { postgresSeries } from '../../src/io/postgres-series.ts'
import { startDatabaseRelay } from '../support/database-relay.ts'
import { atFileEnd, createDatabase, describe, expect, test, waitFor } from '../support/test.ts'
import { startIo, testIoManager } from './conformance.ts'
import type { Stored } from './conformance.ts'

const digits = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 60 }).map((all) => all.join(''))
const decimals = fc
  .tuple(fc.constantFrom('', '-'), digits, fc.option(digits, { nil: undefined }))
  .map(([sign, whole, fraction]) => `${sign}${whole}${fraction === undefined ? '' : `.${fraction}`}`)

/** As Postgres prints it: no leading zeros, no sign of a zero. */
const printed = (value: unknown): unknown => {
  if (value === null) return null
  const text = (value as string | number | bigint).toString().replace(/^(-?)0+(?=\d)/, '$1')
  return /^-[0.]*$/.test(text) ? text.slice(1) : text
}

const storesNumbers: Stored = {
  values: fc.oneof(decimals, fc.bigInt(), fc.maxSafeInteger(), fc.constant(null)),
  loaded: printed,
  valueOf: (n) => (n === 0 ? '14567.3222' : n),
  partitions: ['2023-08-02', '2023-08-04', '2024-02-29', '0001-01-01', '9999-12-31'],
  refused: [
    ['nothing', undefined, /it is undefined/],
    ['a sum of floats', 0.1 + 0.2, /0\.30000000000000004.* has more digits than a JavaScript number holds exactly/],
    ['no number', Number.NaN, /"NaN" is not a finite number/],
    ['text that is no number', '14,567.32', /"14,567\.32" is not a decimal number/],
    ['Postgres’ own NaN', 'NaN', /"NaN" is not a decimal number/],
    ['empty text', '', /"" is not a decimal number/],
    ['an object', { sum: 1 }, /it is an object/],
    ['truth', true, /it is a boolean/],
  ],
  refusedCode: 'VALUE_NOT_NUMERIC',
  told: { table: 'a.b', date: '2023-08-02', value: '14567.3222' },
}

const open = async () => {
  const { url, pool } = await createDatabase('template0')
  atFileEnd(() => pool.end())
  return { io: postgresSeries(), env: { DESTINATION_URL: url } }
}

testIoManager('postgresSeries', open, storesNumbers)

const context = { signal: new AbortController().signal }
const day = (asset: string, partition: string | undefined = '2023-08-02') => ({ asset, partition })

describe('postgresSeries', () => {
  test('is a table for each KPI, exact, with a row for each day', async ({ database }) => {
    const io = await startIo({ io: postgresSeries(), env: { DESTINATION_URL: database.url } })
    await io.store(day('retail/revenue', '2023-08-04'), '20501.0137', context)
    await io.store(day('retail/revenue'), '1', context)
    await io.store(day('retail/revenue'), '14567.3222', context)
    await io.store(day('retail/units-sold'), 296, context)
    const { rows } = await database.pool.query(`SELECT date::text, value::text, sum(value) OVER ()::text AS total FROM retail.revenue ORDER BY date`)
    expect(rows).toEqual([
      { date: '2023-08-02', value: '14567.3222', total: '35068.3359' },
      { date: '2023-08-04', value: '20501.0137', total: '35068.3359' },
    ])
    expect(await io.load(day('retail/units-sold'), context)).toBe('296')
    const columns = await database.pool.query(
      `SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'retail' AND table_name = 'units_sold' ORDER BY ordinal_position`,
    )
    expect(columns.rows).toEqual([
      { column_name: 'date', data_type: 'date' },
      { column_name: 'value', data_type: 'numeric' },
    ])
  })

  test('a day that has no number is there, without one, in the place of the number before', async ({ database }) => {
    const io = await startIo({ io: postgresSeries(), env: { DESTINATION_URL: database.url } })
    await io.store(day('retail/average'), '49.213926', context)
    await io.store(day('retail/average'), null, context)
    expect(await io.load(day('retail/average'), context)).toBeNull()
    expect((await database.pool.query('SELECT value FROM retail.average')).rows).toEqual([{ value: null }])
  })

  test.for([
    ['no partitions', undefined, /it has no partitions/],
    ['an hour', '2023-08-02-05:00', /it has the partition "2023-08-02-05:00"/],
    ['a day that no calendar has', '2023-02-30', /2023-02-30/],
    ['a region', 'eu', /"eu"/],
  ] as const)('refuses an asset with %s', async ([, partition, message], { database }) => {
    const io = await startIo({ io: postgresSeries(), env: { DESTINATION_URL: database.url } })
    await expect(io.store({ asset: 'retail/refused', partition }, 1, context)).rejects.toMatchObject({
      code: 'PARTITION_NOT_A_DATE',
      message: expect.stringMatching(message) as unknown,
      hint: expect.stringContaining('by day') as unknown,
    })
  })

  test('two assets never share a table', async ({ database }) => {
    const io = await startIo({ io: postgresSeries({ schema: 'kpis' }), env: { DESTINATION_URL: database.url } })
    await io.store(day('one/revenue'), 1, context)
    const refused = { code: 'TABLE_OF_ANOTHER', message: expect.stringContaining('kpis.revenue, which has the values of the asset one/revenue') as unknown }
    await expect(io.store(day('two/revenue'), 2, context)).rejects.toMatchObject(refused)
    await expect(io.load(day('two/revenue'), context)).rejects.toMatchObject(refused)
    await expect(io.remove(day('two/revenue'), context)).rejects.toMatchObject(refused)
    expect(await io.load(day('one/revenue'), context)).toBe('1')
  })

  test('a table that was made beforehand is taken, one of another shape refused', async ({ database }) => {
    await database.pool.query('CREATE SCHEMA made; CREATE TABLE made.before (date date PRIMARY KEY, value numeric); CREATE TABLE made.otherwise (day date)')
    const io = await startIo({ io: postgresSeries(), env: { DESTINATION_URL: database.url } })
    await io.store(day('made/before'), 1, context)
    expect(await io.load(day('made/before'), context)).toBe('1')
    await expect(io.store(day('made/otherwise'), 1, context)).rejects.toMatchObject({
      code: 'STORE_REFUSED',
      hint: expect.stringContaining('another key') as unknown,
    })
  })

  test('a table that another worker makes in the meantime is taken', async ({ database }) => {
    const { pool, url } = database
    const io = await startIo({ io: postgresSeries(), env: { DESTINATION_URL: url } })
    await io.store(day('meantime/before'), 1, context)
    const other = await pool.connect()
    // As whoever makes the table: looked for before, it is not there, and is when the lock is free.
    await other.query(`BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('millrace io "meantime"."revenue"', 0))`)
    await other.query('CREATE TABLE meantime.revenue (date date PRIMARY KEY, value numeric)')
    const storing = io.store(day('meantime/revenue'), 2, context)
    const waiting = `SELECT FROM pg_stat_activity WHERE application_name = 'millrace io' AND datname = current_database() AND wait_event = 'advisory'`
    await waitFor(async () => (await pool.query(waiting)).rows.length > 0, { what: 'the store to wait for the table' })
    await other.query('COMMIT')
    other.release()
    await storing
    expect(await io.load(day('meantime/revenue'), context)).toBe('2')
  })

  test('a server that is away, or goes in the middle, is an error that passes, and nothing is half written', async ({ database }) => {
    const relay = await startDatabaseRelay(database.url)
    const io = await startIo({ io: postgresSeries(), env: { DESTINATION_URL: relay.url } })
    await io.store(day('away/sum'), 1, context)
    const down = { code: 'STORE_UNAVAILABLE', retryable: true, message: expect.stringContaining('The default destination') as unknown }

    const holder = await database.pool.connect()
    await holder.query('BEGIN; LOCK TABLE away.sum IN ACCESS EXCLUSIVE MODE')
    const storing = expect(io.store(day('away/sum'), 2, context)).rejects.toMatchObject(down)
    const waiting = `SELECT FROM pg_stat_activity WHERE application_name = 'millrace io' AND datname = current_database() AND wait_event_type = 'Lock'`
    await waitFor(async () => (await database.pool.query(waiting)).rows.length > 0, { what: 'the store to be in the middle' })
    await relay.stop()
    await storing
    await holder.query('COMMIT')
    holder.release()

    await expect(io.load(day('away/sum'), context)).rejects.toMatchObject(down)
    await relay.start()
    expect(await io.load(day('away/sum'), context)).toBe('1')
    await io.store(day('away/sum'), 2, context)
    expect(await io.load(day('away/sum'), context)).toBe('2')
  })
})
