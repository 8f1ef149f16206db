import { randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import * as z from 'zod'
import { recordBatch } from '../../src/catalog/batches.ts'
import { columnsOf } from '../../src/definitions/columns.ts'
import { endBackend } from '../../src/warehouse/backend.ts'
import { loadBatch } from '../../src/warehouse/load-batch.ts'
import { abandonLoad, prepareLoad } from '../../src/warehouse/prepare-load.ts'
import { stagingTable } from '../../src/warehouse/staging.ts'
import { expect, onTestFinished, test } from '../support/test.ts'

import { connect, filled, howOf, idsOf, loadOf, specOf, stalledLoader } from './one-load.ts'
import type { Load } from './one-load.ts'

// Each rule of exactly-once.md that the destination alone can show, on the functions that keep it.

test('rule 1: an attempt that was overtaken records no batch', async ({ database: { pool } }) => {
  await pool.query(`INSERT INTO millrace.manifest (location, version, document) VALUES ('rules', 'v', '{}')`)
  const { rows } = await pool.query<{ id: string }>(
    `WITH r AS (INSERT INTO millrace.run (location, version, assets, launched_by) VALUES ('rules', 'v', '{}', 'test') RETURNING id)
     INSERT INTO millrace.step (run_id, location, asset, kind, upstream, status, version, claim) SELECT id, 'rules', 'a', 'table', '{}', 'extracting', 'v', 2 FROM r RETURNING id`,
  )
  const stepId = rows[0]?.id ?? ''
  const raw = { name: 'x', bytes: 0, crc: 0 }
  expect(await recordBatch(pool, { stepId, claim: 1, raw, position: 7 })).toBeUndefined()
  expect(await recordBatch(pool, { stepId, claim: 2, raw, position: 8 })).toBeDefined()
  const { rows: batches } = await pool.query(`SELECT ordinal, position FROM millrace.batch WHERE step_id = $1`, [stepId])
  expect(batches).toEqual([{ ordinal: 0, position: 8 }])
})

test('rule 2: a batch that is in the ledger is not copied again, and one of another generation never', async ({ database: { url } }) => {
  const client = await connect(url)
  const load = loadOf(client, specOf())
  await load.prepare()
  expect(await load.batch(0, [1, 2])).toBe('loaded')
  expect(await load.batch(0, [1, 2])).toBe('already')
  expect(await load.prepare(2)).toBe('open')
  expect(await load.batch(1, [3], 1)).toBe('fenced')
  expect(await load.prepare(1)).toBe('fenced')
  expect(await load.batch(0, [5], 2)).toBe('loaded')
  expect((await load.publish(1, 1)).state).toBe('fenced')
  expect((await load.publish(1, 2)).state).toBe('published')
  expect(await idsOf(client, load.table)).toEqual([5])
})

test('rule 2: two loaders of one batch at once copy it once', async ({ database: { url } }) => {
  const [client, other] = [await connect(url), await connect(url)]
  const load = loadOf(client, specOf())
  await load.prepare()
  const request = {
    stepId: load.stepId,
    generation: 1,
    ordinal: 0,
    records: 1,
    filtered: 0,
    rows: 1,
    columns: load.table.columns,
    format: 'text',
    bytes: Buffer.from('1\tone\n'),
  } as const
  expect((await Promise.all([loadBatch(client, request), loadBatch(other, request)])).toSorted()).toEqual(['already', 'loaded'])
  await load.publish(1)
  expect(await idsOf(client, load.table)).toEqual([1])
})

test('rule 3: nothing is published while a batch or a row is missing; twice is once', async ({ database: { url } }) => {
  const { client, table, next } = await filled(url, { disposition: 'append' })
  await next.batch(0, [3])
  await expect(next.publish(2)).rejects.toMatchObject({ code: 'LEDGER_INCOMPLETE' })
  await next.batch(1, [4])
  const staging = stagingTable(next.stepId, 1)
  await client.query(`INSERT INTO ${staging.schema}.${staging.name} VALUES (99, 'nobody recorded this')`)
  await expect(next.publish(2)).rejects.toMatchObject({ code: 'LEDGER_INCOMPLETE' })
  await client.query(`DELETE FROM ${staging.schema}.${staging.name} WHERE id = 99`)
  const [once, twice] = [await next.publish(2), await next.publish(2)]
  expect(twice).toEqual(once)
  expect(await idsOf(client, table)).toEqual([1, 2, 3, 4])
})

test('rule 3: a load that was given up is not published, and none that is published is given up', async ({ database: { url } }) => {
  const { client, table, next } = await filled(url)
  await next.batch(0, [3])
  expect(await abandonLoad(client, next.stepId, 1, false)).toMatchObject({ state: 'abandoned' })
  expect((await next.publish(1)).state).toBe('fenced')
  expect(await idsOf(client, table)).toEqual([1, 2])
  const again = loadOf(client, table)
  await again.prepare()
  await again.batch(0, [4])
  await again.publish(1)
  expect(await abandonLoad(client, again.stepId, 1, false)).toMatchObject({ state: 'published' })
})

test('rule 5: an older load never publishes over a newer one', async ({ database: { url } }) => {
  const { client, table, next: older } = await filled(url)
  const newer = loadOf(client, table)
  await newer.prepare()
  await older.batch(0, [3])
  await newer.batch(0, [4])
  expect((await newer.publish(1)).state).toBe('published')
  expect((await older.publish(1)).state).toBe('superseded')
  expect((await older.publish(1)).state).toBe('superseded')
  expect(await idsOf(client, table)).toEqual([4])
})

test('rule 4: a batch that would move a cursor which another step has moved is not loaded', async ({ database: { url } }) => {
  const client = await connect(url)
  const table = specOf({ disposition: 'append', eachBatch: true, cursor: {} })
  const [one, other] = [loadOf(client, table), loadOf(client, table)]
  await one.prepare()
  await other.prepare()
  expect(await one.batch(0, [1], 1, { from: null, value: 'a' })).toBe('loaded')
  expect(await other.batch(0, [1], 1, { from: null, value: 'a' })).toBe('cursor moved')
  expect(await one.batch(1, [2], 1, { from: null, value: 'b' })).toBe('loaded')
  await other.prepare(2)
  expect(await other.batch(0, [3], 2, { from: 'a', value: 'c' })).toBe('cursor moved')
  expect(await other.batch(0, [3], 2, { from: 'b', value: 'c' })).toBe('loaded')
  expect(await idsOf(client, table)).toEqual([1, 2, 3])
})

test('rule 6: what is published batch by batch goes in in order, and is taken along by another generation', async ({ database: { url } }) => {
  const client = await connect(url)
  const load = loadOf(client, specOf({ disposition: 'append', eachBatch: true }))
  await load.prepare()
  expect(await load.batch(1, [2])).toBe('early')
  expect(await load.batch(0, [1])).toBe('loaded')
  expect(await load.batch(1, [2])).toBe('loaded')
  expect(await load.prepare(2)).toBe('open')
  expect(await load.batch(2, [3], 1)).toBe('fenced')
  expect(await load.batch(1, [2], 2)).toBe('already')
  expect(await load.batch(2, [3], 2)).toBe('loaded')
  await abandonLoad(client, load.stepId, 2, true)
  expect(await load.prepare(3)).toBe('open')
  expect(await load.batch(2, [3], 3)).toBe('already')
  await expect(load.publish(2, 3)).rejects.toMatchObject({ code: 'LEDGER_INCOMPLETE' })
  expect((await load.publish(3, 3)).state).toBe('published')
  expect(await idsOf(client, load.table)).toEqual([1, 2, 3])
})

test.for([false, true])('rule 7: staging and ledger are logged, both; whether the target is unlogged: %s', async (unlogged, { database: { url } }) => {
  const { client, table, next } = await filled(url, { storage: { unlogged } })
  const staging = stagingTable(next.stepId, 1)
  const { rows } = await client.query(
    `SELECT DISTINCT relpersistence FROM pg_class WHERE oid IN ($1::regclass, 'millrace_load.batch'::regclass, 'millrace_load.step'::regclass)`,
    [`${staging.schema}.${staging.name}`],
  )
  expect(rows).toEqual([{ relpersistence: 'p' }])
  await next.batch(0, [3])
  // Made unlogged and swapped in, its rows would be younger than every snapshot that is open: who reads them would see an empty table.
  expect(howOf(await next.publish(1))).toBe(unlogged ? 'in place: it is unlogged' : 'swapped')
  expect(await idsOf(client, table)).toEqual([3])
})

test('what preparing ran is answered again where an attempt before did not get to say it', async ({ database: { url } }) => {
  const client = await connect(url)
  const request = { stepId: randomUUID(), generation: 1, table: specOf() }
  const prepared: (readonly string[])[] = []
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await client.query('BEGIN')
    prepared.push((await prepareLoad(client, request)).ddl)
    await client.query('COMMIT')
  }
  expect(prepared[0]).toContainEqual(expect.stringContaining('CREATE TABLE'))
  expect(prepared[1]).toEqual(prepared[0])
  await client.query('BEGIN')
  expect((await prepareLoad(client, { ...request, generation: 2 })).ddl).toEqual([])
  await client.query('COMMIT')
})

