import pg from 'pg'
import { destination, fromEnv } from '../../src/definitions/destination.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import { postgresJson } from '../../src/io/postgres-json.ts'
import { startDatabaseRelay } from '../support/database-relay.ts'
import { startEngine } from '../support/engine.ts'
import { createDatabase, describe, expect, onTestFinished, test, waitFor } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'
import { startIo, storesJson, testIoManager } from './conformance.ts'

let tables = 0
let opened: Promise<TestDatabase> | undefined
const open = async () => {
  const { url } = await (opened ??= createDatabase('template0'))
  return { io: postgresJson({ schema: 'Some "values"', table: `value_${String((tables += 1))}` }), env: { DESTINATION_URL: url } }
}

testIoManager('postgresJson', open, storesJson)

const context = { signal: new AbortController().signal }
const place = { asset: 'retail/revenue', partition: undefined }

describe('postgresJson', () => {
  test('is one table that SQL reads', async ({ database }) => {
    const io = await startIo({ io: postgresJson(), env: { DESTINATION_URL: database.url } })
    expect(await io.store(place, { sum: '1.10' }, context)).toEqual({ destination: 'default', table: 'public.asset_value', asset: 'retail/revenue', bytes: 14 })
    await io.store({ ...place, partition: '2026-11-22' }, [1], context)
    const { rows } = await database.pool.query(
      `SELECT asset, partition, value, updated_at > now() - interval '1 minute' AS fresh FROM asset_value ORDER BY partition`,
    )
    expect(rows).toEqual([
      { asset: 'retail/revenue', partition: '', value: { sum: '1.10' }, fresh: true },
      { asset: 'retail/revenue', partition: '2026-11-22', value: [1], fresh: true },
    ])
  })

  test.for([
    ['a NUL', { list: ['a', 'b\0'] }, /list\.1 has the character NUL/],
    ['half a character', 'a\ud83d', /it has half of a surrogate pair/],
    ['a NUL in a key', { a: { 'b\0': 1 } }, /a key of a has the character NUL/],
  ] as const)('refuses %s and says where, and leaves what is there', async ([, value, message], { database }) => {
    const io = await startIo({ io: postgresJson(), env: { DESTINATION_URL: database.url } })
    await io.store(place, 'before \u0001 \u{1f600} \\u0000', context)
    await expect(io.store(place, value, context)).rejects.toMatchObject({ code: 'VALUE_NOT_JSONB', message: expect.stringMatching(message) as unknown })
    expect(await io.load(place, context)).toBe('before \u0001 \u{1f600} \\u0000')
  })

  test('a table of another shape is refused for good', async ({ database }) => {
    await database.pool.query('CREATE TABLE taken (id int)')
    const io = await startIo({ io: postgresJson({ table: 'taken' }), env: { DESTINATION_URL: database.url } })
    await expect(io.store(place, 1, context)).rejects.toMatchObject({
      code: 'STORE_REFUSED',
      retryable: false,
      hint: expect.stringContaining('another table') as unknown,
    })
  })

  test('a role that may not create the table is told what to grant, and none of its password', async ({ database }) => {
    await database.pool.query(`CREATE ROLE io_reader LOGIN PASSWORD 'open-sesame'`)
    onTestFinished(async () => void (await database.pool.query('DROP ROLE io_reader')))
    const url = new URL(database.url)
    url.username = 'io_reader'
    url.password = 'open-sesame'
    const io = await startIo({ io: postgresJson({ schema: 'closed' }), env: { DESTINATION_URL: url.href } })
    const error: unknown = await io.store(place, 1, context).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'STORE_REFUSED', hint: expect.stringContaining('grant SELECT, INSERT') as unknown })
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('open-sesame')
  })

  test('a destination is named by its variable; one that is not set is an error that names it', async ({ database }) => {
    const finance = destination({ name: 'finance', url: fromEnv('FINANCE_URL') })
    const io = await startIo({ io: postgresJson({ destination: finance, table: 'of_finance' }), env: { FINANCE_URL: database.url } })
    expect(await io.store(place, 1, context)).toMatchObject({ destination: 'finance' })
    await expect(startIo({ io: postgresJson({ destination: finance }), env: {} })).rejects.toMatchObject({
      message: expect.stringContaining('FINANCE_URL') as unknown,
    })
    await expect(startIo({ io: postgresJson(), env: {} })).rejects.toMatchObject({ code: 'DESTINATION_UNSET' })
  })

  test('few connections do the work of many steps, and none stays behind', async ({ database }) => {
    const definition = postgresJson({ table: 'busy' })
    const io = await definition.start({
      env: { DESTINATION_URL: database.url },
      ...context,
      throttle: { turn: async () => undefined, pause: async () => undefined },
    })
    const connections = async (): Promise<number> => {
      const { rows } = await database.pool.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'millrace io' AND datname = current_database()`,
      )
      return rows[0]?.count ?? 0
    }
    await Promise.all(Array.from({ length: 30 }, (_, n) => io.store({ ...place, partition: String(n) }, n, context)))
    expect(await connections()).toBeLessThanOrEqual(4)
    await definition.stop?.(io)
    await waitFor(async () => (await connections()) === 0, { what: 'its connections to end' })
  })

  test('a step stops waiting for another that stores the same, and nothing of it is stored', async ({ database }) => {
    const io = await startIo({ io: postgresJson({ table: 'locked' }), env: { DESTINATION_URL: database.url } })
    await io.store(place, 'before', context)
    const other = new pg.Client(database.url)
    await other.connect()
    await other.query('BEGIN')
    await other.query('SELECT FROM locked FOR UPDATE')
    const stopping = new AbortController()
    const storing = io.store(place, 'after', { signal: stopping.signal })
    const waits = async (): Promise<boolean> => {
      const { rows } = await database.pool.query(
        `SELECT FROM pg_stat_activity WHERE application_name = 'millrace io' AND datname = current_database() AND wait_event_type = 'Lock'`,
      )
      return rows.length > 0
    }
    await waitFor(waits, { what: 'the store to wait for the row' })
    stopping.abort(new Error('stopped'))
    await expect(storing).rejects.toThrow('stopped')
    await other.query('COMMIT')
    await other.end()
    await waitFor(async () => !(await waits()), { what: 'its statement to end' })
    expect(await io.load(place, context)).toBe('before')
  })

  test('a step stops waiting for a server that does not answer', async ({ database }) => {
    const relay = await startDatabaseRelay(database.url)
    await relay.hush()
    const io = await startIo({ io: postgresJson(), env: { DESTINATION_URL: relay.url } })
    const stopping = new AbortController()
    const loading = io.load(place, { signal: stopping.signal })
    stopping.abort(new Error('stopped'))
    await expect(loading).rejects.toThrow('stopped')
    await relay.stop()
  })

  test('workers store in the default destination; while it is away the step is tried again, then fails, and the value before stays', async () => {
    const engine = await startEngine({ backend: 'postgres' })
    const relay = await startDatabaseRelay(engine.database.url)
    const io = postgresJson({ destination: destination({ name: 'away', url: fromEnv('AWAY_URL') }), table: 'away' })
    const own = asset({ key: 'here/own', io: postgresJson(), run: () => [1, 2] })
    let value = 1
    const answer = asset({ key: 'away/answer', io, retry: { retries: 1, delayMs: 50 }, run: () => value })
    await engine.define([own, answer], { env: { AWAY_URL: relay.url } })
    await engine.succeed(['here/own', 'away/answer'])
    expect(await engine.value(`SELECT value FROM asset_value WHERE asset = 'here/own'`)).toEqual([1, 2])

    value = 2
    await relay.stop()
    const { step } = await engine.run('away/answer')
    expect(step).toMatchObject({
      status: 'failed',
      attempt: 2,
      error: { code: 'STORE_UNAVAILABLE', message: expect.stringContaining('The destination away') as unknown },
    })
    expect(await engine.value(`SELECT value FROM away WHERE asset = 'away/answer'`)).toBe(1)

    await relay.start()
    await engine.succeed('away/answer')
    expect(await engine.value(`SELECT value FROM away WHERE asset = 'away/answer'`)).toBe(2)
    await engine.stop()
  })
})
