import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod'
import { tellBoardAddress } from '../../src/catalog/board-address.ts'
import { clockDifference } from '../../src/cli/doctor/databases.ts'
import { nodeVersion, spaceFinding } from '../../src/cli/doctor/machine.ts'
import {
  atFileEnd,
  createDatabase,
  describe,
  expect,
  redisUrl,
  spawnMillrace,
  startHttpServer,
  startRedisServer,
  temporaryFolder,
  test,
} from '../support/test.ts'
import { startS3Server } from '../support/s3.ts'
import type { TestDatabase } from '../support/test.ts'
import { insertLocation, insertRun } from './catalog-rows.ts'

const Findings = z.array(z.object({ check: z.string(), level: z.enum(['ok', 'warning', 'fault']), message: z.string(), fix: z.string().optional() }))

async function doctor(env: Record<string, string>, cwd?: string) {
  const run = spawnMillrace(['doctor', '--json'], { MILLRACE_HOME: cwd ?? (await temporaryFolder()), ...env })
  const { code } = await run.exited
  expect(run.stderr()).toBe('')
  const findings = Findings.parse(JSON.parse(run.stdout()))
  expect(findings.filter((one) => one.level !== 'ok' && one.fix === undefined)).toEqual([])
  return { code, findings, of: (check: string) => findings.filter((one) => one.check === check) }
}

async function insertProcess(
  { pool }: TestDatabase,
  row: { role: string; queues?: string[]; versions?: object; spool?: string; problem?: string },
): Promise<string> {
  const id = randomUUID()
  await pool.query(
    `INSERT INTO millrace.process (id, role, host, pid, queues, versions, spool, problem, lease_until) VALUES ($1, $2, $3, 4711, $4, $5, $6, $7, now() + interval '1 hour')`,
    [id, row.role, hostname(), row.queues ?? [], row.versions ?? {}, row.spool ?? null, row.problem ?? null],
  )
  return id
}

const everyKind = ['ticks', 'extract', 'transform', 'load', 'ops']

