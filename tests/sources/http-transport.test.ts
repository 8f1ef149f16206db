import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { httpClient } from '../../src/sources/http.ts'
import { startHttpServer } from '../support/http-server.ts'
import { failureOf, sourceErrorOf } from './failure.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

/** A server that keeps what it was asked, and over which connections. */
async function serving(handler: Handler) {
  const requests: IncomingMessage[] = []
  const sockets = new Set<Socket>()
  const server = await startHttpServer((request, response) => {
    requests.push(request)
    sockets.add(request.socket)
    return handler(request, response)
  })
  return { url: server.url, requests, sockets }
}

const quick = { delayMs: 1, maxDelayMs: 2 }

test('connections are used again, after a failed try and a redirect too', async () => {
  const server = await serving((request, response) => {
    if (request.url === '/moved') return response.writeHead(302, { location: '/' }).end('moved')
    if (server.requests.length % 5 === 0) return response.writeHead(503).end('busy')
    return response.end('x'.repeat(300_000))
  })
  const client = httpClient({ retry: quick })
  for (let page = 0; page < 20; page += 1) await client.fetchBytes({ url: server.url + (page % 4 === 0 ? '/moved' : '/') })
  expect(server.requests.length).toBeGreaterThan(25)
  // The next request may be sent a moment before the connection of the last one counts as free.
  expect(server.sockets.size).toBeLessThanOrEqual(2)
})

test('cancelling while a body streams closes its connection, and what is thrown is the reason', async () => {
  let closed: Promise<unknown> | undefined
  const server = await serving((_, response) => {
    closed = once(response, 'close')
    response.writeHead(200).write('first')
  })
  const cancel = new AbortController()
  const reason = new Error('the run was cancelled')
  const { chunks } = await httpClient().fetchStream({ url: server.url, signal: cancel.signal })
  await chunks.next()
  const rest = failureOf(chunks.next())
  cancel.abort(reason)
  expect(await rest).toBe(reason)
  await closed
})

test('a body above the limit closes its connection', async () => {
  let closed: Promise<unknown> | undefined
  const server = await serving((_, response) => {
    closed = once(response, 'close')
    response.writeHead(200).write('x'.repeat(5000))
  })
  expect(await sourceErrorOf(httpClient({ maxBodyBytes: 4999 }).fetchBytes({ url: server.url }))).toMatchObject({ code: 'SOURCE_BODY_TOO_LARGE' })
  await closed
})

test('a server that dies in the middle of a body is an error that may be tried again', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n[{"id":1},', () => socket.resetAndDestroy())
    })
  })
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  const url = `http://127.0.0.1:${String(typeof address === 'object' ? address?.port : '')}/`
  const error = await sourceErrorOf(httpClient({ retry: quick }).fetchBytes({ url }))
  expect(error.retryable).toBe(true)
  // A reset may overtake the beginning of the answer.
  expect(['SOURCE_CONNECTION_CUT', 'SOURCE_UNREACHABLE']).toContain(error.code)
})

test('a body that drips is waited for until it falls silent, however long it takes in all', async () => {
  const server = await serving((_, response) => {
    let drips = 0
    const timer = setInterval(() => {
      drips += 1
      response.write('.')
      if (drips === 8) clearInterval(timer)
    }, 50)
  })
  const error = await sourceErrorOf(httpClient({ idleTimeoutMs: 300 }).fetchBytes({ url: server.url }))
  expect(error).toMatchObject({ code: 'SOURCE_TIMEOUT', retryable: true, message: `GET ${server.url}/ went silent for 0.3 s after 8 bytes of its answer` })
})

const text = 'a row, '.repeat(50_000)

