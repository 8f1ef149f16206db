import { describe, expect, test } from 'vitest'
import tailscale from '../../pipelines/tailscale/definitions.ts'
import { credentialsOf, tailscaleClient } from '../../pipelines/tailscale/client.ts'
import { DeviceRow, deviceRow } from '../../pipelines/tailscale/device.ts'
import type { Device } from '../../pipelines/tailscale/device.ts'
import { simulatedDevices } from '../../pipelines/tailscale/simulated-devices.ts'
import { startSimulator } from '../../pipelines/tailscale/simulator.ts'
import { httpClient } from '../../src/sources/http.ts'
import { atFileEnd } from '../support/cleanup.ts'
import { startHttpServer } from '../support/http-server.ts'
import { sourceErrorOf, thrownBy } from '../sources/failure.ts'

const account = { tailnet: 'example.com', clientId: 'kClient', clientSecret: 'tskey-client-secret' }
const { signal } = new AbortController()

function oauth(baseUrl: string) {
  return {
    TAILSCALE_BASE_URL: baseUrl,
    TAILSCALE_OAUTH_CLIENT_ID: account.clientId,
    TAILSCALE_OAUTH_CLIENT_SECRET: account.clientSecret,
    TAILSCALE_TAILNET: account.tailnet,
  }
}

describe('credentials', () => {
  test.each([
    [{}, 'TAILSCALE_CREDENTIALS_MISSING', 'neither TAILSCALE_API_KEY nor TAILSCALE_OAUTH_CLIENT_ID and TAILSCALE_OAUTH_CLIENT_SECRET are set'],
    [{ TAILSCALE_OAUTH_CLIENT_ID: 'k' }, 'TAILSCALE_CREDENTIALS_HALF', 'TAILSCALE_OAUTH_CLIENT_SECRET is not set, though TAILSCALE_OAUTH_CLIENT_ID is'],
    [
      { TAILSCALE_OAUTH_CLIENT_SECRET: 's3cret' },
      'TAILSCALE_CREDENTIALS_HALF',
      'TAILSCALE_OAUTH_CLIENT_ID is not set, though TAILSCALE_OAUTH_CLIENT_SECRET is',
    ],
    [{ TAILSCALE_OAUTH_CLIENT_ID: 'k', TAILSCALE_OAUTH_CLIENT_SECRET: ' ' }, 'TAILSCALE_CREDENTIALS_HALF', 'TAILSCALE_OAUTH_CLIENT_SECRET is not set'],
    [{ TAILSCALE_API_KEY: 'a', TAILSCALE_OAUTH_CLIENT_ID: 'k' }, 'TAILSCALE_CREDENTIALS_TWICE', 'TAILSCALE_API_KEY and TAILSCALE_OAUTH_CLIENT_ID are both set'],
    [
      { TAILSCALE_API_KEY: 'a', TAILSCALE_OAUTH_CLIENT_SECRET: 's3cret' },
      'TAILSCALE_CREDENTIALS_TWICE',
      'TAILSCALE_API_KEY and TAILSCALE_OAUTH_CLIENT_SECRET are both set',
    ],
  ])('%j are an error that names the variable', (env, code, message) => {
    const error = thrownBy(() => credentialsOf(env))
    expect(error).toMatchObject({ name: 'ConfigError', code, retryable: false, message: expect.stringContaining(message), hint: expect.any(String) })
    expect(String(error)).not.toContain('s3cret')
  })

  test('need a tailnet, and an address if one is given', () => {
    expect(thrownBy(() => tailscaleClient({ env: { TAILSCALE_API_KEY: 'a' } }))).toMatchObject({ name: 'ConfigError', message: 'TAILSCALE_TAILNET is not set' })
    const env = { TAILSCALE_API_KEY: 'a', TAILSCALE_TAILNET: 't', TAILSCALE_BASE_URL: 'localhost:80' }
    expect(thrownBy(() => tailscaleClient({ env }))).toMatchObject({ name: 'ConfigError', code: 'TAILSCALE_BASE_URL_INVALID' })
  })

  test('that are refused name the variable to check, and never show it', async () => {
    const server = await startHttpServer((request, response) => response.writeHead(401).end(`{"message":"${request.headers.authorization ?? ''} is invalid"}`))
    const client = tailscaleClient({ env: { TAILSCALE_BASE_URL: server.url, TAILSCALE_API_KEY: 'my-access-key', TAILSCALE_TAILNET: 'example.com' } })
    const error = await sourceErrorOf(client.list(signal))
    expect(error).toMatchObject({ code: 'SOURCE_UNAUTHORIZED', retryable: false, hint: expect.stringContaining('TAILSCALE_API_KEY') })
    expect(error.message).toContain(`GET ${server.url}/tailnet/example.com/devices answered 401`)
    expect(error.message).not.toContain('my-access-key')
  })

  test('of an OAuth client that are refused name both variables', async () => {
    const simulator = await startSimulator(account)
    atFileEnd(simulator.stop)
    const client = tailscaleClient({ env: { ...oauth(simulator.baseUrl), TAILSCALE_OAUTH_CLIENT_SECRET: 'tskey-wrong' } })
    const error = await sourceErrorOf(client.list(signal))
    expect(error.message).toBe(`POST ${simulator.baseUrl}oauth/token answered 401: {"message":"API token invalid"}`)
    expect(error.hint).toContain('TAILSCALE_OAUTH_CLIENT_ID and TAILSCALE_OAUTH_CLIENT_SECRET')
  })
})