describe('millrace doctor', () => {
  test('says what to start where nothing runs', async () => {
    const folder = await temporaryFolder()
    const { code, of } = await doctor({}, folder)
    expect(code).toBe(1)
    expect(of('database')).toMatchObject([{ level: 'fault', fix: expect.stringContaining('millrace dev') as string }])
    expect(of('node')).toMatchObject([{ level: 'ok' }])
  })

  test('says which setting is wrong, and never its value', async () => {
    const { code, of } = await doctor({ REDIS_URL: 'secret' })
    expect(code).toBe(1)
    expect(of('settings')[0]?.message).toContain('REDIS_URL')
    expect(of('settings')[0]?.message).not.toContain('secret')
  })

  test('names each server that does not answer', async () => {
    const { code, of } = await doctor({
      DATABASE_URL: 'postgres://me:hush@127.0.0.1:1/catalogue',
      DESTINATION_URL: 'postgres://me:hush@127.0.0.1:1/warehouse',
      REDIS_URL: 'redis://127.0.0.1:1',
    })
    expect(code).toBe(1)
    expect(of('database')[0]?.message).toContain('127.0.0.1:1/catalogue does not answer')
    expect(of('destination')[0]?.fix).toContain('DESTINATION_URL')
    expect(of('queues')[0]).toMatchObject({ level: 'fault', message: expect.stringContaining('ECONNREFUSED') as string })
  })

  test('looks at a spool in S3 or Redis', async ({ database }) => {
    const store = await startS3Server()
    const env = { DATABASE_URL: database.url, ...store.env }
    const found = await doctor({ ...env, MILLRACE_SPOOL: `s3://${store.bucket}/spool` })
    expect(found.of('spool')).toContainEqual({ check: 'spool', level: 'ok', message: `s3://${store.bucket}/spool answers` })
    const missing = await doctor({ ...env, MILLRACE_SPOOL: 's3://no-such-bucket/spool' })
    expect(missing.code).toBe(1)
    expect(missing.of('spool')[0]).toMatchObject({ level: 'fault', message: expect.stringContaining('NoSuchBucket'), fix: expect.stringContaining('bucket') })
    const away = await doctor({ ...env, MILLRACE_SPOOL: 'redis://:hush@127.0.0.1:1' })
    expect(away.of('spool')[0]).toMatchObject({ level: 'fault', message: expect.stringContaining('redis://127.0.0.1:1 cannot be used') })
    expect(JSON.stringify(away.findings)).not.toContain('hush')
  })

  test('asks for a migration where the schemas are missing or old', async ({ database }) => {
    const empty = await createDatabase('template0')
    const missing = await doctor({ DATABASE_URL: empty.url })
    await empty.pool.end()
    expect(missing.code).toBe(1)
    for (const check of ['catalogue schema', 'load schema', 'queues'])
      expect(missing.of(check)).toMatchObject([{ level: 'fault', fix: 'Run `millrace migrate`.' }])
    const newer = await createDatabase()
    await newer.pool.query(`INSERT INTO millrace_load.migration (name, checksum) VALUES ('9999-later.sql', '')`)
    const ahead = await doctor({ DATABASE_URL: database.url, DESTINATION_URL: newer.url })
    await newer.pool.end()
    expect(ahead.of('load schema')).toMatchObject([{ level: 'fault', fix: expect.stringContaining('Upgrade') as string }])
    expect(ahead.of('catalogue schema')).toMatchObject([{ level: 'ok' }])
  })

  test('finds nothing wrong where everything works', async () => {
    const database = await createDatabase()
    await insertLocation(database.pool)
    await insertProcess(database, { role: 'worker', queues: everyKind, versions: { shop: 'v1' }, spool: 's1' })
    const leader = await insertProcess(database, { role: 'producers' })
    await database.pool.query(`INSERT INTO millrace.leader (name, holder, epoch, lease_until) VALUES ('producers', $1, 1, now() + interval '1 hour')`, [leader])
    await database.pool.query(`INSERT INTO millrace.setting (name, value) VALUES ('spool', '"s1"')`)
    const board = await startHttpServer((_request, response) => {
      response.end('{}')
    })
    const env = { DATABASE_URL: database.url, PORT: String(board.port), MILLRACE_HOME: await temporaryFolder() }
    const { code, findings } = await doctor(env)
    expect(findings.filter((one) => one.level !== 'ok')).toEqual([])
    expect(code).toBe(0)
    // A board that was started on another port than the settings say has told where it is.
    await tellBoardAddress(database.pool, { url: `http://127.0.0.1:${String(board.port)}`, machine: hostname() })
    const person = spawnMillrace(['doctor'], { ...env, PORT: '1' })
    expect(await person.exited).toMatchObject({ code: 0 })
    expect(person.stdout()).toContain('Nothing is broken.')
    expect(person.stdout()).toMatch(/✓ workers +shop: 1, for every kind of work/)
    await database.pool.end()
  })

  test('names workers, spools, definitions, ticks and a board that are not as they should be', async () => {
    const database = await createDatabase()
    await insertLocation(database.pool)
    await insertRun(database.pool, randomUUID(), 'failed')
    await insertProcess(database, { role: 'worker', queues: ['extract', 'ticks'], versions: { shop: 'v1' }, spool: 's1' })
    await insertProcess(database, { role: 'worker', queues: everyKind, versions: { shop: 'v1' }, spool: 's2', problem: 'It sees another spool.' })
    await database.pool.query(`INSERT INTO millrace.setting (name, value) VALUES ('spool', '"s1"')`)
    await database.pool.query(`UPDATE millrace.location SET error = '{"name":"Error","code":"X","message":"definitions.ts:3 is wrong","hint":"Mend line 3."}'`)
    const daily = { name: 'daily', cron: ['0 0 * * *'], timeZone: 'UTC', assets: ['*'] }
    await database.pool.query(`UPDATE millrace.manifest SET document = jsonb_set(document, '{schedules}', $1)`, [JSON.stringify([daily])])
    // `hourly` is no longer defined: what became of its last tick is nobody's concern.
    await database.pool.query(`INSERT INTO millrace.schedule (location, name, stopped) VALUES ('shop', 'daily', false), ('shop', 'hourly', false)`)
    // Nobody has worked this one for days.
    await database.pool.query(`INSERT INTO millrace.manifest (location, version, document) SELECT 'old', version, document FROM millrace.manifest`)
    await database.pool.query(`INSERT INTO millrace.location (name, version, updated_at) VALUES ('old', 'v1', now() - interval '2 days')`)
    await database.pool.query(
      `INSERT INTO millrace.tick (location, schedule, scheduled_at, cause, status, error) VALUES ('shop', 'daily', now(), 'clock', 'failed', '{"name":"Error","code":"X","message":"no such asset"}'),
         ('shop', 'hourly', now(), 'clock', 'failed', '{"name":"Error","code":"X","message":"no such hour"}')`,
    )
    const { code, of } = await doctor({ DATABASE_URL: database.url, PORT: '1' })
    await database.pool.end()
    expect(code).toBe(1)
    expect(of('workers').map((one) => one.message)).toEqual([
      expect.stringContaining('It sees another spool.'),
      'old: nobody works it, so its runs wait',
      'shop: nobody does transform, load, ops, so runs wait there',
    ])
    expect(of('workers')[1]?.fix).toMatch(/None was seen since .*: if old is gone for good, have it forgotten: millrace locations forget old$/)
    expect(of('producers')).toMatchObject([{ level: 'fault' }])
    expect(of('spool').some((one) => one.level === 'fault' && one.message.includes('2 different spools'))).toBe(true)
    expect(of('definitions')).toMatchObject([
      { level: 'fault', message: 'shop: definitions.ts:3 is wrong', fix: 'Mend line 3. The version that loaded last stays in force until then.' },
    ])
    expect(of('schedules')).toMatchObject([{ level: 'warning', message: expect.stringContaining('no such asset') as string }])
    expect(of('board')).toMatchObject([{ level: 'warning', message: expect.stringContaining('127.0.0.1:1') as string }])
  })

  test.skipIf(redisUrl === undefined)('warns of a Redis that throws jobs away', async ({ database }) => {
    const server = await startRedisServer(join(await temporaryFolder(), 'redis'))
    atFileEnd(() => server.stop())
    const { Redis } = await import('ioredis')
    const redis = new Redis(server.url)
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru')
    await redis.config('SET', 'appendonly', 'no')
    const bad = await doctor({ DATABASE_URL: database.url, REDIS_URL: server.url })
    expect(bad.of('redis memory')).toMatchObject([{ level: 'fault' }])
    expect(bad.of('redis persistence')).toMatchObject([{ level: 'warning' }])
    await redis.config('SET', 'maxmemory-policy', 'noeviction')
    await redis.config('SET', 'appendonly', 'yes')
    redis.disconnect()
    const good = await doctor({ DATABASE_URL: database.url, REDIS_URL: server.url })
    expect([...good.of('queues'), ...good.of('redis memory'), ...good.of('redis persistence')].map((one) => one.level)).toEqual(['ok', 'ok', 'ok'])
  })
})

test('what no test machine has: an old Node, a full disk, another time', () => {
  expect(nodeVersion('24.11.1').level).toBe('fault')
  expect(nodeVersion('24.12.0').level).toBe('ok')
  expect(nodeVersion('26.0.0').level).toBe('ok')
  expect(spaceFinding('home', '/x', 100 * 1024 * 1024, 'MILLRACE_HOME').level).toBe('fault')
  expect(spaceFinding('home', '/x', 1024 * 1024 * 1024, 'MILLRACE_HOME').level).toBe('warning')
  expect(clockDifference(-6000).level).toBe('warning')
  expect(clockDifference(4000).level).toBe('ok')
})