test.each([
  ['gzip', gzipSync(text)],
  ['X-GZIP', gzipSync(text)],
  ['deflate', deflateSync(text)],
  ['br', brotliCompressSync(text)],
  ['zstd', zstdCompressSync(text)],
  ['gzip, br', brotliCompressSync(gzipSync(text))],
  ['identity', Buffer.from(text)],
  ['of-our-own', Buffer.from(text)],
])('a body sent as %s is read as what it was', async (encoding, body) => {
  const server = await serving((_, response) => response.writeHead(200, { 'content-encoding': encoding }).end(body))
  expect((await httpClient().fetchBytes({ url: server.url })).body.toString()).toBe(text)
  expect(server.requests[0]?.headers['accept-encoding']).toBe('gzip, deflate, br')
})

test('a compressed error is read, and its limit counts what it becomes', async () => {
  const server = await serving((request, response) =>
    response.writeHead(request.url === '/' ? 200 : 400, { 'content-encoding': 'gzip' }).end(gzipSync(request.url === '/' ? text : 'no such field')),
  )
  expect((await sourceErrorOf(httpClient().fetchBytes({ url: `${server.url}/bad` }))).message).toContain('answered 400: no such field')
  const error = await sourceErrorOf(httpClient({ maxBodyBytes: text.length - 1 }).fetchBytes({ url: server.url }))
  expect(error.code).toBe('SOURCE_BODY_TOO_LARGE')
})

test.each([
  ['cut off', gzipSync(text).subarray(0, 200)],
  ['damaged', Buffer.from('this is no gzip')],
])('a compressed body that is %s is never taken for a whole one', async (_, body) => {
  const server = await serving((__, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(body))
  expect(await sourceErrorOf(httpClient().fetchBytes({ url: server.url }))).toMatchObject({ code: 'SOURCE_CONNECTION_CUT', retryable: true })
})

test.each([
  [301, 'POST', 'GET', ''],
  [302, 'POST', 'GET', ''],
  [303, 'PUT', 'GET', ''],
  [307, 'POST', 'POST', 'a=1'],
  [308, 'PUT', 'PUT', 'a=1'],
] as const)('%i after %s is followed by %s', async (status, method, then, sent) => {
  const server = await serving(async (request, response) => {
    if (request.url === '/') return response.writeHead(status, { location: '/there?x=1' }).end()
    const body = (await request.toArray()).join('')
    return response.end(JSON.stringify([request.method, request.headers['content-type'] ?? null, body]))
  })
  const answer = await httpClient().fetchBytes({ url: server.url, method, body: new URLSearchParams({ a: '1' }) })
  expect(JSON.parse(answer.body.toString())).toEqual([then, sent === '' ? null : 'application/x-www-form-urlencoded;charset=UTF-8', sent])
  expect(answer.url).toBe(`${server.url}/there?x=1`)
})

test('a redirect to another server carries no secrets there', async () => {
  const other = await serving((_, response) => response.end('[]'))
  const server = await serving((request, response) =>
    request.url === '/' ? response.writeHead(302, { location: '/again' }).end() : response.writeHead(302, { location: other.url }).end(),
  )
  const secrets = { authorization: 'Bearer one', cookie: 'session=two', 'x-api-key': 'three' }
  await httpClient({ headers: { ...secrets, 'x-plain': 'four' } }).fetchBytes({ url: server.url })
  expect(server.requests[1]?.headers).toMatchObject(secrets)
  // Any header may be a credential, whatever its name.
  for (const name of [...Object.keys(secrets), 'x-plain']) expect(other.requests[0]?.headers).not.toHaveProperty(name)
  expect(other.requests[0]?.headers).toMatchObject({ accept: '*/*', 'user-agent': 'millrace' })
})

test.each([
  ['in a circle', '/', 'SOURCE_REDIRECTS', 'was redirected more than 20 times'],
  ['to a file', 'file:///etc/hostname', 'SOURCE_REDIRECT_REFUSED', 'no address of http or https'],
])('redirects %s are an error', async (_, location, code, reason) => {
  const server = await serving((__, response) => response.writeHead(302, { location }).end())
  const error = await sourceErrorOf(httpClient().fetchBytes({ url: server.url }))
  expect(error).toMatchObject({ code, retryable: false })
  expect(error.message).toContain(reason)
})
