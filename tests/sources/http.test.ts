import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { ConfigError, SourceError } from '../../src/errors.ts'
import { httpClient } from '../../src/sources/http.ts'
import type { HttpRetry } from '../../src/sources/http.ts'
import { retryAfterMs } from '../../src/sources/http-retry.ts'
import { freePort } from '../support/free-port.ts'
import { startHttpServer } from '../support/http-server.ts'
import { failureOf, sourceErrorOf } from './failure.ts'

/** A server that gives these answers one after another, the last one for ever, and counts. */
async function answering(...answers: readonly ((response: ServerResponse, request: IncomingMessage) => unknown)[]) {
  const requests: string[] = []
  const server = await startHttpServer((request, response) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)]
    requests.push(`${request.method ?? ''} ${request.url ?? ''}`)
    return answer?.(response, request)
  })
  return { url: server.url, requests }
}

const status =
  (code: number, body = '', headers: Readonly<Record<string, string>> = {}) =>
  (response: ServerResponse) =>
    response.writeHead(code, headers).end(body)

const quick = { delayMs: 1, maxDelayMs: 2 }

describe('an answer that will not change', () => {
  test.each([
    [401, 'SOURCE_UNAUTHORIZED', 'credentials'],
    [403, 'SOURCE_FORBIDDEN', 'may not do this'],
    [404, 'SOURCE_NOT_FOUND', 'Check the address'],
    [422, 'SOURCE_HTTP_STATUS', 'Check the request'],
  ])('%i is an error at once, that says what, where and what to do', async (code, name, hint) => {
    const server = await answering(status(code, '{"message":"no such thing"}'))
    const error = await sourceErrorOf(httpClient({ retry: quick }).fetchBytes({ url: `${server.url}/devices` }))
    expect(error.message).toBe(`GET ${server.url}/devices answered ${String(code)}: {"message":"no such thing"}`)
    expect(error).toMatchObject({ code: name, retryable: false })
    expect(error.hint).toContain(hint)
    expect(server.requests).toHaveLength(1)
  })

  test('takes its hint from the one who knows the system', async () => {
    const server = await answering(status(401))
    const error = await sourceErrorOf(httpClient({ hints: { 401: 'Check ACME_TOKEN.' } }).fetchBytes({ url: server.url }))
    expect(error.hint).toBe('Check ACME_TOKEN.')
    expect(error.message).toContain('with an empty body')
  })
})

describe('an answer that may pass', () => {
  test('429 is asked again no sooner than Retry-After says', async () => {
    const server = await answering(status(429, 'slow down', { 'retry-after': '1' }), status(200, 'rows'))
    const retries: HttpRetry[] = []
    const began = performance.now()
    const { body } = await httpClient({ retry: quick, onRetry: (retry) => retries.push(retry) }).fetchBytes({ url: server.url })
    expect(body.toString()).toBe('rows')
    expect(retries).toEqual([{ url: `${server.url}/`, status: 429, delayMs: expect.any(Number), failed: 1 }])
    expect(retries[0]?.delayMs).toBeGreaterThanOrEqual(1000)
    expect(performance.now() - began).toBeGreaterThanOrEqual(999)
  })

  test('a Retry-After beyond our patience ends it at once, and is handed to the step', async () => {
    const server = await answering(status(429, '', { 'retry-after': '3600' }))
    const error = await sourceErrorOf(httpClient().fetchBytes({ url: server.url }))
    expect(error).toMatchObject({ code: 'SOURCE_RATE_LIMITED', retryable: true, retryAfterMs: 3_600_000 })
    expect(server.requests).toHaveLength(1)
  })

  test('of a page for a browser the title is told, with secrets hidden', async () => {
    const page = `<!DOCTYPE HTML>\n<html lang="en">\n<head><meta charset="utf-8">\n<title>\nNo such file: ?token=hunter2 </title></head><body><h1>Oh no</h1></body></html>`
    const server = await answering(status(404, page), status(403, '<html><body>No title</body></html>'))
    const messageOf = async () => (await sourceErrorOf(httpClient().fetchBytes({ url: server.url }))).message
    expect(await messageOf()).toBe(`GET ${server.url}/ answered 404: an HTML page, No such file: ?token=[redacted]`)
    expect(await messageOf()).toBe(`GET ${server.url}/ answered 403: <html><body>No title</body></html>`)
  })

  test('500 is asked five times, then is one error', async () => {
    const server = await answering(status(500, 'out of order'))
    const error = await sourceErrorOf(httpClient({ retry: quick }).fetchBytes({ url: server.url }))
    expect(error.message).toBe(`GET ${server.url}/ answered 500 (5 tries): out of order`)
    expect(error).toMatchObject({ code: 'SOURCE_HTTP_STATUS', retryable: true })
    expect(server.requests).toHaveLength(5)
  })

  test.each(['POST', 'DELETE'] as const)('a %s is sent once, whatever the answer', async (method) => {
    const server = await answering(status(503, 'busy'))
    const error = await sourceErrorOf(httpClient({ retry: quick }).fetchBytes({ url: server.url, method }))
    expect(error.retryable).toBe(false)
    expect(server.requests).toEqual([`${method} /`])
  })

  test('Retry-After is seconds or an HTTP date; anything else counts as none', () => {
    const now = Date.UTC(2026, 0, 5, 12, 0, 0)
    expect(retryAfterMs('7', now)).toBe(7000)
    expect(retryAfterMs('Mon, 05 Jan 2026 12:00:09 GMT', now)).toBe(9000)
    expect(retryAfterMs('Mon, 05 Jan 2026 11:00:00 GMT', now)).toBe(0)
    for (const other of [null, '', '-5', 'soon', '2026-01-05']) expect(retryAfterMs(other, now)).toBeUndefined()
  })
})

