import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { createGzip, gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { httpClient } from '../../src/sources/http.ts'
import type { HttpClientOptions } from '../../src/sources/http.ts'
import { startHttpServer } from '../support/http-server.ts'
import { waitFor } from '../support/wait-for.ts'
import { collect, sourceErrorOf } from './failure.ts'
import { pour, startRawServer } from './raw-server.ts'

const mebibyte = 1024 * 1024
const quick = { delayMs: 1, maxDelayMs: 2, tries: 1 }

const failing = (url: string, options: HttpClientOptions = {}) => sourceErrorOf(httpClient({ retry: quick, ...options }).fetchBytes({ url }))

/** Says something every few milliseconds. */
function drip(write: () => unknown, everyMs = 5): void {
  const timer = setInterval(write, everyMs)
  onTestFinished(() => clearInterval(timer))
}

/** Runs and answers by how many bytes the process grew meanwhile, at most. */
async function growth(run: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage().rss
  let most = 0
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss - before)
  }, 5)
  await run().finally(() => clearInterval(timer))
  return Math.max(most, process.memoryUsage().rss - before)
}

describe('a body without end', () => {
  const zeros = Buffer.alloc(64 * 1024)
  const endless = () =>
    startRawServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      pour(socket, () => Buffer.concat([Buffer.from('10000\r\n'), zeros, Buffer.from('\r\n')]))
    })

  test('ends at maxBodyBytes, and its connection with it', async () => {
    const server = await endless()
    const error = await failing(server.url, { maxBodyBytes: mebibyte })
    expect(error).toMatchObject({ code: 'SOURCE_BODY_TOO_LARGE', retryable: false, message: `GET ${server.url}/ answered with more than 1048576 bytes` })
    await waitFor(() => [...server.sockets].every((socket) => socket.destroyed), { what: 'the connection to close' })
  })

  test('as a stream ends at maxStreamBytes', async () => {
    const server = await endless()
    const { chunks } = await httpClient({ maxStreamBytes: 3 * mebibyte }).fetchStream({ url: server.url })
    const error = await sourceErrorOf(collect(chunks))
    expect(error).toMatchObject({ code: 'SOURCE_BODY_TOO_LARGE', retryable: false })
    expect(error.hint).toContain('maxStreamBytes')
  })

  test('that says its length is refused before it is read', async () => {
    const server = await startRawServer((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n['))
    expect(await failing(server.url)).toMatchObject({ code: 'SOURCE_BODY_TOO_LARGE' })
  })

  test('of an error is read no further than its message shows', async () => {
    const server = await startRawServer((socket) => {
      socket.write('HTTP/1.1 400 Bad\r\ntransfer-encoding: chunked\r\n\r\n')
      pour(socket, () => `10000\r\n${'no '.repeat(21845)}x\r\n`)
    })
    expect(await failing(server.url)).toMatchObject({ code: 'SOURCE_HTTP_STATUS' })
  })
})

describe('a zip bomb', () => {
  /** 64 MiB of zeros a part, for ever: about 64 KiB each on the wire. */
  const bomb = (response: ServerResponse): void => {
    response.writeHead(200, { 'content-encoding': 'gzip' })
    const gzip = createGzip()
    gzip.pipe(response)
    gzip.on('error', () => undefined)
    response.on('close', () => gzip.destroy())
    const zeros = Buffer.alloc(mebibyte)
    const more = (): void => {
      while (!gzip.destroyed && gzip.write(zeros));
      if (!gzip.destroyed) gzip.once('drain', more)
    }
    more()
  }

  test('ends at maxCompressionRatio, long before maxBodyBytes, in flat memory', async () => {
    const server = await startHttpServer((_, response) => bomb(response))
    let code: string | undefined
    const grown = await growth(async () => {
      const error = await failing(server.url)
      code = error.code
      expect(error.message).toContain('bytes that become more than 250 times as many')
    })
    expect(code).toBe('SOURCE_COMPRESSION_RATIO')
    expect(grown).toBeLessThan(150 * mebibyte)
  })

  test('is let through where maxCompressionRatio says so, and still ends at maxBodyBytes', async () => {
    const server = await startHttpServer((_, response) => bomb(response))
    expect(await failing(server.url, { maxCompressionRatio: 2000, maxBodyBytes: 20 * mebibyte })).toMatchObject({ code: 'SOURCE_BODY_TOO_LARGE' })
  })

  test('in the message of an error is read no further than its message shows', async () => {
    const body = gzipSync(Buffer.alloc(64 * mebibyte))
    const server = await startHttpServer((_, response) => response.writeHead(500, { 'content-encoding': 'gzip' }).end(body))
    expect(await failing(server.url)).toMatchObject({ code: 'SOURCE_HTTP_STATUS' })
  })

  test('in a bomb in a bomb meets maxContentEncodings', async () => {
    const encodings = Array.from({ length: 6 }, () => 'gzip').join(', ')
    const server = await startHttpServer((_, response) => response.writeHead(200, { 'content-encoding': encodings }).end('x'))
    expect(await failing(server.url)).toMatchObject({ code: 'SOURCE_ENCODINGS', retryable: false })
  })

  test('is not what 16 MiB of rows that are all alike are taken for', async () => {
    const rows = `[${'{"a":1},'.repeat(mebibyte)}{}]`
    const server = await startHttpServer((_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(rows)))
    expect((await httpClient().fetchBytes({ url: server.url })).body).toHaveLength(rows.length)
  })
})

describe('headers', () => {
  const flood = (line: (index: number) => string) =>
    startRawServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      let index = 0
      pour(socket, () => line((index += 1)))
    })

  test.each([
    ['without end', (index: number) => `x-${String(index)}: ${'y'.repeat(50)}\r\n`],
    ['of which one is without end', (index: number) => (index === 1 ? 'x-huge: ' : 'y'.repeat(4096))],
    ['whose name is without end', () => 'y'.repeat(4096)],
  ])('%s end at maxHeaderBytes', async (_, line) => {
    const server = await flood(line)
    const error = await failing(server.url)
    expect(error).toMatchObject({
      code: 'SOURCE_HEADERS_TOO_LARGE',
      retryable: false,
      message: `GET ${server.url}/ answered with more than 16384 bytes of headers`,
    })
  })

  test('of 20 KiB are taken where maxHeaderBytes says so', async () => {
    const server = await startHttpServer((_, response) => response.writeHead(200, { 'x-large': 'y'.repeat(20_000) }).end('[]'))
    expect(await failing(server.url)).toMatchObject({ code: 'SOURCE_HEADERS_TOO_LARGE' })
    expect((await httpClient({ maxHeaderBytes: 32 * 1024 }).fetchBytes({ url: server.url })).body.toString()).toBe('[]')
  })

  test('behind the body end at maxHeaderBytes too', async () => {
    const server = await startRawServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n')
      let index = 0
      pour(socket, () => `x-${String((index += 1))}: ${'y'.repeat(50)}\r\n`)
    })
    expect(await failing(server.url)).toMatchObject({ code: 'SOURCE_HEADERS_TOO_LARGE' })
  })

  test('before the headers, without end, end at idleTimeoutMs', async () => {
    const server = await startRawServer((socket) => drip(() => socket.write('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n')))
    expect(await failing(server.url, { idleTimeoutMs: 200 })).toMatchObject({ code: 'SOURCE_TIMEOUT' })
  })
})