describe('a token', () => {
  test('is asked for once by many, kept, and renewed before it ends', async () => {
    let now = 1_000_000
    let asked = 0
    const seen: string[] = []
    const server = await startHttpServer((request, response) => {
      if (request.method === 'POST') {
        asked += 1
        return response.end(JSON.stringify({ access_token: `token-${String(asked)}`, token_type: 'Bearer', expires_in: 3600 }))
      }
      seen.push(request.headers.authorization ?? '')
      return response.end('{"devices":[]}')
    })
    const client = tailscaleClient({ env: oauth(server.url), now: () => now })
    const sync = () => client.list(signal)
    await Promise.all([sync(), sync(), sync()])
    now += 3_539_000
    await sync()
    expect(asked).toBe(1)
    now += 2000
    await sync()
    expect(asked).toBe(2)
    expect(seen).toEqual([...Array.from({ length: 4 }, () => 'Bearer token-1'), 'Bearer token-2'])
  })

  test('that could not be had is asked for anew', async () => {
    let asked = 0
    const server = await startHttpServer((request, response) => {
      if (request.method !== 'POST') return response.end('{"devices":[]}')
      asked += 1
      return asked === 1 ? response.writeHead(401).end('oops') : response.end('{"access_token":"t","expires_in":3600}')
    })
    const client = tailscaleClient({ env: oauth(server.url) })
    expect(await sourceErrorOf(client.list(signal))).toMatchObject({ code: 'SOURCE_UNAUTHORIZED' })
    expect(await client.list(signal)).toEqual([])
  })
})

