import pg from 'pg'
import * as z from 'zod'
import { runDetail } from '../../src/api/run-view.ts'
import { destination, fromEnv } from '../../src/definitions/destination.ts'
import { sqlAsset } from '../../src/definitions/sql-asset.ts'
import { table } from '../../src/definitions/table.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { startDatabaseRelay } from '../support/database-relay.ts'
import type { DatabaseRelay } from '../support/database-relay.ts'
import { beforeAll, createDatabase, describe, describeBackends, expect, onTestFinished, test, waitFor } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'

const finance = destination({ name: 'finance', url: fromEnv('FINANCE_DATABASE_URL') })
const columns = z.object({ id: z.int(), text: z.string() })

/** So many pages of one row each, as large as a batch. */
const pagesOf = (count: number) => Array.from({ length: count }, (_, page) => [{ id: page, text: 'x'.repeat(2000) }])

async function createEmpty(): Promise<TestDatabase> {
  const made = await createDatabase('template0')
  onTestFinished(() => made.pool.end())
  return made
}

async function valueOf(database: TestDatabase, sql: string): Promise<unknown> {
  return Object.values((await database.pool.query<Record<string, unknown>>(sql)).rows[0] ?? {})[0]
}

/** Waits until the page of a run would say that a step waits for its destination, for this reason. */
function untilDown(engine: Engine, runId: string, asset: string, reason: RegExp) {
  return waitFor(
    async () => {
      const wait = (await runDetail({ pool: engine.database.pool }, runId))?.steps.find((step) => step.asset === asset)?.waitsFor
      return wait?.reason === 'destination' && reason.test(wait.message) ? wait : undefined
    },
    { what: `${asset} to wait for its destination` },
  )
}

describeBackends('assets of several destinations', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })

  test('are stored each in its own, with its ledger, whose schema is made when it is first used', async () => {
    const other = await createEmpty()
    const here = table({ key: 'parted/here', columns, extract: () => pagesOf(2) })
    const there = table({ key: 'parted/there', columns, destination: finance, deps: [here], extract: () => pagesOf(3) })
    const sum = sqlAsset({
      key: 'parted/sum',
      destination: finance,
      deps: [there, here],
      select: 'SELECT count(*) AS rows FROM parted.there',
      store: { kind: 'view' },
    })
    await engine.define([here, there, sum], { env: { FINANCE_DATABASE_URL: other.url } })
    await engine.succeed(['parted/here', 'parted/there', 'parted/sum'])
    expect(await valueOf(other, 'SELECT rows FROM parted.sum')).toBe('3')
    expect(await engine.value('SELECT count(*)::int FROM parted.here')).toBe(2)
    expect(await engine.value(`SELECT to_regclass('parted.there')`)).toBeNull()
    expect((await other.pool.query('SELECT target_name FROM millrace_load.step ORDER BY 1')).rows).toEqual([{ target_name: 'sum' }, { target_name: 'there' }])
    expect(await engine.query(`SELECT target_name FROM millrace_load.step WHERE target_schema = 'parted'`)).toEqual([{ target_name: 'here' }])
  })

  test('of which one is stopped in the middle of its load: the other’s ends meanwhile, and it goes on by itself, once', async () => {
    const [other, third] = [await createEmpty(), await createEmpty()]
    const relay: DatabaseRelay = await startDatabaseRelay(other.url)
    const held = table({ key: 'stopped/held', columns, destination: finance, extract: () => pagesOf(24) })
    const free = table({
      key: 'stopped/free',
      columns,
      destination: destination({ name: 'sales', url: fromEnv('SALES_DATABASE_URL') }),
      extract: () => pagesOf(12),
    })
    await engine.define([held, free], { batchBytes: 1024, env: { FINANCE_DATABASE_URL: relay.url, SALES_DATABASE_URL: third.url } })
    const { runId } = await engine.launch('stopped/held')
    await waitFor(async () => Number(await valueOf(other, 'SELECT count(*) FROM millrace_load.batch')) >= 3, { what: 'some batches to be loaded' })
    await relay.stop()
    const wait = await untilDown(engine, runId, 'stopped/held', /ECONNREFUSED/)
    expect(wait).toMatchObject({ destination: 'finance', message: expect.stringMatching(/^Waiting for the destination finance, down since 20/) })
    await engine.succeed('stopped/free')
    expect(await valueOf(third, 'SELECT count(*)::int FROM stopped.free')).toBe(12)
    expect((await engine.view(runId)).status).toBe('started')
    await relay.start()
    const run = await engine.ended(runId)
    expect(run).toMatchObject({ status: 'succeeded', step: { attempt: 1, generation: 1 } })
    expect(run.events.filter((event) => event.kind === 'destination').map((event) => event.message)).toEqual([
      expect.stringMatching(/^Waits for the destination finance: /),
      'The destination finance is there again.',
    ])
    expect(await valueOf(other, 'SELECT count(*)::int FROM stopped.held')).toBe(24)
    expect(await valueOf(other, 'SELECT count(DISTINCT id)::int FROM stopped.held')).toBe(24)
  })
})