describe('a server that drips', () => {
  test('its headers, a byte at a time, ends at idleTimeoutMs', async () => {
    const server = await startRawServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nx-slow: ')
      drip(() => socket.write('y'))
    })
    expect(await failing(server.url, { idleTimeoutMs: 200 })).toMatchObject({ code: 'SOURCE_TIMEOUT', retryable: true })
  })

  const slow =
    (start: string, length = 100_000) =>
    (socket: Socket) => {
      socket.write(`HTTP/1.1 ${start}\r\ncontent-length: ${String(length)}\r\n\r\n`)
      drip(() => socket.write('y'))
    }

  test('its body ends at minBytesPerSecond, as a stream too', async () => {
    const server = await startRawServer(slow('200 OK'))
    const limits = { minBytesPerSecond: 10_000, minRateWindowMs: 100 }
    const error = await failing(server.url, limits)
    expect(error).toMatchObject({ code: 'SOURCE_TOO_SLOW', retryable: true })
    expect(error.message).toMatch(/^GET \S+ answers with [\d.e+]+ bytes a second, fewer than 10000$/)
    const { chunks } = await httpClient(limits).fetchStream({ url: server.url })
    expect(await sourceErrorOf(collect(chunks))).toMatchObject({ code: 'SOURCE_TOO_SLOW' })
  })

  test('its body just fast enough ends at totalTimeoutMs', async () => {
    const server = await startRawServer(slow('200 OK'))
    const error = await failing(server.url, { totalTimeoutMs: 150 })
    expect(error).toMatchObject({ code: 'SOURCE_TOO_SLOW', retryable: true, message: `GET ${server.url}/ did not answer whole within 0.15 s` })
  })

  test('the reason of an error ends at idleTimeoutMs, and the error is told', async () => {
    const server = await startRawServer(slow('404 Not Found'))
    expect(await failing(server.url, { idleTimeoutMs: 600 })).toMatchObject({ code: 'SOURCE_NOT_FOUND' })
  })

  test('a redirect’s body ends at idleTimeoutMs', async () => {
    const server = await startRawServer(slow('302 Found\r\nlocation: /there', 1000))
    expect(await failing(server.url, { idleTimeoutMs: 150 })).toMatchObject({ code: 'SOURCE_TIMEOUT' })
  })
})

