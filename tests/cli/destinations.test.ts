import { destination, fromEnv } from '../../src/definitions/destination.ts'
import type { DestinationSpec } from '../../src/definitions/destination.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { sqlAsset } from '../../src/definitions/sql-asset.ts'
import { registerProcess } from '../../src/catalog/processes.ts'
import { noteOutage } from '../../src/catalog/destinations.ts'
import { beforeAll, createDatabase, describe, expect, spawnMillrace, temporaryFolder, test } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'

const finance = destination({ name: 'finance', url: fromEnv('FINANCE_DATABASE_URL') })
const sales = destination({ name: 'sales', url: fromEnv('SALES_DATABASE_URL') })
const worker = '33333333-0000-4000-8000-000000000001'

async function define({ pool }: TestDatabase, name: string, ...destinations: DestinationSpec[]): Promise<void> {
  const assets = destinations.map((one) => sqlAsset({ key: `${name}/${one.name}`, destination: one, select: 'SELECT 1', store: { kind: 'view' } }))
  const manifest = JSON.stringify(manifestOf(defineLocation({ name, assets })))
  await pool.query(`INSERT INTO millrace.manifest (location, version, document) VALUES ($1, 'v1', $2)`, [name, manifest])
  await pool.query(`INSERT INTO millrace.location (name, version) VALUES ($1, 'v1')`, [name])
}

describe('destinations that definitions name', () => {
  let catalogue: TestDatabase
  let money: TestDatabase
  let env: Record<string, string>
  beforeAll(async () => {
    catalogue = await createDatabase()
    money = await createDatabase('template0')
    await define(catalogue, 'books', finance, sales)
    await define(catalogue, 'shop', finance)
    env = { DATABASE_URL: catalogue.url, FINANCE_DATABASE_URL: money.url, MILLRACE_HOME: await temporaryFolder() }
    return () => Promise.all([catalogue.pool.end(), money.pool.end()])
  })
  const run = async (...args: string[]) => {
    const process = spawnMillrace(args, env)
    const { code } = await process.exited
    return { code, stdout: process.stdout(), stderr: process.stderr() }
  }

  test('are looked at by the doctor: one not set here, one whose schema is to be made, and what a worker says of one', async () => {
    const row = { id: worker, role: 'worker' as const, host: 'far', pid: 4711, queues: ['load'], versions: { books: 'v1' } }
    await registerProcess(catalogue.pool, row, 60_000)
    await noteOutage(catalogue.pool, worker, { location: 'books', destination: 'finance', reason: 'disk full', since: new Date('2026-11-21T10:00:00Z') })
    const { stdout } = await run('doctor', '--json')
    const findings = (JSON.parse(stdout) as { check: string; level: string; message: string; fix?: string }[]).filter((one) =>
      /^destination \w/.test(one.check),
    )
    expect(findings.map(({ check, level }) => `${check}: ${level}`)).toEqual([
      'destination finance: ok',
      'destination finance: warning',
      'destination sales: fault',
      'destination finance: fault',
    ])
    expect(findings[2]?.message).toBe('The destination sales needs the variable SALES_DATABASE_URL, which is not set.')
    expect(findings[3]?.message).toMatch(/^process 4711 on far cannot use it for books since .*: disk full$/)
  })

  test('that are down are what millrace runs show says that a step waits for', async () => {
    const id = '44444444-0000-4000-8000-000000000001'
    await catalogue.pool.query(`INSERT INTO millrace.run (id, location, version, assets, launched_by) VALUES ($1, 'books', 'v1', '{books/finance}', 'test')`, [
      id,
    ])
    await catalogue.pool.query(
      `INSERT INTO millrace.step (run_id, location, asset, kind, upstream, status, version, destination, enqueued) VALUES ($1, 'books', 'books/finance', 'sql', '{}', 'computing', 'v1', $2, 1)`,
      [id, JSON.stringify(finance)],
    )
    const { stdout } = await run('runs', 'show', '4444')
    expect(stdout).toContain('books/finance: Waiting for the destination finance, down since 2026-11-21 10:00:00 UTC: disk full')
  })

  test('are brought up to date by millrace migrate, once for all locations; what is not set here is left out', async () => {
    const { code, stdout } = await run('migrate')
    expect(code).toBe(0)
    const lines = stdout.split('\n').filter((line) => line.includes(' of '))
    expect(lines).toEqual([
      expect.stringMatching(/^millrace_load of finance: applied 0001-load\.sql/),
      expect.stringMatching(/^millrace_load of sales: left out, .*SALES_DATABASE_URL/),
    ])
    expect((await money.pool.query(`SELECT to_regclass('millrace_load.step') IS NOT NULL AS there`)).rows).toEqual([{ there: true }])
  })

  test('are asked by millrace sql, and printed by millrace url', async () => {
    await money.pool.query('CREATE TABLE invoices AS SELECT 42 AS total')
    expect((await run('sql', '--json', '--destination', 'finance', 'select total from invoices')).stdout).toContain('{"total":42}')
    expect((await run('url', '--destination', 'finance')).stdout).toBe(`${money.url}\n`)
    const unknown = await run('sql', '--destination', 'nowhere', 'select 1')
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('There are: default, finance, sales.') })
  })

  test('of one name and two places are told apart by their location', async () => {
    await define(catalogue, 'other', destination({ name: 'finance', url: fromEnv('OTHER_DATABASE_URL') }))
    expect((await run('url', '--destination', 'finance')).stderr).toContain('Say which one by --location.')
    expect((await run('url', '--destination', 'finance', '--location', 'shop')).stdout).toBe(`${money.url}\n`)
  })
})
