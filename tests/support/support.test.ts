import { expect, test, waitFor, startHttpServer, backends, redisUrl, queuePrefix, freePort, describeBackends } from './test.ts'

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
