import pg from 'pg'
import * as z from 'zod'
import { decimal } from '../../../src/definitions/column-types.ts'
import { table } from '../../../src/definitions/table.ts'
import { storedError } from '../../../src/errors.ts'
import { dropPostgresSlot, postgresChanges } from '../../../src/sources/postgres-changes.ts'
import { lsnText, lsnValue } from '../../../src/sources/postgres/changes/lsn.ts'
import type { PostgresChangePage, PostgresChangesOptions } from '../../../src/sources/postgres-changes.ts'
import { startEngine } from '../../support/engine.ts'
import { beforeAll, createDurablePostgres, describe, expect, test } from '../../support/test.ts'
import { collect, failureOf, sourceErrorOf } from '../failure.ts'
import { readAll, recordsOf } from './read.ts'

let url: string
let source: pg.Pool
beforeAll(async () => {
  url = (await createDurablePostgres({ wal_level: 'logical' })).url
  source = new pg.Pool({ connectionString: url, max: 4 })
  source.on('error', () => undefined) // its server may be gone first
  return () => source.end()
})

interface ChangeRecord extends Readonly<Record<string, unknown>> {
  readonly id: bigint
  readonly changeTable: string
  readonly changeDeleted: boolean
  readonly changeLsn: bigint
}

const changesOf = (pages: readonly PostgresChangePage[]): ChangeRecord[] =>
  pages.flatMap((page) => ('body' in page ? recordsOf(page) : page.records) as readonly ChangeRecord[])

/** A run: its records, and what is committed with them. */
async function run(options: Omit<PostgresChangesOptions, 'url' | 'connection'>): Promise<{ records: ChangeRecord[]; cursor: string }> {
  const pages = await collect(postgresChanges({ url, ...options }))
  return { records: changesOf(pages), cursor: pages.at(-1)?.cursor ?? '' }
}

/** What a merge by key with a delete flag, where the newest wins, makes of the records of all runs. */
function merged(records: readonly ChangeRecord[]): unknown[] {
  const rows = new Map<string, ChangeRecord>()
  for (const record of records) {
    const key = `${record.changeTable} ${String(record.id)}`
    if ((rows.get(key)?.changeLsn ?? -1n) <= record.changeLsn) rows.set(key, record)
  }
  return [...rows.values()]
    .filter(({ changeDeleted }) => !changeDeleted)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map((record) => Object.fromEntries(Object.entries(record).filter(([name]) => !name.startsWith('change'))))
}

const confirmed = async (slot: string) =>
  (await source.query<{ lsn: string }>('SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = $1', [slot])).rows[0]?.lsn

