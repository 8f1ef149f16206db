import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A device as the API tells it. */
export type ApiDevice = Readonly<Record<string, unknown>> & { readonly id: string | number }

export interface ApiApp {
  readonly package_name: string
  readonly app_name: string | null
  readonly version_code: number
  readonly version_name: string | null
}

export interface SimulatedAccount {
  readonly accountId: string
  readonly publicKey: string
  readonly secretKey: string
  readonly paidLicences: number
  /** Devices by group; may change while the simulator runs. */
  readonly groups: Record<string, readonly ApiDevice[]>
  readonly appsOf: (deviceId: string) => readonly ApiApp[]
}

export interface SimulatedRequest {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly accountId: string
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly body: unknown
  readonly status: number
}

export interface SimulatorOptions {
  readonly accounts: readonly SimulatedAccount[]
  /** How often an account may ask within a second. Default 5. */
  readonly perSecond?: number
  /** The most devices on a page, whatever is asked for. Default 1000. */
  readonly pageSize?: number
  /** A status to answer a request with in place of what it asks for. */
  readonly fault?: (request: Pick<SimulatedRequest, 'accountId' | 'method' | 'path'>) => number | undefined
}

export interface Simulator {
  /** As in TINYMDM_BASE_URL. */
  readonly baseUrl: string
  /** All that came, in order. */
  readonly requests: readonly SimulatedRequest[]
  readonly stop: () => Promise<void>
}

type Answer = readonly [status: number, body: unknown, headers?: Readonly<Record<string, string>>]

/** Starts a stand-in for TinyMDM's API on a free port of this machine: accounts, lists by pages, apps, users, groups and messages, and a 429 for whoever asks too often. */
export async function startSimulator({ accounts, perSecond = 5, pageSize = 1000, fault }: SimulatorOptions): Promise<Simulator> {
  const requests: SimulatedRequest[] = []

  function answer(account: SimulatedAccount | undefined, method: string, url: URL, contentType: string | undefined, body: unknown): Answer {
    if (account === undefined) return [401, { message: 'Unauthorized' }]
    const within = requests.filter((one) => one.accountId === account.accountId && one.at > Date.now() - 1000 && one.status !== 429)
    if (within.length >= perSecond) return [429, { message: 'Too Many Requests' }, { 'retry-after': '1' }]
    const path = url.pathname.slice('/api/v1/'.length)
    const failure = fault?.({ accountId: account.accountId, method, path: `${path}${url.search}` })
    // Some errors of the API have a body, some none.
    if (failure !== undefined) return [failure, failure % 2 === 0 ? { error: 'simulated' } : undefined]
    const all = Object.values(account.groups).flat()
    const [of, id = '', what, member] = path.split('/').map(decodeURIComponent)
    const device = (): ApiDevice | undefined => all.find((one) => String(one.id) === id)
    if (method === 'GET' && path === 'enterprise/info') return [200, { paid_licence: account.paidLicences }]
    if (method === 'GET' && path === 'devices') return list(account, url.searchParams, all)
    if (method === 'GET' && of === 'devices' && what === 'apps' && device() !== undefined) return [200, { results: account.appsOf(id) }]
    if (method === 'PUT' && of === 'users' && all.some((one) => one['user_id'] === id)) return [200, body]
    if (method === 'POST' && contentType !== 'application/json') return [415, { message: 'Unsupported Media Type' }]
    if (method === 'POST' && of === 'groups' && id in account.groups && what === 'users' && member !== undefined) return [204, undefined]
    if (method === 'POST' && path === 'actions/message') return [201, { sent: true }]
    return [404, { message: 'Not found' }]
  }

  function list(account: SimulatedAccount, query: URLSearchParams, all: readonly ApiDevice[]): Answer {
    const groupId = query.get('group_id')
    const devices = groupId === null ? all : account.groups[groupId]
    if (devices === undefined) return [404, { message: 'No such group' }]
    const size = Math.min(pageSize, Number(query.get('per_page') ?? pageSize))
    const from = (Number(query.get('page') ?? 1) - 1) * size
    return [200, { results: devices.slice(from, from + size), count: devices.length }]
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await textOf(request)
    const url = new URL(request.url ?? '/', 'http://simulator')
    const { method = '', headers } = request
    const body: unknown = text === '' ? undefined : JSON.parse(text)
    const account = accounts.find(
      (one) =>
        one.accountId === headers['x-account-id'] &&
        one.publicKey === headers['x-tinymdm-manager-apikey-public'] &&
        one.secretKey === headers['x-tinymdm-manager-apikey-secret'],
    )
    const [status, answered, more = {}] = answer(account, method, url, headers['content-type'], body)
    requests.push({ at: Date.now(), accountId: String(headers['x-account-id']), method, path: `${url.pathname.slice(8)}${url.search}`, body, status })
    response.writeHead(status, { ...(answered === undefined ? {} : { 'content-type': 'application/json' }), ...more })
    response.end(answered === undefined ? undefined : JSON.stringify(answered))
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(400).end(String(error))
      else response.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject))
  const { port } = server.address() as AddressInfo
  return {
    baseUrl: `http://127.0.0.1:${String(port)}/api/v1/`,
    requests,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts).toString('utf8')
}
