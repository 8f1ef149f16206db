import * as z from 'zod'
import { bytes, decimal, inet } from '../../src/definitions/column-types.ts'
import { table } from '../../src/definitions/table.ts'
import { postgres } from '../../src/sources/postgres.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, createDatabase, describeBackends, expect, test } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'

const Order = z.object({
  id: z.bigint(),
  customer: z.string(),
  amount: decimal(14, 4).nullable(),
  placed: z.iso.datetime(),
  day: z.iso.date(),
  scan: bytes().nullable(),
  tags: z.array(z.string().nullable()),
  details: z.json(),
  address: inet(),
  paid: z.boolean(),
  ratio: z.number(),
})

/** A shop with 4,000 orders, of which every value is other than the one before. */
async function openShop(): Promise<TestDatabase> {
  const shop = await createDatabase('template0')
  await shop.pool.query(`
    CREATE TYPE state AS ENUM ('new', 'sent', 'lost');
    CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL, amount numeric(14,4), placed timestamptz NOT NULL, day date NOT NULL, scan bytea, tags text[] NOT NULL,
      details jsonb NOT NULL, address inet NOT NULL, paid boolean NOT NULL, ratio float8 NOT NULL, state state NOT NULL);
    INSERT INTO orders SELECT n * 1000000007::bigint, 'Kundin ' || n || E'\\t\\\\N"', CASE WHEN n % 11 > 0 THEN n / 7.0 END, '2024-01-01'::timestamptz + n * interval '1.000001 s', '2024-01-01'::date + n % 1000,
      CASE WHEN n % 5 > 0 THEN decode(md5(n::text), 'hex') END, ARRAY['a', NULL, n::text], jsonb_build_object('exact', 12345678901234567890.10 + n), '10.0.0.0'::inet + n, n % 2 = 0, n / 3.0,
      (ARRAY['new', 'sent', 'lost'])[1 + (n % 100 = 0)::int * 2 + (n % 100 = 1)::int]::state FROM generate_series(1, 4000) n`)
  return shop
}

const columns = Object.keys(Order.shape)
const checksum = (name: string) => `SELECT count(*) || ' ' || md5(string_agg(md5(t::text), '' ORDER BY id)) FROM (SELECT ${columns.join(', ')} FROM ${name}) t`

describeBackends('a table of another Postgres', (backend) => {
  let engine: Engine
  let shop: TestDatabase
  beforeAll(async () => {
    engine = await startEngine({ backend })
    shop = await openShop()
    return async () => {
      await shop.pool.end()
      await engine.stop()
    }
  })
  const expected = async () => Object.values((await shop.pool.query<Record<string, string>>(checksum('orders'))).rows[0] ?? {})[0]

  test('comes over exactly, and without being parsed where its types are the ones of its columns', async () => {
    const orders = table({
      key: 'copied/orders',
      columns: Order,
      write: { disposition: 'replace' },
      resumable: true,
      extract: ({ signal, position }) =>
        postgres({ url: shop.url, table: 'orders', columns, chunkRows: 1500, pageBytes: 20_000, parallel: 2, signal, position }),
    })
    await engine.define([orders])
    await engine.succeed('copied/orders')
    expect(await engine.value(checksum('copied.orders'))).toBe(await expected())
    // No number of JavaScript has these digits: nobody has read them.
    expect(await engine.value(`SELECT details ->> 'exact' FROM copied.orders ORDER BY id LIMIT 1`)).toBe('12345678901234567891.10')
  })

  test('goes on after its last page when its server ends the connection', async () => {
    let killed = 0
    const orders = table({
      key: 'resumed/orders',
      columns: Order,
      write: { disposition: 'append' },
      resumable: true,
      retry: { delayMs: 1 },
      async *extract({ signal, position }) {
        let pages = 0
        for await (const page of postgres({ url: shop.url, table: 'orders', columns, chunkRows: 500, pageBytes: 10_000, signal, position })) {
          yield page
          pages += 1
          if (pages < 6 || killed > 0) continue
          killed += 1
          await shop.pool.query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millrace source' AND datname = current_database()`,
          )
        }
      },
    })
    await engine.define([orders], { batchBytes: 16 * 1024 })
    const run = await engine.succeed('resumed/orders')
    expect(killed).toBe(1)
    expect(run.step).toMatchObject({ attempt: 2, generation: 1 })
    expect(await engine.value(checksum('resumed.orders'))).toBe(await expected())
  })

  test('is parsed where its columns ask for more, and what does not fit is kept with all its values', async () => {
    const orders = table({
      key: 'picked/orders',
      columns: z.object({ id: z.bigint(), state: z.enum(['new', 'sent']), scan: bytes().nullable(), placed: z.iso.datetime() }),
      quarantine: true,
      extract: ({ signal }) => postgres({ url: shop.url, query: 'SELECT id, state, scan, placed FROM orders WHERE id > $1', values: [10n], signal }),
    })
    await engine.define([orders])
    const run = await engine.succeed('picked/orders')
    expect(await engine.query('SELECT state, count(*)::int AS n FROM picked.orders GROUP BY 1 ORDER BY 1')).toEqual([
      { state: 'new', n: 3920 },
      { state: 'sent', n: 40 },
    ])
    const kept = await engine.query<{ record: string; issues: unknown }>(
      'SELECT record, issues FROM millrace.quarantine WHERE run_id = $1 ORDER BY record::text LIMIT 1',
      [run.id],
    )
    expect(JSON.stringify(kept[0]?.record)).toContain('100000000700')
    expect(JSON.stringify(kept[0]?.issues)).toContain('state')
    expect(await engine.value('SELECT count(*)::int FROM millrace.quarantine WHERE run_id = $1', [run.id])).toBe(40)
  })

  test('with a NULL where its column allows none says which record and which column', async () => {
    const orders = table({
      key: 'strict/orders',
      columns: z.object({ id: z.bigint(), amount: decimal(14, 4) }),
      extract: ({ signal }) => postgres({ url: shop.url, table: 'orders', columns: ['id', 'amount'], signal }),
    })
    await engine.define([orders])
    const run = await engine.run('strict/orders')
    expect(run.status).toBe('failed')
    expect(run.step.error).toMatchObject({ code: 'RECORD_INVALID', message: expect.stringMatching(/^record 10 .*amount/) })
  })

  test('whose connection cannot be had is tried again, and its password is nowhere to be read', async () => {
    const url = shop.url.replace(/\/\/[^/]*@?[^/]*\//, '//reader:hunter22@127.0.0.1:1/')
    const orders = table({
      key: 'absent/orders',
      columns: z.object({ id: z.bigint() }),
      retry: { retries: 1, delayMs: 1 },
      extract: ({ signal }) => postgres({ url, table: 'orders', signal }),
    })
    await engine.define([orders])
    const run = await engine.run('absent/orders')
    expect(run.step).toMatchObject({ status: 'failed', attempt: 2, error: { code: 'POSTGRES_UNREACHABLE' } })
    expect(JSON.stringify(run)).not.toContain('hunter22')
  })
})