describe('changes of a table', () => {
  test('come after all its rows, with no gap between, exactly, of every type', async () => {
    await source.query(`
      CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);
      CREATE TABLE orders (id bigint PRIMARY KEY, note text, amount numeric(12,4), at timestamptz, raw bytea, list text[], doc jsonb, ip inet, mood mood, n positive);
      INSERT INTO orders SELECT n, 'ä' || n, n / 7.0, '2024-01-01'::timestamptz + n * interval '1.000001 s', decode(md5(n::text), 'hex'), ARRAY['a', NULL], '{"a": [1]}', '10.0.0.1', 'sad', 1 FROM generate_series(1, 2000) n;
      CREATE PUBLICATION orders FOR TABLE orders`)
    const stop = new AbortController()
    const writing = (async () => {
      for (let n = 1; !stop.signal.aborted; n += 1) {
        await source.query(`INSERT INTO orders (id, note, mood, n) VALUES ($1, 'new', 'happy', 2)`, [10_000 + n])
        await source.query(
          `UPDATE orders SET note = note || '!', amount = amount + 0.0001, at = at + interval '1 us', list = '{}', ip = '::1' WHERE id % 50 = $1`,
          [n % 50],
        )
        await source.query('DELETE FROM orders WHERE id = $1', [n])
      }
    })()
    const slot = { publication: 'orders', slot: 'orders_slot' }
    const first = await run(slot)
    expect(first.records.length).toBeGreaterThanOrEqual(1900)
    const second = await run({ ...slot, cursor: first.cursor })
    stop.abort()
    await writing
    const third = await run({ ...slot, cursor: second.cursor })
    expect(second.records.length + third.records.length).toBeGreaterThan(10)
    // What came in before the slot began is in the first run alone, what came in after in its changes alone.
    const there = new Set(first.records.map(({ id }) => id))
    expect([...second.records, ...third.records].filter((record) => record['note'] === 'new' && there.has(record.id))).toEqual([])
    expect(merged([...first.records, ...second.records, ...third.records])).toEqual(await readAll({ url, table: 'orders' }))
  })

  test('are read again until the next run says by its cursor that they are published', async () => {
    await source.query('CREATE TABLE parts (id bigint PRIMARY KEY, name text); CREATE PUBLICATION parts FOR TABLE parts')
    const reports: number[] = []
    const slot = { publication: 'parts', slot: 'parts_slot', report: ({ retainedBytes }: { retainedBytes: number }) => reports.push(retainedBytes) }
    const first = await run(slot)
    expect(first.records).toEqual([])
    await source.query(`INSERT INTO parts VALUES (1, 'a'), (2, 'b')`)
    const before = await confirmed(slot.slot)
    const second = await run({ ...slot, cursor: first.cursor })
    expect(second.records).toMatchObject([{ id: 1n, name: 'a', changeTable: 'public.parts', changeDeleted: false }, { id: 2n }])
    expect(second.records[1]?.changeLsn).toBeGreaterThan(second.records[0]?.changeLsn ?? 0n)
    expect(await confirmed(slot.slot)).toBe(before)
    // It was not published, so it is read anew.
    expect((await run({ ...slot, cursor: first.cursor })).records).toEqual(second.records)
    // It was.
    await source.query(`UPDATE parts SET id = 3 WHERE id = 2; DELETE FROM parts WHERE id = 1`)
    const third = await run({ ...slot, cursor: second.cursor })
    expect(third.records).toMatchObject([
      { id: 2n, changeDeleted: true },
      { id: 3n, name: 'b', changeDeleted: false },
      { id: 1n, changeDeleted: true },
    ])
    expect(await confirmed(slot.slot)).toBe(second.cursor)
    // What others write moves it on as well, else the server would keep all of that.
    await source.query('CREATE TABLE others AS SELECT generate_series(1, 1000)')
    const idle = await run({ ...slot, cursor: third.cursor })
    expect(idle.records).toEqual([])
    expect(lsnValue(idle.cursor)).toBeGreaterThan(lsnValue(third.cursor))
    expect(reports.length).toBe(4)
    expect(reports.every((bytes) => bytes >= 0)).toBe(true)
    // A first run that failed is begun anew.
    expect((await run({ publication: 'parts', slot: 'parts_slot' })).records).toMatchObject([{ id: 3n }])
  })

  test('begin where the slot does when nobody wants the rows before', async () => {
    await source.query(`CREATE TABLE late (id bigint PRIMARY KEY); INSERT INTO late VALUES (1); CREATE PUBLICATION late FOR TABLE late`)
    const slot = { publication: 'late', slot: 'late_slot', snapshot: 'none' } as const
    const first = await run(slot)
    expect(first.records).toEqual([])
    await source.query('INSERT INTO late VALUES (2)')
    expect((await run({ ...slot, cursor: first.cursor })).records).toMatchObject([{ id: 2n }])
  })

  test('are of the tables asked for, many pages of them, in order', async () => {
    await source.query(
      `CREATE SCHEMA more; CREATE TABLE more.one (id bigint PRIMARY KEY); CREATE TABLE more.two (id bigint PRIMARY KEY); CREATE PUBLICATION more FOR TABLE more.one, more.two`,
    )
    const slot = { publication: 'more', slot: 'more_slot', tables: ['more.two'] }
    const { cursor } = await run(slot)
    await source.query('INSERT INTO more.one SELECT generate_series(1, 100); INSERT INTO more.two SELECT generate_series(1, 30000)')
    const pages = await collect(postgresChanges({ url, ...slot, cursor }))
    expect(pages.length).toBeGreaterThan(3)
    expect(changesOf(pages).map(({ id }) => id)).toEqual(Array.from({ length: 30_000 }, (_, index) => BigInt(index + 1)))
  })

  test('that leave a large value alone need the whole row in the log', async () => {
    await source.query(`CREATE TABLE blobs (id bigint PRIMARY KEY, n int, blob text); ALTER TABLE blobs ALTER blob SET STORAGE EXTERNAL;
      INSERT INTO blobs VALUES (1, 1, repeat('x', 10000)); CREATE PUBLICATION blobs FOR TABLE blobs`)
    const slot = { publication: 'blobs', slot: 'blobs_slot' }
    const { cursor } = await run(slot)
    await source.query('UPDATE blobs SET n = 2')
    expect(await sourceErrorOf(run({ ...slot, cursor }))).toMatchObject({
      code: 'POSTGRES_UNCHANGED_VALUE',
      retryable: false,
      message: expect.stringContaining('blob'),
    })
    await source.query('ALTER TABLE blobs REPLICA IDENTITY FULL')
    const again = await run(slot)
    await source.query('UPDATE blobs SET n = 3; DELETE FROM blobs')
    const { records } = await run({ ...slot, cursor: again.cursor })
    expect(records).toMatchObject([
      { n: 3, blob: 'x'.repeat(10_000), changeDeleted: false },
      { n: 3, blob: 'x'.repeat(10_000), changeDeleted: true },
    ])
  })
})

