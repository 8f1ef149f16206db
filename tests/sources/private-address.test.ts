import { once } from 'node:events'
import { connect } from 'node:net'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { httpClient } from '../../src/sources/http.ts'
import { isPrivateAddress, isPrivateHost, publicLookup } from '../../src/sources/private-address.ts'
import { startHttpServer } from '../support/http-server.ts'
import { sourceErrorOf } from './failure.ts'

test.each(
  '10.1.2.3 100.64.0.1 127.0.0.1 127.255.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.168.1.1 0.0.0.0 224.0.0.1 255.255.255.255 ::1 :: fd00::1 fe80::1 ::ffff:10.0.0.1 64:ff9b::a00:1'.split(
    ' ',
  ),
)('%s is private', (address) => {
  expect(isPrivateAddress(address)).toBe(true)
})

test.each('9.255.255.255 11.0.0.0 100.128.0.1 172.15.0.1 172.32.0.1 192.167.1.1 8.8.8.8 2606:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808 example'.split(' '))(
  '%s is not',
  (address) => {
    expect(isPrivateAddress(address)).toBe(false)
  },
)

test('a name is judged by its address, also when it is connected to', async () => {
  expect(await isPrivateHost('localhost')).toBe(true)
  expect(await isPrivateHost('no-such-host.invalid')).toBe(false)
  const answer = await new Promise((resolve) => {
    publicLookup('localhost', { all: true }, (error) => resolve(error?.message))
  })
  expect(answer).toBe('localhost is at a private address')
})

/** A proxy at which every public address answers with a redirect to the one that its query names. */
beforeAll(async () => {
  const inner = createServer((request, response) => {
    const to = new URL(request.url ?? '', 'http://x').searchParams.get('to')
    if (to === null) response.end('[]')
    else response.writeHead(302, { location: to }).end()
  })
  await once(inner.listen(0, '127.0.0.1'), 'listening')
  const proxy = createServer()
  const innerPort = portOf(inner.address())
  proxy.on('connect', (_: IncomingMessage, client) => {
    const server = connect(innerPort, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connected\r\n\r\n')
      server.pipe(client).pipe(server)
    })
    for (const socket of [client, server]) socket.on('error', () => undefined)
  })
  proxy.on('request', (request: IncomingMessage, response) => inner.emit('request', request, response))
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  vi.stubEnv('NODE_USE_ENV_PROXY', '1')
  vi.stubEnv('HTTP_PROXY', `http://127.0.0.1:${String(portOf(proxy.address()))}`)
  vi.stubEnv('NO_PROXY', '127.0.0.1')
  afterAll(() => {
    vi.unstubAllEnvs()
    for (const server of [inner, proxy]) {
      server.close()
      server.closeAllConnections()
    }
  })
})

const portOf = (address: ReturnType<ReturnType<typeof createServer>['address']>): number => (typeof address === 'object' ? (address?.port ?? 0) : 0)

test('a redirect from a public address to a private one is not followed, unless an option says so', async () => {
  let asked = 0
  const inside = await startHttpServer((_, response) => {
    asked += 1
    response.end('[]')
  })
  const url = `http://203.0.113.7/?to=${encodeURIComponent(inside.url)}`
  expect(await sourceErrorOf(httpClient().fetchBytes({ url }))).toMatchObject({ code: 'SOURCE_REDIRECT_REFUSED', retryable: false })
  expect(asked).toBe(0)
  await httpClient({ privateRedirects: 'follow' }).fetchBytes({ url })
  expect(asked).toBe(1)
  const elsewhere = `http://203.0.113.7/?to=${encodeURIComponent('http://198.51.100.9/')}`
  expect((await httpClient().fetchBytes({ url: elsewhere })).url).toBe('http://198.51.100.9/')
})