// What becomes of a delivery is the same on either backend.
describe('assets of a destination', () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend: 'postgres' })
    return engine.stop
  })

  test('that answers nobody take no slot from those of another', async () => {
    const other = await createEmpty()
    const relay = await startDatabaseRelay(other.url)
    await relay.hush()
    const silent = Array.from({ length: 8 }, (_, n) => table({ key: `silent/no_${String(n)}`, columns, destination: finance, extract: () => pagesOf(1) }))
    const free = table({ key: 'silent/free', columns, extract: () => pagesOf(1) })
    await engine.define([...silent, free], { env: { FINANCE_DATABASE_URL: relay.url } })
    const { runId } = await engine.launch(silent.map((one) => one.key))
    await untilDown(engine, runId, 'silent/no_0', /no connection within 2 s/)
    const began = performance.now()
    for (let n = 0; n < 5; n += 1) await engine.succeed('silent/free')
    // Without it each of them waits behind attempts of 2 s in every slot: 20 s and more.
    expect(performance.now() - began).toBeLessThan(15_000)
    await relay.start()
    expect((await engine.ended(runId)).steps.map((step) => [step.status, step.attempt])).toEqual(silent.map(() => ['succeeded', 1]))
  })

  test('that refuses the login wait, and go on when they are let in', async () => {
    const other = await createEmpty()
    const name = new URL(other.url).pathname.slice(1)
    const url = new URL(other.url)
    url.pathname = `/${name}_later`
    const asset = table({ key: 'refused/rows', columns, destination: finance, extract: () => pagesOf(1) })
    await engine.define([asset], { env: { FINANCE_DATABASE_URL: url.href } })
    const { runId } = await engine.launch('refused/rows')
    await untilDown(engine, runId, 'refused/rows', /database ".*_later" does not exist/)
    await engine.database.pool.query(`CREATE DATABASE ${name}_later TEMPLATE template0`)
    expect(await engine.ended(runId)).toMatchObject({ status: 'succeeded', step: { attempt: 1 } })
  })

  test('that is made read-only in the middle count no attempt, and go on when it takes rows again', async () => {
    const other = await createEmpty()
    const name = new URL(other.url).pathname.slice(1)
    const admin = new pg.Client(engine.database.url)
    await admin.connect()
    onTestFinished(() => admin.end())
    let readOnly: () => void = () => undefined
    const changed = new Promise<void>((resolve) => {
      readOnly = resolve
    })
    const asset = table({
      key: 'frozen/rows',
      columns,
      destination: finance,
      async *extract() {
        yield* pagesOf(2)
        await changed
        yield* pagesOf(20)
      },
    })
    await engine.define([asset], { batchBytes: 1024, env: { FINANCE_DATABASE_URL: other.url } })
    const { runId } = await engine.launch('frozen/rows')
    await waitFor(async () => Number(await valueOf(other, 'SELECT count(*) FROM millrace_load.batch')) >= 1, { what: 'a batch to be loaded' })
    await admin.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`)
    await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'millrace load'`, [name])
    readOnly()
    await untilDown(engine, runId, 'frozen/rows', /read-only transaction/)
    await admin.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`)
    expect(await engine.ended(runId)).toMatchObject({ status: 'succeeded', step: { attempt: 1 } })
    expect(await valueOf(other, 'SELECT count(*)::int FROM frozen.rows')).toBe(22)
  })

  test('whose disk is full wait for room, and count no attempt', async () => {
    const other = await createEmpty()
    const asset = table({ key: 'full/rows', columns, destination: finance, extract: () => pagesOf(3) })
    await engine.define([asset], { batchBytes: 1024, env: { FINANCE_DATABASE_URL: other.url } })
    await engine.succeed('full/rows')
    // What the server says when a file of its cannot grow, said by a trigger.
    await other.pool.query(
      `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
       CREATE TRIGGER full_disk BEFORE INSERT ON millrace_load.batch EXECUTE FUNCTION full_disk()`,
    )
    const { runId } = await engine.launch('full/rows')
    await untilDown(engine, runId, 'full/rows', /No space left on device/)
    await other.pool.query('DROP TRIGGER full_disk ON millrace_load.batch')
    expect(await engine.ended(runId)).toMatchObject({ status: 'succeeded', step: { attempt: 1 } })
    expect(await valueOf(other, 'SELECT count(*)::int FROM "full".rows')).toBe(6)
  })

  test('that is not set here fail and name the variable; others are loaded', async () => {
    const lost = table({ key: 'unset/lost', columns, destination: finance, extract: () => pagesOf(1) })
    const kept = table({ key: 'unset/kept', columns, extract: () => pagesOf(1) })
    await engine.define([lost, kept])
    const run = await engine.run(['unset/lost', 'unset/kept'])
    expect(run.steps.map((step) => [step.asset, step.status])).toEqual([
      ['unset/kept', 'succeeded'],
      ['unset/lost', 'failed'],
    ])
    const { error } = run.steps.find((step) => step.asset === 'unset/lost') ?? {}
    expect(error).toMatchObject({ name: 'ConfigError', code: 'DESTINATION_UNSET', message: expect.stringContaining('FINANCE_DATABASE_URL') })
  })

  test('leave nothing in it when they fail', async () => {
    const other = await createEmpty()
    const asset = table({
      key: 'cleaned/rows',
      columns,
      destination: finance,
      retry: { retries: 0 },
      async *extract() {
        yield* pagesOf(2)
        await waitFor(async () => (await valueOf(other, 'SELECT count(*)::int FROM millrace_load.batch')) === 2, { what: 'the batches to be loaded' })
        throw new Error('the source broke')
      },
    })
    await engine.define([asset], { batchBytes: 1024, env: { FINANCE_DATABASE_URL: other.url } })
    const { step } = await engine.run('cleaned/rows')
    expect(step.status).toBe('failed')
    const staged = () => valueOf(other, `SELECT count(*)::int FROM pg_tables WHERE schemaname = 'millrace_staging'`)
    expect(await staged()).toBe(1)
    await engine.query(`UPDATE millrace.step SET ended_at = ended_at - interval '1 hour', enqueued_at = NULL WHERE id = $1`, [step.id])
    await waitFor(async () => (await staged()) === 0, { what: 'staging to be removed' })
    expect(await valueOf(other, 'SELECT state FROM millrace_load.step')).toBe('abandoned')
  })
})
