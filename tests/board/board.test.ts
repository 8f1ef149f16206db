import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createBoard } from '../../src/board.ts'
import { createPool } from '../../src/catalog/database.ts'
import { readConfig } from '../../src/config.ts'
import { createQueues } from '../../src/queues/queues.ts'
import { thrownBy } from '../sources/failure.ts'
import { createDurablePostgres, describe, expect, test, waitFor } from '../support/test.ts'
import { seedLocation, seedRun } from './seed.ts'
import { getJson, quiet, startBoard, startQueues } from './start.ts'

/** A request with headers that fetch would not let through. */
function raw(url: string, method: string, headers: Record<string, string>, body = ''): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, setHost: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

describe('the web server', () => {
  test('answers before there is a database, says what is missing, and then serves', async ({ database }) => {
    const board = await startBoard()
    board.starting('Postgres is being unpacked.')
    expect(await getJson(`${board.url}/healthz`)).toEqual({ status: 200, body: { status: 'ok' } })
    expect(await getJson(`${board.url}/readyz`)).toMatchObject({ status: 503, body: { code: 'STARTING', parts: { database: 'Postgres is being unpacked.' } } })
    expect(await getJson(`${board.url}/api/v1/runs`)).toMatchObject({ status: 503, body: { code: 'STARTING' } })
    const starting = await fetch(board.url)
    expect(starting.status).toBe(503)
    expect(await starting.text()).toMatch(/http-equiv="refresh"[\s\S]*Starting…[\s\S]*Postgres is being unpacked/)
    board.ready({ pool: database.pool, queues: startQueues(database) })
    expect(await getJson(`${board.url}/readyz`)).toEqual({ status: 200, body: { status: 'ready', parts: { database: 'ok', schema: 'ok', queues: 'ok' } } })
    expect((await fetch(board.url)).status).toBe(200)
  })

  test('is not ready when the schema is behind', async ({ database }) => {
    const board = await startBoard({ pool: database.pool, queues: startQueues(database), databaseUrl: database.url })
    const { rows } = await database.pool.query(`DELETE FROM millrace.migration RETURNING name, checksum`)
    try {
      expect(await getJson(`${board.url}/readyz`)).toMatchObject({
        status: 503,
        body: { code: 'NOT_READY', parts: { database: 'ok', schema: expect.stringContaining('millrace migrate') } },
      })
    } finally {
      for (const row of rows) await database.pool.query(`INSERT INTO millrace.migration (name, checksum) VALUES ($1, $2)`, [row.name, row.checksum])
    }
  })

  test('says so while the database is away, and serves again when it is back', async () => {
    const server = await createDurablePostgres()
    const own = createPool({ url: server.url, max: 4, name: 'board test', logger: quiet })
    const queues = createQueues({ databaseUrl: server.url, prefix: 'x', logger: quiet })
    const board = await startBoard({ pool: own, queues, databaseUrl: server.url })
    expect((await fetch(`${board.url}/readyz`)).status).toBe(200)
    await server.kill()
    expect(await getJson(`${board.url}/readyz`)).toMatchObject({ status: 503, body: { code: 'NOT_READY' } })
    expect(await getJson(`${board.url}/api/v1/runs`)).toMatchObject({ status: 503, body: { code: 'DATABASE_UNAVAILABLE' } })
    const page = await fetch(board.url, { headers: { accept: 'text/html' } })
    expect([page.status, await page.text()]).toEqual([503, expect.stringMatching(/http-equiv="refresh"[\s\S]*The database does not answer/)])
    expect((await fetch(`${board.url}/healthz`)).status).toBe(200)
    await server.restart()
    await waitFor(async () => (await fetch(`${board.url}/readyz`)).status === 200, { what: 'the board to be ready again' })
    expect((await fetch(board.url)).status).toBe(200)
    await board.close()
    await queues.close()
    await own.end()
  })

  test('refuses an address that others reach, unless told', async () => {
    const options = { logger: quiet, port: 0, host: '0.0.0.0' }
    await expect(createBoard({ ...options, insecure: false })).rejects.toMatchObject({
      name: 'ConfigError',
      code: 'HOST_NOT_LOOPBACK',
      hint: expect.stringContaining('MILLRACE_INSECURE'),
    })
    const open = await createBoard({ ...options, insecure: true })
    expect((await fetch(`${open.url}/healthz`)).status).toBe(200)
    await open.close()
  })

  test('says that PORT chooses another when the port is taken', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    await expect(createBoard({ logger: quiet, host: '127.0.0.1', port, insecure: false })).rejects.toMatchObject({
      name: 'ConfigError',
      code: 'PORT_TAKEN',
      hint: expect.stringContaining('PORT='),
    })
    await new Promise((resolve) => other.close(resolve))
  })

  test('answers to names of this machine only, so that no rebound name reaches it', async ({ database }) => {
    const board = await startBoard({ pool: database.pool, queues: startQueues(database) })
    const { port } = new URL(board.url)
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]) {
      expect((await raw(`${board.url}/`, 'GET', { host })).status).toBe(200)
    }
    const rebound = await raw(`${board.url}/api/v1/runs`, 'GET', { host: `evil.example:${port}` })
    expect(rebound.status).toBe(403)
    expect(JSON.parse(rebound.text)).toMatchObject({ code: 'HOST_NOT_ALLOWED' })
  })

  test('answers to addresses and to the names it was given, and to no other, where others reach it', async () => {
    const { hosts } = readConfig({ MILLRACE_HOSTS: 'other.example, Millrace.example' })
    const board = await startBoard({ host: '0.0.0.0', insecure: true, hosts })
    const { port } = new URL(board.url)
    const status = async (host: string) => (await raw(`${board.url}/readyz`, 'GET', { host })).status
    // 503: it has no database, and says so.
    for (const host of ['localhost', '127.0.0.1', '192.0.2.7', '[2001:db8::7]', 'millrace.example']) expect(await status(`${host}:${port}`)).toBe(503)
    for (const host of ['evil.example', '127.0.0.1.evil.example', 'board', 'millrace.example.evil.example', '']) {
      const refused = await raw(`${board.url}/api/v1/runs`, 'GET', { host: host === '' ? '' : `${host}:${port}` })
      expect([refused.status, JSON.parse(refused.text)]).toEqual([
        403,
        expect.objectContaining({ code: 'HOST_NOT_ALLOWED', hint: expect.stringContaining('MILLRACE_HOSTS') }),
      ])
    }
  })

  test.for(['http://millrace.example', 'millrace.example:3000', 'one.example,,two.example'])('takes %s for no list of names', (value) => {
    expect(thrownBy(() => readConfig({ MILLRACE_HOSTS: value }))).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('MILLRACE_HOSTS') })
  })

  test('lets only its own pages, and programs, change anything', async ({ database }) => {
    const board = await startBoard({ pool: database.pool, queues: startQueues(database) })
    await seedLocation(database.pool, 'guarded')
    const { host } = new URL(board.url)
    const body = JSON.stringify({ assets: ['guarded/sales'] })
    const json = { host, 'content-type': 'application/json', 'content-length': String(body.length) }
    const post = (headers: Record<string, string>, path = '/api/v1/runs') => raw(`${board.url}${path}`, 'POST', headers, body)
    const counted = async () => (await database.pool.query(`SELECT count(*)::int AS n FROM millrace.run WHERE location = 'guarded'`)).rows[0].n
    expect((await post({ ...json, origin: 'http://evil.example' })).status).toBe(403)
    expect((await post({ ...json, origin: 'null' })).status).toBe(403)
    expect((await post({ ...json, 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    expect((await post({ ...json, 'content-type': 'text/plain' })).status).toBe(415)
    expect((await post({ ...json, 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(415)
    expect((await post({ ...json, 'content-type': 'text/plain' }, '/queues/api/queues/guarded.ops/add')).status).toBe(415)
    expect((await post({ ...json, origin: 'http://evil.example' }, '/queues/api/queues/guarded.ops/add')).status).toBe(403)
    expect(await counted()).toBe(0)
    expect((await post({ ...json, origin: `http://${host}` })).status).toBe(201)
    expect((await post(json)).status).toBe(201)
    expect(await counted()).toBe(2)
  })

  test('sends a policy without inline script or style, and no promise of https', async () => {
    const board = await startBoard()
    const { headers } = await fetch(`${board.url}/healthz`)
    expect(headers.get('content-security-policy')).toContain("default-src 'self'")
    expect(headers.get('content-security-policy')).not.toMatch(/unsafe-inline|upgrade-insecure-requests/)
    expect(headers.get('strict-transport-security')).toBeNull()
    expect(headers.get('referrer-policy')).toBe('same-origin')
  })

  test('tells open pages of a change, four times a second at most', async ({ database }) => {
    const board = await startBoard({ pool: database.pool, queues: startQueues(database) })
    const aborted = new AbortController()
    const response = await fetch(`${board.url}/api/v1/events/stream`, { signal: aborted.signal })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    let text = ''
    const read = (async () => {
      for await (const chunk of response.body ?? []) text += new TextDecoder().decode(chunk)
    })().catch(() => undefined)
    const seen = () => text.split('event: change').length - 1
    await waitFor(
      async () => {
        await database.pool.query(`SELECT pg_notify('millrace_change', '{"runs":[]}')`)
        return seen() > 0
      },
      { what: 'a change event' },
    )
    const [before, start] = [seen(), performance.now()]
    for (let i = 0; i < 50; i += 1) await database.pool.query(`SELECT pg_notify('millrace_change', '{"runs":[]}')`)
    await waitFor(() => seen() > before, { what: 'another change event' })
    expect(seen() - before).toBeLessThanOrEqual(Math.ceil((performance.now() - start) / 250) + 1)
    aborted.abort()
    await read
  })

  test('closes with streams and kept-alive connections open', async ({ database }) => {
    const board = await createBoard({ logger: quiet, host: 'localhost', port: 0, insecure: false, pool: database.pool, queues: startQueues(database) })
    await seedLocation(database.pool, 'closing')
    await seedRun(database.pool, { location: 'closing' })
    const stream = await fetch(`${board.url}/api/v1/events/stream`)
    await board.close()
    await expect(stream.text()).resolves.toContain('retry')
    await expect(fetch(`${board.url}/healthz`)).rejects.toThrow()
  })
})
