import { shortened } from '../../src/cli/table-output.ts'
import { describe, expect, spawnMillrace, test } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'
import { insertLocation, insertRun } from './catalog-rows.ts'

const runId = '11111111-0000-4000-8000-000000000001'

async function assets(database: TestDatabase, ...args: string[]) {
  const run = spawnMillrace(['assets', ...args], { DATABASE_URL: database.url })
  const { code } = await run.exited
  return { code, stdout: run.stdout(), stderr: run.stderr() }
}

describe('millrace assets', () => {
  test('list says that there are none yet, and what starts a worker', async ({ database }) => {
    const { code, stdout } = await assets(database, 'list')
    expect(code).toBe(0)
    expect(stdout).toContain('millrace dev')
  })

  test('list shows every asset with its last materialization and checks', async ({ database }) => {
    await insertLocation(database.pool)
    await insertRun(database.pool, runId, 'succeeded')
    await database.pool.query(
      `INSERT INTO millrace.asset (location, key, run_id, materialized_at, metadata) VALUES ('shop', 'shop/orders', $1, '2026-11-21T10:00:04Z', '{"rows": 1234, "password": "hush"}')`,
      [runId],
    )
    await database.pool.query(
      `INSERT INTO millrace.check_result (location, asset, name, run_id, passed, blocking, message) VALUES ('shop', 'shop/orders', 'unique_id', $1, false, true, 'twice')`,
      [runId],
    )
    const { stdout } = await assets(database, 'list')
    expect(stdout).toMatch(/shop\/orders +table +shop +shop +2026-11-21 10:00:04 UTC +1,234 +failed: unique_id/)
    expect(stdout).toMatch(/shop\/totals +sql +shop +never/)
    expect(JSON.parse((await assets(database, 'list', '--group', 'shop', '--json')).stdout)).toMatchObject([
      { key: 'shop/orders', table: 'shop.orders', rows: 1234, runId },
    ])
  })

  test('list shows those that selections choose', async ({ database }) => {
    const keys = async (...selections: string[]) =>
      (JSON.parse((await assets(database, 'list', '--json', ...selections)).stdout) as { key: string }[]).map((one) => one.key)
    expect(await keys('shop/orders+ and kind:sql')).toEqual(['shop/totals'])
    expect(await keys('kind:sql', 'shop/o*')).toEqual(['shop/orders', 'shop/totals'])
    const wrong = await assets(database, 'list', 'kind:sql and (shop/orders')
    expect(wrong).toMatchObject({ code: 2, stdout: '' })
    expect(wrong.stderr).toContain(
      'A closing parenthesis is missing, at character 26 of the selection:\n  kind:sql and (shop/orders\n                           ^',
    )
    expect((await assets(database, 'list', 'kind:view')).stderr).toContain('No asset has the kind view (there are table, sql).')
  })

  test('show tells columns, dependencies, configuration and metadata, and no secret', async ({ database }) => {
    const { stdout } = await assets(database, 'show', 'shop/orders')
    expect(stdout).toMatch(/id +bigint, primary key +no/)
    expect(stdout).toMatch(/tags +text\[\] +allowed +What the shop calls it/)
    expect(stdout).toMatch(/Downstream +shop\/totals/)
    expect(stdout).toContain('"since"')
    expect(stdout).toMatch(/not_empty +yes +never run/)
    expect(stdout).toMatch(/unique_id +yes +failed, 20.* UTC +twice/)
    expect(stdout).not.toContain('hush')
    expect((await assets(database, 'show', 'shop/totals')).stdout).toContain('SELECT count(*) FROM shop.orders')
    expect(JSON.parse((await assets(database, 'show', 'shop/orders', '--json')).stdout)).toMatchObject({
      downstream: ['shop/totals'],
      definition: { fingerprint: 'f1' },
    })
  })

  test('list and show say when an asset failed since it was made, and why', async ({ database: { pool, url } }) => {
    const run = '3f2a0000-0000-4000-8000-000000000001'
    const error = { name: 'E', code: 'X', message: `no\n\u001b[2Jrows of ${'many '.repeat(20)}shops` }
    await pool.query(`INSERT INTO millrace.asset_failure VALUES ('shop', 'shop/totals', $1, 'shop/totals', '2026-11-22T10:00:00Z', $2)`, [run, error])
    const database = { pool, url }
    expect((await assets(database, 'list', 'shop/totals')).stdout).toMatch(
      /failed since[^]*never +2026-11-22 10:00:00 UTC, run 3f2a0000: no .*rows of (many ){20}shops/,
    )
    expect([shortened('as long', 7, true), shortened('too long 👍', 8, true), shortened('too long 👍', 8, false)]).toEqual([
      'as long',
      'too lon…',
      'too long 👍',
    ])
    expect((await assets(database, 'show', 'shop/totals')).stdout).toMatch(new RegExp(`Failed +2026-11-22 10:00:00 UTC, run ${run}: no`))
    await pool.query(`INSERT INTO millrace.asset (location, key, materialized_at, metadata) VALUES ('shop', 'shop/totals', '2026-11-22T11:00:00Z', '{}')`)
    expect((await assets(database, 'list', 'shop/totals')).stdout).not.toContain('failed since')
    expect((await assets(database, 'show', 'shop/totals')).stdout).toMatch(/Failed +2026-.* \(it was materialized since\): no/)
    await pool.query(`DELETE FROM millrace.asset WHERE key = 'shop/totals'`)
  })

  test('report writes down what something else did and saw, once for each key', async ({ database }) => {
    await database.pool.query(
      `UPDATE millrace.manifest SET document = jsonb_set(document, '{assets}', document -> 'assets' || $1::jsonb) WHERE location = 'shop'`,
      [
        JSON.stringify([
          {
            kind: 'external',
            key: 'crm/accounts',
            tags: { tier: 'gold' },
            owners: ['team:sales'],
            kinds: ['crm'],
            codeVersion: '3',
            metadata: { page: 'x' },
            deps: [],
            checks: [],
          },
        ]),
      ],
    )
    const said = await assets(database, 'report', 'crm/accounts', '-m', 'rows=1200', '-m', 'note=all of them', '--idempotency-key', 'night')
    expect(said).toMatchObject({ code: 0, stdout: 'The materialization of crm/accounts is written down.\n' })
    expect((await assets(database, 'report', 'crm/accounts', '--idempotency-key', 'night')).stdout).toMatch(
      /^It was reported before, at .*: nothing has changed\.$/m,
    )
    expect((await assets(database, 'report', 'crm/accounts', '--observed', '-m', 'rows=1300')).stdout).toBe(
      'The observation of crm/accounts is written down.\n',
    )
    const { stdout } = await assets(database, 'show', 'crm/accounts')
    for (const line of [
      /Kind +external asset, made by something else/,
      /Owners +team:sales/,
      /Kinds +crm/,
      /Tags +tier=gold/,
      /Code +3/,
      /Last +20.*1,200 rows/,
      /Seen +20/,
    ]) {
      expect(stdout).toMatch(line)
    }
    expect(stdout).toMatch(/Metadata\n.*page.*x[^]*Metadata of the last materialization\n[^]*all of them[^]*Metadata of the last observation\n[^]*1300/)
    expect((await assets(database, 'list', 'owner:team:sales')).stdout).toMatch(/crm\/accounts +external, crm +shop/)
    expect(await assets(database, 'report', 'crm/none')).toMatchObject({ code: 2, stdout: '' })
  })

  test('show of an unknown asset names those that there are', async ({ database }) => {
    const { code, stderr } = await assets(database, 'show', 'orders')
    expect(code).toBe(2)
    expect(stderr).toContain('The assets are: shop/orders, shop/totals, crm/accounts.')
  })
})
