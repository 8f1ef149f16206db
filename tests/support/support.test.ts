import pg from 'pg'
import {
  atFileEnd,
  backends,
  createDurablePostgres,
  describeBackends,
  expect,
  findRedisServer,
  freePort,
  queuePrefix,
  redisUrl,
  spawnMillrace,
  startHttpServer,
  startRedisServer,
  temporaryFolder,
  test,
  waitFor,
} from './test.ts'

test('a file has a database of its own, migrated', async ({ database }) => {
  const { rows } = await database.pool.query("SELECT nspname FROM pg_namespace WHERE nspname IN ('millrace', 'millrace_load', 'bullmq') ORDER BY 1")
  expect(rows.map((row) => row.nspname)).toEqual(['bullmq', 'millrace', 'millrace_load'])
})

test('a wait that is in vain says for what, and what it saw last', async () => {
  await expect(waitFor(() => null, { what: 'arithmetic to change', timeoutMs: 40 })).rejects.toThrow(
    'waited 40 ms in vain for arithmetic to change; last: null',
  )
})

test('a test server answers on a free port, also when its handler fails', async () => {
  const server = await startHttpServer((request, response) => {
    if (request.url === '/broken') throw new Error('as asked')
    response.end('hello')
  })
  expect(await (await fetch(server.url)).text()).toBe('hello')
  expect(await (await fetch(`${server.url}/broken`)).text()).toContain('as asked')
})

describeBackends('a backend', (backend) => {
  test('is there to be used', () => {
    expect(backends).toContain(backend)
    if (backend === 'redis') expect(redisUrl).toMatch(/^rediss?:/)
    expect(queuePrefix).toMatch(/^t-[0-9a-f]+$/)
  })
})

test('a free port is one', async () => {
  expect(await freePort()).toBeGreaterThan(1023)
})

test('a durable database survives a SIGKILL with all that was committed, at the same address', async () => {
  const database = await createDurablePostgres()
  const pool = new pg.Pool({ connectionString: database.url })
  pool.on('error', () => undefined)
  atFileEnd(() => pool.end())
  expect((await pool.query('SHOW synchronous_commit')).rows).toEqual([{ synchronous_commit: 'on' }])
  await pool.query('CREATE TABLE kept AS SELECT 1 AS one')
  await database.kill()
  await expect(pool.query('TABLE kept')).rejects.toThrow()
  await database.restart()
  expect((await pool.query('TABLE kept')).rows).toEqual([{ one: 1 }])
})

test.skipIf(findRedisServer() === null)('a Redis of its own can be killed and started again where it was', async () => {
  const folder = await temporaryFolder()
  const first = await startRedisServer(folder)
  await first.stop('SIGKILL')
  const second = await startRedisServer(folder, first.port)
  expect(second.url).toBe(first.url)
  await second.stop()
})

test('a process of ours runs with the environment it is given, and its output can be awaited', async () => {
  const helped = spawnMillrace(['--help'])
  await helped.waitForOutput(/worker/)
  expect(await helped.exited).toMatchObject({ code: 0 })
  await expect(spawnMillrace(['--help']).waitForOutput(/never printed/)).rejects.toThrow('ended without printing')
})
