import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { simulatedDevices } from './simulated-devices.ts'

/** A request out of ten is told to come back later, another is answered slowly. */
const nth = 10
const refusedNth = 7
const slowNth = 4
/** Milliseconds. */
const slowAnswer = 300
/** Seconds. */
const tokenLife = 3600

export interface SimulatorOptions {
  readonly tailnet: string
  readonly clientId: string
  readonly clientSecret: string
  /** Milliseconds since the epoch. Default: the clock. */
  readonly now?: () => number
}

export interface Simulator {
  /** As in TAILSCALE_BASE_URL. */
  readonly baseUrl: string
  readonly stop: () => Promise<void>
}

/** Starts a stand-in for Tailscale's API on a free port of this machine: tokens, a list of devices that changes with time, removal of a device, and the odd 429 and slow answer. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const now = options.now ?? Date.now
  const tokens = new Map<string, number>()
  const removed = new Set<string>()
  let requests = 0

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://simulator').pathname)
    const route = `${request.method ?? ''} ${path}`
    if (route === 'POST /api/v2/oauth/token') return send(response, ...token(await formOf(request)))

    // Counted, not drawn: at most one request in ten, and so never two in a row.
    requests += 1
    if (requests % nth === slowNth) await delay(slowAnswer)
    if (requests % nth === refusedNth) return send(response, 429, { message: 'rate limit exceeded' }, { 'retry-after': '1' })
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    if ((tokens.get(bearer) ?? 0) <= now()) return send(response, 401, { message: 'API token invalid' })

    const devices = simulatedDevices(now(), options.tailnet).filter((one) => !removed.has(one.id))
    const id = /^\/api\/v2\/device\/([^/]+)$/.exec(path)?.[1]
    if (request.method === 'DELETE' && id !== undefined) {
      if (!devices.some((one) => one.id === id)) return send(response, 404, { message: 'no such device' })
      removed.add(id)
      return send(response, 200, null)
    }
    if (route === `GET /api/v2/tailnet/${options.tailnet}/devices` || route === 'GET /api/v2/tailnet/-/devices') return send(response, 200, { devices })
    return send(response, 404, { message: 'not found' })
  }

  function token(form: URLSearchParams): [number, unknown] {
    if (form.get('client_id') !== options.clientId || form.get('client_secret') !== options.clientSecret) return [401, { message: 'API token invalid' }]
    const access = crypto.randomUUID()
    tokens.set(access, now() + tokenLife * 1000)
    return [200, { access_token: access, token_type: 'Bearer', expires_in: tokenLife, scope: 'devices:core' }]
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) send(response, 500, { message: error instanceof Error ? error.message : 'failed' })
      else response.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject))
  const { port } = server.address() as AddressInfo
  return {
    baseUrl: `http://127.0.0.1:${String(port)}/api/v2/`,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

function send(response: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return new URLSearchParams(Buffer.concat(parts).toString('utf8'))
}