describe('a connection that fails', () => {
  test('a server that never answers is an error that names the address and the seconds', async () => {
    const server = await answering(() => undefined)
    const error = await sourceErrorOf(httpClient({ idleTimeoutMs: 100 }).fetchBytes({ url: `${server.url}/slow` }))
    expect(error.message).toBe(`GET ${server.url}/slow did not answer within 0.1 s`)
    expect(error).toMatchObject({ code: 'SOURCE_TIMEOUT', retryable: true })
    expect(server.requests).toHaveLength(1)
  })

  test('a server that hangs in the middle of a page is one too', async () => {
    const server = await answering((response) => response.writeHead(200).write('0123456789'))
    const error = await sourceErrorOf(httpClient({ idleTimeoutMs: 600 }).fetchBytes({ url: server.url }))
    expect(error.message).toBe(`GET ${server.url}/ went silent for 0.6 s after 10 bytes of its answer`)
    expect(error.code).toBe('SOURCE_TIMEOUT')
  })

  test.each([
    ['of a known length', { 'content-length': '1000' }],
    ['of chunks', {}],
  ])('a connection cut in the middle of a page %s is an error, and not asked again', async (_, headers) => {
    const server = await answering((response) => response.writeHead(200, headers).write('[{"id":1},', () => response.destroy()))
    const error = await sourceErrorOf(httpClient({ retry: quick }).fetchBytes({ url: server.url }))
    expect(error.message).toMatch(/^The connection of GET http:\/\/127\.0\.0\.1:\d+\/ broke off after \d+ bytes of its answer: /)
    expect(error).toMatchObject({ code: 'SOURCE_CONNECTION_CUT', retryable: true })
    expect(server.requests).toHaveLength(1)
  })

  test('a server that is not there is named', async () => {
    const url = `http://127.0.0.1:${String(await freePort())}/`
    const error = await sourceErrorOf(httpClient().fetchBytes({ url }))
    expect(error.message).toContain(`GET ${url} got no answer: connect ECONNREFUSED`)
    expect(error).toMatchObject({ code: 'SOURCE_UNREACHABLE', retryable: true })
  })

  test('a consumer that takes its time is not taken for a silent server', async () => {
    const server = await answering(status(200, 'x'.repeat(1_000_000)))
    const { chunks } = await httpClient({ idleTimeoutMs: 60 }).fetchStream({ url: server.url })
    let length = 0
    for await (const chunk of chunks) {
      if (length === 0) await delay(200)
      length += chunk.length
    }
    expect(length).toBe(1_000_000)
  })
})