test('rule 8: a snapshot from between two batches sees the old rows, whole', { timeout: 30_000 }, async ({ database: { url } }) => {
  const { client, table, next } = await filled(url)
  const reader = await connect(url)
  await next.batch(0, [3])
  await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  await reader.query('SELECT 1')
  await next.batch(1, [4])
  expect(howOf(await next.publish(2))).toMatch(/in place: a transaction older/)
  expect(await idsOf(reader, table)).toEqual([1, 2])
  await reader.query('COMMIT')
  expect(await idsOf(client, table)).toEqual([3, 4])
})

test('rule 8: with no such snapshot the tables are swapped', async ({ database: { url } }) => {
  const { client, table, next } = await filled(url)
  await next.batch(0, [3, 4])
  expect(howOf(await next.publish(1))).toBe('swapped')
  expect(await idsOf(client, table)).toEqual([3, 4])
})

test('rule 8: the constraint on allowed values, which staging has too, is nothing against a swap', async ({ database: { url } }) => {
  const columns = columnsOf(z.object({ id: z.int32(), name: z.enum(['name 1', 'name 2', 'name 3']) }))
  const { client, table, next } = await filled(url, { columns })
  await next.batch(0, [3])
  expect(howOf(await next.publish(1))).toBe('swapped')
  expect(await idsOf(client, table)).toEqual([3])
})