describe('a wrong content-length', () => {
  const whole = '[{"id":1}]'
  test.each([
    ['too long', `content-length: 11\r\n\r\n${whole}`, 'SOURCE_CONNECTION_CUT'],
    ['beside chunks', `content-length: 10\r\ntransfer-encoding: chunked\r\n\r\na\r\n${whole}\r\n0\r\n\r\n`, 'SOURCE_UNREACHABLE'],
    ['twice', `content-length: 10\r\ncontent-length: 4\r\n\r\n${whole}`, 'SOURCE_UNREACHABLE'],
    ['negative', `content-length: -1\r\n\r\n${whole}`, 'SOURCE_UNREACHABLE'],
    ['no number', `content-length: 1e1\r\n\r\n${whole}`, 'SOURCE_UNREACHABLE'],
  ])('that is %s is an error, never a page', async (_, rest, code) => {
    const server = await startRawServer((socket) => socket.end(`HTTP/1.1 200 OK\r\n${rest}`))
    expect(await failing(server.url)).toMatchObject({ code, retryable: true })
  })

  test('that is too short cuts the body there, and nothing behind it is taken for the next answer', async () => {
    let connections = 0
    const server = await startRawServer((socket) => {
      connections += 1
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n${whole}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n"fake"`)
    })
    const client = httpClient()
    for (const _ of [1, 2]) expect((await client.fetchBytes({ url: server.url })).body.toString()).toBe('[{"i')
    expect(connections).toBe(2)
  })
})

describe('a redirect', () => {
  const redirecting = (status: number, location: string) =>
    startHttpServer((_: IncomingMessage, response: ServerResponse) => response.writeHead(status, { location }).end())

  test('in a circle ends at maxRedirects', async () => {
    let asked = 0
    const server = await startHttpServer((_, response) => {
      asked += 1
      response.writeHead(302, { location: `/${String(asked)}` }).end()
    })
    expect(await failing(server.url, { maxRedirects: 3 })).toMatchObject({ code: 'SOURCE_REDIRECTS', retryable: false })
    expect(asked).toBe(4)
  })

  test.each([307, 308])('%i does not carry what was posted to another server', async (status) => {
    let asked = 0
    const other = await startHttpServer((_, response) => response.end(String((asked += 1))))
    const server = await redirecting(status, other.url)
    const work = httpClient().fetchBytes({ url: server.url, method: 'POST', body: new URLSearchParams({ client_secret: 'f0rm-secret' }) })
    const error = await sourceErrorOf(work)
    expect(error).toMatchObject({ code: 'SOURCE_REDIRECT_REFUSED', retryable: false })
    expect(asked).toBe(0)
  })

  test.each(['http://localhost:PORT/', 'http://[::ffff:127.0.0.1]:PORT/', 'http://0x7f.1.1:PORT/', 'http://169.254.169.254/latest', 'http://[fd00::1]/'])(
    'to %s is not followed where privateRedirects forbids it',
    async (location) => {
      let asked = 0
      const other = await startHttpServer((_, response) => response.end(String((asked += 1))))
      const server = await redirecting(302, location.replace('PORT', String(other.port)))
      const error = await failing(server.url, { privateRedirects: 'refuse' })
      expect(error).toMatchObject({
        code: 'SOURCE_REDIRECT_REFUSED',
        retryable: false,
        message: `GET ${server.url}/ was redirected to a private address, and not followed`,
      })
      expect(asked).toBe(0)
    },
  )

  test('from one private address to another is followed', async () => {
    const other = await startHttpServer((_, response) => response.end('[]'))
    const server = await redirecting(302, `http://localhost:${String(other.port)}/`)
    expect((await httpClient().fetchBytes({ url: server.url })).body.toString()).toBe('[]')
  })
})