test('changes that are merged by key make the table what it is at the source, deletes and all', async () => {
  await source.query(`CREATE TABLE stock (sku text PRIMARY KEY, amount numeric(12,2) NOT NULL, seen timestamptz); ALTER TABLE stock REPLICA IDENTITY FULL;
    INSERT INTO stock SELECT 'sku ' || n, n / 3.0, now() FROM generate_series(1, 500) n; CREATE PUBLICATION stock FOR TABLE stock`)
  let cursor: string | undefined
  const stock = table({
    key: 'merged/stock',
    columns: z.object({ sku: z.string(), amount: decimal(12, 2), seen: z.iso.datetime().nullable(), changeLsn: z.bigint(), changeDeleted: z.boolean() }),
    write: { disposition: 'merge', newestBy: 'changeLsn', deletedBy: 'changeDeleted' },
    primaryKey: ['sku'],
    async *extract({ signal }) {
      let last = cursor
      for await (const page of postgresChanges({ url, publication: 'stock', slot: 'stock_slot', cursor, signal })) {
        yield page
        last = page.cursor
      }
      cursor = last
    },
  })
  const engine = await startEngine({ backend: 'postgres' })
  await engine.define([stock])
  const here = () => engine.query('SELECT sku, amount, seen FROM merged.stock ORDER BY sku')
  const there = async () => (await source.query<Record<string, unknown>>('SELECT * FROM stock ORDER BY sku')).rows
  await engine.succeed('merged/stock')
  expect(await here()).toEqual(await there())
  await source.query(
    `UPDATE stock SET amount = 1 WHERE sku LIKE '%7'; UPDATE stock SET amount = amount + 1; DELETE FROM stock WHERE sku LIKE '%9'; INSERT INTO stock VALUES ('sku 9', 9, NULL); UPDATE stock SET sku = 'moved' WHERE sku = 'sku 1'`,
  )
  await engine.succeed('merged/stock')
  expect(await here()).toEqual(await there())
  await engine.succeed('merged/stock')
  expect(await here()).toEqual(await there())
  await engine.stop()
})

describe('a slot', () => {
  test('whose changes are lost, or a table that was emptied, is not gone on with in silence', async () => {
    await source.query('CREATE TABLE short (id bigint PRIMARY KEY); CREATE PUBLICATION short FOR TABLE short')
    const slot = { publication: 'short', slot: 'short_slot' }
    const { cursor } = await run(slot)
    await source.query('INSERT INTO short VALUES (1); TRUNCATE short')
    expect(await sourceErrorOf(run({ ...slot, cursor }))).toMatchObject({ code: 'POSTGRES_TRUNCATED', retryable: false })
    await source.query(`SELECT pg_replication_slot_advance('short_slot', pg_current_wal_lsn())`)
    expect(await sourceErrorOf(run({ ...slot, cursor }))).toMatchObject({ code: 'POSTGRES_SLOT_LOST', retryable: false })
    expect(await dropPostgresSlot({ url, slot: 'short_slot' })).toBe(true)
    expect(await dropPostgresSlot({ url, slot: 'short_slot' })).toBe(false)
    expect(await sourceErrorOf(run({ ...slot, cursor }))).toMatchObject({ code: 'POSTGRES_SLOT_LOST', retryable: false })
    expect(await confirmed('short_slot')).toBeUndefined()
  })

  test.for([
    [{ publication: 'absent' }, 'POSTGRES_PUBLICATION'],
    [{ tables: ['public.absent'] }, 'POSTGRES_PUBLICATION'],
    [{ cursor: 7 }, 'POSTGRES_CURSOR'],
    [{ publication: 'strange' }, 'POSTGRES_CHANGE_TYPE'],
    [{ slot: 'physical' }, 'POSTGRES_SLOT'],
  ] as const)('with %j is refused with %s', async ([options, code]) => {
    await source.query(`
      DROP TABLE IF EXISTS strange, plain; CREATE TABLE strange (id bigint PRIMARY KEY, span int4range); CREATE TABLE plain (id bigint PRIMARY KEY);
      DROP PUBLICATION IF EXISTS strange, plain; CREATE PUBLICATION strange FOR TABLE strange; CREATE PUBLICATION plain FOR TABLE plain`)
    await source.query(
      `SELECT pg_create_physical_replication_slot('physical') WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = 'physical')`,
    )
    expect(await failureOf(run({ publication: 'plain', slot: 'plain_slot', ...options }))).toMatchObject({ code, retryable: false, hint: expect.any(String) })
  })

  test('needs a server that writes its log for it', async ({ database }) => {
    const reading = collect(postgresChanges({ url: database.url, publication: 'a', slot: 'a' }))
    expect(await sourceErrorOf(reading)).toMatchObject({ code: 'POSTGRES_WAL_LEVEL', retryable: false, hint: expect.stringContaining('wal_level = logical') })
  })
})

test.each(['0/0', '0/16B3748', '16/B374D848', 'FFFFFFFF/FFFFFFFF'])('the place %s in a log is a number and back', (lsn) => {
  expect(lsnText(lsnValue(lsn))).toBe(lsn)
})

test('a password that is wrong is not tried again, and nowhere to be read', async () => {
  const wrong = new URL(url)
  wrong.password = 'hunter22'
  const error = await sourceErrorOf(readAll({ url: wrong.href, query: 'SELECT 1 AS a' }))
  expect(error).toMatchObject({ code: 'POSTGRES_AUTH', retryable: false })
  expect(JSON.stringify(storedError(error))).not.toContain('hunter22')
})