describe('cancelling', () => {
  const reason = new Error('the run was cancelled')

  test('reaches a request, and what is thrown is the reason', async () => {
    const cancel = new AbortController()
    const server = await answering(() => cancel.abort(reason))
    expect(await failureOf(httpClient().fetchBytes({ url: server.url, signal: cancel.signal }))).toBe(reason)
  })

  test('reaches the wait between two tries', async () => {
    const cancel = new AbortController()
    const server = await answering(status(500))
    const client = httpClient({ retry: { delayMs: 60_000, maxDelayMs: 60_000 }, onRetry: () => cancel.abort(reason) })
    expect(await failureOf(client.fetchBytes({ url: server.url, signal: cancel.signal }))).toBe(reason)
  })

  test('closes the connection of a stream that is dropped', async () => {
    let closed: Promise<unknown> | undefined
    const server = await answering((response) => {
      closed = once(response, 'close')
      response.writeHead(200).write('first')
    })
    const { chunks } = await httpClient().fetchStream({ url: server.url })
    for await (const chunk of chunks) {
      expect(Buffer.from(chunk).toString()).toBe('first')
      break
    }
    await closed
  })
})

describe('secrets', () => {
  test('of the address, the headers and the body never come back in an error', async () => {
    const secrets = ['pa55word', 'qu3ry-key', 'b3arer-value', 'f0rm-secret', 'answered-t0ken']
    const server = await answering((response) =>
      response.writeHead(400).end(`${secrets.slice(0, 4).join(' ')} {"access_token":"answered-t0ken","device":"lamp"} Bearer aaaa0bbbcccc`),
    )
    const error = await sourceErrorOf(
      httpClient({ headers: { authorization: 'Bearer b3arer-value' } }).fetchBytes({
        url: `${server.url.replace('//', '//me:pa55word@')}/list?api_key=qu3ry-key&page=3`,
        method: 'POST',
        body: new URLSearchParams({ client_secret: 'f0rm-secret' }),
      }),
    )
    for (const secret of [...secrets, 'aaaa0bbbcccc']) expect(`${error.message} ${String(error.hint)} ${String(error.cause)}`).not.toContain(secret)
    expect(error.message).toContain(`POST ${server.url}/list?api_key=[redacted]&page=3 answered 400`)
    expect(error.message).toContain('"device":"lamp"')
  })

  test('in a header that cannot be sent are not quoted', async () => {
    const error = await failureOf(httpClient({ headers: { authorization: 'Bearer one\ntwo' } }).fetchBytes({ url: 'http://127.0.0.1:1/' }))
    expect(error).toBeInstanceOf(ConfigError)
    expect(error).toMatchObject({
      code: 'SOURCE_HEADER_INVALID',
      message: 'The header authorization for http://127.0.0.1:1/ has a character that HTTP cannot send',
    })
  })
})

test('a user and a password in the address are sent as Basic authorization', async () => {
  const server = await answering((response, request) => response.end(request.headers.authorization))
  const { body } = await httpClient().fetchBytes({ url: server.url.replace('//', '//me:p%40ss@') })
  expect(body.toString()).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`)
})

test('a long body is quoted by its first 200 characters', async () => {
  const server = await answering(status(400, 'é'.repeat(5000)))
  const error = await sourceErrorOf(httpClient().fetchBytes({ url: server.url }))
  expect(error.message.endsWith(`: ${'é'.repeat(200)}…`)).toBe(true)
})

test('a body above the limit is an error, not a full memory', async () => {
  const server = await answering(status(200, 'x'.repeat(5000)))
  const error = await sourceErrorOf(httpClient({ maxBodyBytes: 4999 }).fetchBytes({ url: server.url }))
  expect(error).toMatchObject({ code: 'SOURCE_BODY_TOO_LARGE', retryable: false })
  const { body } = await httpClient({ maxBodyBytes: 5000 }).fetchBytes({ url: server.url })
  expect(body).toHaveLength(5000)
})

test.each(['ftp://example.com/x', '/devices', 'not an address'])('%s is no address', async (url) => {
  const error = await failureOf(httpClient().fetchBytes({ url }))
  expect(error).toBeInstanceOf(ConfigError)
  expect(error).not.toBeInstanceOf(SourceError)
  expect(error).toMatchObject({ code: 'SOURCE_URL_INVALID' })
})
