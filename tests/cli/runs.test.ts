import { insertEvents } from '../../src/catalog/events.ts'
import { createDatabase, describe, expect, spawnMillrace, test } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'
import { insertLocation, insertRun } from './catalog-rows.ts'

const failed = '11111111-0000-4000-8000-000000000001'
const succeeded = '22222222-0000-4000-8000-000000000001'
const twin = '22222222-0000-4000-8000-000000000002'

async function runs(database: TestDatabase, ...args: string[]) {
  const run = spawnMillrace(['runs', ...args], { DATABASE_URL: database.url })
  const { code } = await run.exited
  return { code, stdout: run.stdout(), stderr: run.stderr() }
}

describe('millrace runs', () => {
  let prepared: Promise<void> | undefined
  const prepare = (database: TestDatabase): Promise<void> =>
    (prepared ??= (async () => {
      await insertLocation(database.pool)
      await insertRun(database.pool, failed, 'failed', '2026-11-21T09:00:00Z')
      await insertRun(database.pool, succeeded, 'succeeded', '2026-11-21T10:00:00Z')
      await insertRun(database.pool, twin, 'succeeded', '2026-11-21T11:00:00Z')
      await database.pool.query(`UPDATE millrace.run SET job = 'daily_report', partitions = '{2026-11-20}' WHERE id = $1`, [twin])
      await database.pool.query(
        `INSERT INTO millrace.check_history (location, asset, name, run_id, passed, blocking, message) VALUES ('shop', 'shop/orders', 'unique_id', $1, false, true, '3 ids are there twice')`,
        [failed],
      )
      const ddl = ['ALTER TABLE "shop"."orders"\n  ADD COLUMN "tags" text[]']
      await insertEvents(database.pool, [{ runId: failed, asset: 'shop/orders', kind: 'schema', message: 'The table shop.orders was changed.', data: { ddl } }])
    })())

  test('list shows the newest first, and only those asked for', async ({ database }) => {
    await prepare(database)
    const { code, stdout } = await runs(database, 'list')
    expect(code).toBe(0)
    expect(
      stdout
        .split('\n')
        .slice(2, 5)
        .map((line) => line.slice(0, 36)),
    ).toEqual([twin, succeeded, failed])
    expect(stdout).toContain('1,234')
    expect(stdout).toMatch(/daily_report +2026-11-20\n/)
    expect(JSON.parse((await runs(database, 'list', '--status', 'failed', '--json')).stdout)).toMatchObject([{ id: failed, assets: ['shop/orders'] }])
    expect(JSON.parse((await runs(database, 'list', '--limit', '1', '--json')).stdout)).toHaveLength(1)
    expect((await runs(database, 'list', '--asset', 'shop/totals')).stdout).toBe('There are no such runs.\n')
    expect((await runs(database, 'list', '--status', 'lost')).code).toBe(2)
  })

  test('show tells steps, errors with hint and cause, and checks, by the beginning of an id', async ({ database }) => {
    await prepare(database)
    const { stdout } = await runs(database, 'show', '1111')
    expect(stdout).toContain(failed)
    expect(stdout).toContain('"since":"2026"')
    expect(stdout).not.toContain('hush')
    expect(stdout).toMatch(/shop\/orders +failed +2 .* 4\.2 s/)
    expect(stdout).toContain('✗ The shop answered 503. (SOURCE_HTTP_STATUS)\n  → Try again later.\n  because: socket hang up')
    expect(stdout).toContain('The table shop.orders was changed.\n  ALTER TABLE "shop"."orders"\n    ADD COLUMN "tags" text[];\n')
    expect(stdout).toMatch(/unique_id +shop\/orders +failed, blocking +3 ids are there twice/)
    expect(JSON.parse((await runs(database, 'show', failed, '--json')).stdout)).toMatchObject({
      id: failed,
      steps: [{ attempt: 2, error: { code: 'SOURCE_HTTP_STATUS' } }],
      checks: [{ passed: false }],
      schema: [{ asset: 'shop/orders', ddl: [expect.stringContaining('ADD COLUMN')] }],
    })
    expect((await runs(database, 'show', twin)).stdout).toMatch(/\nJob +daily_report\n[^]*\nPartitions +2026-11-20\n/)
    const ambiguous = await runs(database, 'show', '2222')
    expect(ambiguous).toMatchObject({ code: 2, stdout: '' })
    expect(ambiguous.stderr).toContain(twin)
    expect((await runs(database, 'show', '%')).stderr).toContain('RUN_UNKNOWN')
  })

  test('cancel ends a run, and says so when it has ended already', async ({ database }) => {
    await prepare(database)
    const id = '33333333-0000-4000-8000-000000000001'
    await insertRun(database.pool, id, 'started')
    expect((await runs(database, 'cancel', '3333')).stdout).toBe(`Run ${id} was canceled.\n`)
    expect((await database.pool.query('SELECT status FROM millrace.run WHERE id = $1', [id])).rows).toEqual([{ status: 'canceled' }])
    const again = await runs(database, 'cancel', '3333')
    expect(again.code).toBe(1)
    expect(again.stderr).toContain('has ended (canceled)')
  })

  test('logs --follow prints what comes until the run has ended, and fails with it', async ({ database }) => {
    await prepare(database)
    const id = '44444444-0000-4000-8000-000000000001'
    await insertRun(database.pool, id, 'started')
    const say = (message: string) =>
      database.pool.query(`INSERT INTO millrace.event (run_id, asset, kind, message) VALUES ($1, 'shop/orders', 'log', $2)`, [id, message])
    await say('first line')
    const following = spawnMillrace(['runs', 'logs', '4444', '-f'], { DATABASE_URL: database.url })
    await following.waitForOutput(/shop\/orders: first line/)
    await say('second \u001B[2Jline')
    await database.pool.query(`SELECT pg_notify('millrace_change', $1)`, [JSON.stringify({ runs: [id] })])
    await following.waitForOutput(/second \\u001b\[2Jline/)
    await say('last line')
    await database.pool.query(`UPDATE millrace.run SET status = 'failed', ended_at = now() WHERE id = $1`, [id])
    expect(await following.exited).toMatchObject({ code: 1 })
    expect(following.stdout().match(/line$/gm)).toHaveLength(3)
    const once = await runs(database, 'logs', '4444')
    expect(once.code).toBe(0)
    expect(once.stdout).toBe(following.stdout())
  })

  test('logs prints what is asked for only', async ({ database }) => {
    await prepare(database)
    const id = '66666666-0000-4000-8000-000000000001'
    await insertRun(database.pool, id, 'started')
    await insertEvents(database.pool, [
      { runId: id, asset: 'shop/orders', kind: 'log', level: 'debug', message: 'a detail' },
      { runId: id, asset: 'shop/orders', kind: 'log', level: 'warn', message: 'Slow page', data: { rows: 3, file: 'a b.csv', apiKey: 'hush' } },
      { runId: id, asset: 'shop/totals', kind: 'failure', level: 'error', message: 'it broke', data: { error: 'told' } },
    ])
    const logged = async (...options: string[]) => (await runs(database, 'logs', '6666', ...options)).stdout.match(/(a detail|Slow page.*|it broke)$/gm)
    // The fields of what code logged stand behind it.
    const slow = 'Slow page file="a b.csv" rows=3 apiKey=[redacted]'
    expect(await logged()).toEqual(['a detail', slow, 'it broke'])
    expect(await logged('--level', 'warn')).toEqual([slow, 'it broke'])
    expect(await logged('--step', 'shop/orders', '--kind', 'log', '--text', 'slow')).toEqual([slow])
    expect((await runs(database, 'logs', '6666', '--level', 'loud')).code).not.toBe(0)
  })

  test('says what to run where there is no catalogue', async () => {
    const empty = await createDatabase('template0')
    const { code, stderr } = await runs(empty, 'list')
    await empty.pool.end()
    expect(code).toBe(1)
    expect(stderr).toContain('millrace migrate')
  })
})
