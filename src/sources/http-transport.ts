import type { Readable } from 'node:stream'
import { Agent, EnvHttpProxyAgent, Headers, request } from 'undici'
import type { Dispatcher } from 'undici'
import { decodedBody } from './http-decode.ts'
import type { HttpLimits } from './http-limits.ts'
import { redirected, refusalOf, redirectTarget } from './http-redirect.ts'
import { headersTooLarge, tooManyRedirects } from './http-refusal.ts'
import { publicLookup } from './private-address.ts'

export interface TransportRequest {
  readonly method: string
  readonly headers: Headers
  readonly body: string | undefined
  readonly signal: AbortSignal
  readonly limits: HttpLimits
}

export interface TransportAnswer {
  /** Where it came from in the end, after redirects. */
  readonly url: string
  readonly status: number
  readonly headers: Headers
  /** Decompressed. */
  readonly body: Readable
  /** Bytes of the body that came over the wire so far; undefined where they are the body's own. */
  readonly compressedBytes: () => number | undefined
}

// Silence is timed by who sends: these clocks would run on while our own consumer takes its time.
const timeouts = { headersTimeout: 0, bodyTimeout: 0 }

const dispatchers = new Map<string, Dispatcher>()

/** Whether requests go through a proxy, from the environment as Node itself would take it. It looks names up, and it is what guards its network. */
const isProxied = (): boolean => process.env['NODE_USE_ENV_PROXY'] === '1'

/** One for the process and each kind, so that connections are used again. */
function dispatcherOf(maxHeaderSize: number, publicOnly: boolean): Dispatcher {
  const key = `${String(maxHeaderSize)} ${String(publicOnly)}`
  const options = { ...timeouts, maxHeaderSize }
  const known =
    dispatchers.get(key) ?? (isProxied() ? new EnvHttpProxyAgent(options) : new Agent(publicOnly ? { ...options, connect: { lookup: publicLookup } } : options))
  dispatchers.set(key, known)
  return known
}

/**
 * Sends a request and follows redirects, by undici itself: `fetch` and its web streams cost two to three times the CPU for a page of 400 KB.
 * Rejects as undici does, with HttpRefusal beyond a limit, and with the signal's reason.
 */
export async function transport(first: URL, { method, headers, body, signal, limits }: TransportRequest): Promise<TransportAnswer> {
  let url = first
  let sent = { method, headers, body: body ?? null }
  let publicOnly = false
  for (let redirects = 0; ; redirects += 1) {
    const answer = await request(url, { ...sent, signal, dispatcher: dispatcherOf(limits.maxHeaderBytes, publicOnly) })
    const received = headersOf(answer.headers, limits.maxHeaderBytes)
    const target = redirectTarget(url, answer.statusCode, received)
    if (target === undefined) {
      return { url: url.href, status: answer.statusCode, headers: received, ...decodedBody(answer.body, received, limits.maxContentEncodings) }
    }
    // Read away, so that the connection can be used again.
    await answer.body.dump({ limit: 64 * 1024, signal })
    if (redirects >= limits.maxRedirects) throw tooManyRedirects(limits.maxRedirects)
    const next = redirected(sent, answer.statusCode, target.origin === url.origin)
    const refusal = await refusalOf({ first, from: url, target, body: next.body, privateRedirects: limits.privateRedirects })
    if (refusal.error !== undefined) throw refusal.error
    publicOnly ||= refusal.publicOnly
    sent = next
    url = target
  }
}

/** Counted here too: over HTTP/2 nobody else does. */
function headersOf(received: Readonly<Record<string, string | string[] | undefined>>, most: number): Headers {
  const headers = new Headers()
  let bytes = 0
  for (const [name, values] of Object.entries(received)) {
    for (const value of [values ?? []].flat()) {
      bytes += name.length + value.length
      if (bytes > most) throw headersTooLarge(most)
      headers.append(name, value)
    }
  }
  return headers
}
