import { pipeline } from 'node:stream'
import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { Agent, EnvHttpProxyAgent, Headers, request } from 'undici'
import type { Dispatcher } from 'undici'
import { isSecretName } from '../redact.ts'

export interface TransportRequest {
  readonly method: string
  readonly headers: Headers
  readonly body: string | undefined
  readonly signal: AbortSignal
}

export interface TransportAnswer {
  /** Where it came from in the end, after redirects. */
  readonly url: string
  readonly status: number
  readonly headers: Headers
  /** Decompressed. */
  readonly body: Readable
}

/** As many as browsers follow. */
const maxRedirects = 20

// Silence is timed by who sends: these clocks would run on while our own consumer takes its time.
const timeouts = { headersTimeout: 0, bodyTimeout: 0 }

let shared: Dispatcher | undefined

/** One for the process, so that connections are used again. A proxy is taken from the environment where Node itself would. */
function dispatcher(): Dispatcher {
  shared ??= process.env['NODE_USE_ENV_PROXY'] === '1' ? new EnvHttpProxyAgent(timeouts) : new Agent(timeouts)
  return shared
}

/**
 * Sends a request and follows redirects, by undici itself: `fetch` and its web streams cost two to three times the CPU for a page of 400 KB.
 * Rejects as undici does, and with the signal's reason.
 */
export async function transport(first: URL, { method, headers, body, signal }: TransportRequest): Promise<TransportAnswer> {
  let url = first
  let sent = { method, headers, body: body ?? null }
  for (let redirects = 0; ; redirects += 1) {
    const answer = await request(url, { ...sent, signal, dispatcher: dispatcher() })
    const received = headersOf(answer.headers)
    const target = targetOf(url, answer.statusCode, received)
    if (target === undefined) return { url: url.href, status: answer.statusCode, headers: received, body: decoded(answer.body, received) }
    // Read away, so that the connection can be used again.
    await answer.body.dump({ limit: 64 * 1024, signal })
    if (redirects >= maxRedirects) throw new Error(`redirected more than ${String(maxRedirects)} times`)
    sent = redirected(sent, answer.statusCode, target.origin === url.origin)
    url = target
  }
}

/** Where a redirect leads; undefined where the answer is none. */
function targetOf(url: URL, status: number, headers: Headers): URL | undefined {
  const location = headers.get('location')
  if (location === null || ![301, 302, 303, 307, 308].includes(status)) return undefined
  const target = URL.parse(location, url.href)
  if (target === null || !['http:', 'https:'].includes(target.protocol)) throw new Error('redirected to what is no address of http or https')
  target.username = ''
  target.password = ''
  return target
}

/** The request for a redirect's target (RFC 9110, 15.4): what was posted is not posted again, and secrets stay with the server they are for. */
function redirected<T extends { method: string; headers: Headers; body: string | null }>(sent: T, status: number, sameOrigin: boolean): T {
  const headers = new Headers(sent.headers)
  if (!sameOrigin) for (const name of [...headers.keys()].filter(isSecretName)) headers.delete(name)
  const becomesGet = status === 303 ? sent.method !== 'HEAD' : status < 303 && sent.method === 'POST'
  if (!becomesGet) return { ...sent, headers }
  headers.delete('content-type')
  return { ...sent, method: 'GET', headers, body: null }
}

function headersOf(received: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const headers = new Headers()
  for (const [name, values] of Object.entries(received)) for (const value of [values ?? []].flat()) headers.append(name, value)
  return headers
}

const decoders: Readonly<Record<string, () => ReturnType<typeof createGunzip>>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

/** The body without its content encodings (RFC 9110, 8.4); as it is where one of them is unknown. */
function decoded(body: Readable, headers: Headers): Readable {
  const encodings = (headers.get('content-encoding') ?? '').split(',').map((name) => name.trim().toLowerCase())
  const makers = encodings.filter((name) => name !== '' && name !== 'identity').map((name) => decoders[name])
  if (makers.includes(undefined)) return body
  // The last one applied is the first to be undone. A failure reaches the reader as the error of the stream it reads.
  return makers.reduceRight((from, make) => (make === undefined ? from : pipeline(from, make(), () => undefined)), body)
}