describe('the simulator', () => {
  const noon = Date.UTC(2026, 2, 1, 12)

  test('tells the same devices as any other at the same time, and others later', async () => {
    const simulators = await Promise.all([startSimulator({ ...account, now: () => noon }), startSimulator({ ...account, now: () => noon })])
    for (const simulator of simulators) atFileEnd(simulator.stop)
    const [one, two] = await Promise.all(simulators.map((simulator) => tailscaleClient({ env: oauth(simulator.baseUrl), now: () => noon }).list(signal)))
    expect(one).toHaveLength(200)
    expect(one).toEqual(two)
    const later = simulatedDevices(noon + 3_600_000, account.tailnet)
    expect(later.map((device) => device.nodeId)).toEqual(one?.map((device) => device['nodeId']))
    expect(later).not.toEqual(one)
  })

  test('has devices of every kind, each with an identity of its own, all of which fit the table', () => {
    const devices = simulatedDevices(noon, account.tailnet)
    for (const field of ['id', 'nodeId', 'name', 'machineKey', 'nodeKey'] as const) expect(new Set(devices.map((device) => device[field])).size).toBe(200)
    const having = (trait: (device: Device) => boolean) => devices.filter(trait).length
    for (const count of [
      having((device) => device.lastSeen === undefined),
      having((device) => device.lastSeen !== undefined && Date.parse(device.lastSeen) < noon - 90 * 86_400_000),
      having((device) => device.tags === undefined),
      having((device) => device.expires === '0001-01-01T00:00:00Z'),
      having((device) => device.updateAvailable),
    ]) {
      expect(count).toBeGreaterThan(5)
      expect(count).toBeLessThan(195)
    }
    for (const device of devices) expect(DeviceRow.parse(deviceRow(device, new Date(noon).toISOString())).nodeId).toBe(device.nodeId)
  })

  test('refuses one request in ten, never two in a row, and removes a device once', async () => {
    const simulator = await startSimulator(account)
    atFileEnd(simulator.stop)
    const client = httpClient({ retry: { tries: 1 } })
    const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: account.clientId, client_secret: account.clientSecret })
    const { access_token } = JSON.parse((await client.fetchBytes({ url: `${simulator.baseUrl}oauth/token`, method: 'POST', body: form })).body.toString()) as {
      access_token: string
    }
    const headers = { authorization: `Bearer ${access_token}` }
    const statuses: string[] = []
    for (let turn = 0; turn < 20; turn += 1) {
      const { status, headers: answered } = await fetch(`${simulator.baseUrl}tailnet/-/devices`, { headers })
      statuses.push(`${String(status)} ${answered.get('retry-after') ?? ''}`.trim())
    }
    expect(statuses.filter((status) => status !== '200')).toEqual(['429 1', '429 1'])
    expect(statuses.join()).not.toContain('429 1,429')
    const id = simulatedDevices(Date.now(), account.tailnet)[3]?.id ?? ''
    const remove = async () => (await fetch(`${simulator.baseUrl}device/${id}`, { method: 'DELETE', headers })).status
    expect([await remove(), await remove()]).toEqual([200, 404])
    const { body } = await client.fetchBytes({ url: `${simulator.baseUrl}tailnet/example.com/devices`, headers })
    expect((JSON.parse(body.toString()) as { devices: unknown[] }).devices).toHaveLength(199)
  })
})

describe('a device', () => {
  test('that never expires, is connected and has no tags has NULLs for them', () => {
    const device = simulatedDevices(Date.UTC(2026, 2, 1), 'example.com')[0]
    if (device === undefined) throw new Error('no device')
    const { lastSeen: _seen, tags: _tags, ...bare } = device
    const row = DeviceRow.parse(deviceRow({ ...bare, expires: '0001-01-01T00:00:00Z', created: '' }, '2026-03-01T00:00:00.000Z'))
    expect(row).toMatchObject({ expires: null, lastSeen: null, tags: null, created: null, syncedAt: '2026-03-01T00:00:00.000Z' })
    expect(deviceRow({ ...bare, expires: '2027-01-01T00:00:00Z' }, '').expires).toBe('2027-01-01T00:00:00Z')
  })
})

test('the demo stands in only where there are no credentials, not even half of them', async () => {
  const { demo } = tailscale
  if (demo === undefined) throw new Error('no demo')
  expect(demo.when({ TAILSCALE_TAILNET: 'example.com', TAILSCALE_API_KEY: '' })).toBe(true)
  for (const name of ['TAILSCALE_API_KEY', 'TAILSCALE_OAUTH_CLIENT_ID', 'TAILSCALE_OAUTH_CLIENT_SECRET']) expect(demo.when({ [name]: 'x' })).toBe(false)
  const started = await demo.start()
  expect(started.notice).toContain('simulator')
  expect(await tailscaleClient({ env: started.env }).list(signal)).toHaveLength(200)
  await started.stop()
  expect(await sourceErrorOf(tailscaleClient({ env: started.env }).list(signal))).toMatchObject({ code: 'SOURCE_UNREACHABLE' })
})