test('rule 8: a role that may not see the snapshots of others does not swap', async ({ database: { url, pool } }) => {
  const role = `loader_${randomUUID().slice(0, 8)}`
  await pool.query(`CREATE ROLE ${role} LOGIN`)
  await pool.query(`CREATE SCHEMA IF NOT EXISTS millrace_staging`)
  await pool.query(`GRANT CREATE ON DATABASE ${new URL(url).pathname.slice(1)} TO ${role}; GRANT ALL ON SCHEMA millrace_load TO ${role}`)
  await pool.query(`GRANT ALL ON ALL TABLES IN SCHEMA millrace_load TO ${role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA millrace_load TO ${role}`)
  await pool.query(`GRANT ALL ON SCHEMA millrace_staging TO ${role}`)
  onTestFinished(async () => void (await pool.query(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`)))
  const address = new URL(url)
  address.username = role
  const { client, table, next } = await filled(address.href, { schema: role })
  await next.batch(0, [3, 4])
  expect(howOf(await next.publish(1))).toBe(
    `in place: ${role} may not see what other sessions read; GRANT pg_read_all_stats TO ${role} lets the tables be swapped`,
  )
  expect(await idsOf(client, table)).toEqual([3, 4])
})

test('rule 9: a view of the table lives on', async ({ database: { url } }) => {
  const { client, table, next } = await filled(url)
  await client.query(`CREATE VIEW rules.v_${table.name} AS SELECT id FROM rules.${table.name}`)
  await next.batch(0, [3, 4])
  expect(howOf(await next.publish(1))).toMatch(/in place: a view depends on it/)
  expect((await client.query(`SELECT id FROM rules.v_${table.name} ORDER BY id`)).rows).toEqual([{ id: 3 }, { id: 4 }])
})

for (const [what, statement, reason] of [
  ['a check constraint', (name: string) => `ALTER TABLE ${name} ADD CONSTRAINT small CHECK (id < 100)`, 'it has check constraints'],
  ['a NOT NULL', (name: string) => `ALTER TABLE ${name} ALTER COLUMN note SET NOT NULL`, 'columns are NOT NULL that its asset lets be null'],
] as const) {
  test(`rule 9: ${what} that somebody added lives on`, async ({ database: { url } }) => {
    const columns = columnsOf(z.object({ id: z.int32(), note: z.string().nullable() }))
    const { client, table, next } = await filled(url, { columns, primaryKey: ['id'] })
    const name = `rules.${table.name}`
    await client.query(statement(name))
    await next.batch(0, [3, 4])
    expect(howOf(await next.publish(1))).toBe(`in place: ${reason}`)
    expect(await idsOf(client, table)).toEqual([3, 4])
    await expect(client.query(`INSERT INTO ${name} VALUES (101, NULL)`)).rejects.toMatchObject({ code: expect.stringMatching(/^(23502|23514)$/) })
  })
}

for (const [what, scope] of [
  ['all tables', 'ALL TABLES'],
  ['its schema', 'TABLES IN SCHEMA rules'],
] as const) {
  test(`rule 9: rows of a table whose publication covers ${what} are replaced in place`, async ({ database: { url, pool } }) => {
    const { client, table, next } = await filled(url, { primaryKey: ['id'] })
    await next.batch(0, [3, 4])
    await pool.query(`CREATE PUBLICATION wide FOR ${scope}`)
    onTestFinished(async () => void (await pool.query('DROP PUBLICATION wide')))
    expect(howOf(await next.publish(1))).toBe(`in place: a publication covers ${what}`)
    expect(await idsOf(client, table)).toEqual([3, 4])
  })
}

test('rule 9: where a foreign key points at the table its rows are written by key, and nothing cascades', async ({ database: { url } }) => {
  const { client, table, next } = await filled(url, { primaryKey: ['id'] })
  const child = `rules.child_${table.name}`
  await client.query(`CREATE TABLE ${child} (parent integer REFERENCES rules.${table.name} ON DELETE CASCADE)`)
  await client.query(`INSERT INTO ${child} VALUES (2)`)
  await next.batch(0, [2, 3])
  await expect(next.publish(1)).rejects.toMatchObject({ code: 'REPLACE_REFUSED' })
  expect(await idsOf(client, table)).toEqual([1, 2])
  await client.query(`ALTER TABLE ${child} DROP CONSTRAINT child_${table.name}_parent_fkey, ADD FOREIGN KEY (parent) REFERENCES rules.${table.name}`)
  expect(howOf(await next.publish(1))).toMatch(/in place by key/)
  expect(await idsOf(client, table)).toEqual([2, 3])
  expect((await client.query(`SELECT parent FROM ${child}`)).rows).toEqual([{ parent: 2 }])
})

test('rule 10: a reader that holds the table does not make others wait', async ({ database: { url } }) => {
  const { client, table, next } = await filled(url)
  const [holder, passer] = [await connect(url), await connect(url)]
  await next.batch(0, [3])
  await holder.query('BEGIN')
  expect(await idsOf(holder, table)).toEqual([1, 2])
  await passer.query(`SET statement_timeout = '3s'`)
  const published = next.publish(1)
  let publishing = true
  void published.finally(() => (publishing = false))
  while (publishing) expect([[1, 2], [3]]).toContainEqual(await idsOf(passer, table))
  expect(howOf(await published)).toBe('in place: readers kept the table locked')
  await holder.query('COMMIT')
  expect(await idsOf(client, table)).toEqual([3])
})

test('rule 11: a takeover ends the session that stalls in COPY', async ({ database: { url, pool } }) => {
  const client = await connect(url)
  const load = loadOf(client, specOf())
  await load.prepare()
  expect(await endBackend(client, await stalledLoader(url, pool, load))).toBe(true)
  expect(await load.batch(0, [1])).toBe('loaded')
  await load.publish(1)
  expect(await idsOf(client, load.table)).toEqual([1])
})

for (const [what, act] of [
  ['a new generation', (load: Load) => load.prepare(2)],
  ['giving the load up', (load: Load, client: pg.PoolClient) => abandonLoad(client, load.stepId, 1, load.table.eachBatch === true)],
] as const) {
  test.for([
    ['a table that is published whole', {}],
    ['one that is published batch by batch', { disposition: 'append', eachBatch: true }],
  ] as const)(`rule 11: ${what}, of %s, does not wait for a session that stalls in COPY`, async ([, more], { database: { url, pool } }) => {
    const client = await connect(url)
    await client.query(`SET statement_timeout = '8s'`)
    const load = loadOf(client, specOf(more))
    await load.prepare()
    const backend = await stalledLoader(url, pool, load)
    await act(load, client)
    expect((await pool.query(`SELECT 1 FROM pg_stat_activity WHERE pid = $1`, [backend.pid])).rowCount).toBe(0)
  })
}

test('rule 12: a staging table whose column types are others takes no rows', async ({ database: { url } }) => {
  const client = await connect(url)
  const load = loadOf(client, specOf())
  await load.prepare()
  const staging = stagingTable(load.stepId, 1)
  await client.query(`ALTER TABLE ${staging.schema}.${staging.name} ALTER COLUMN id TYPE real`)
  await expect(load.batch(0, [1])).rejects.toMatchObject({ code: 'COLUMN_TYPE_MISMATCH' })
  await client.query(`ALTER TABLE ${staging.schema}.${staging.name} ALTER COLUMN id TYPE integer`)
  expect(await load.batch(0, [1])).toBe('loaded')
})

test('rule 17: NOTIFY is sent by the throttled notifier, and from nowhere else', async () => {
  const src = fileURLToPath(new URL('../../src', import.meta.url))
  const files = (await readdir(src, { recursive: true })).filter((name) => name.endsWith('.ts'))
  const senders: string[] = []
  for (const name of files) if (/pg_notify\(|\bNOTIFY\s+[a-z"]/.test(await readFile(join(src, name), 'utf8'))) senders.push(name)
  expect(senders).toEqual(['catalog/change-feed.ts'])
})
