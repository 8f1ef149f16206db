import { setTimeout as delay } from 'node:timers/promises'
import { ConfigError, SourceError } from '../errors.ts'
import { connectionError, silenceError, statusError } from './http-error.ts'
import type { RequestLabel, StatusHints } from './http-error.ts'
import { httpRetryDefaults, httpRetryDelay, retryAfterMs } from './http-retry.ts'
import type { HttpRetryOptions } from './http-retry.ts'
import { decodedUrlPart, redactUrl, secretsOf } from './redact.ts'

/** Bytes of an answer that is read whole: 256 MiB. */
const defaultMaxBodyBytes = 256 * 1024 * 1024
/** Milliseconds. */
const defaultIdleTimeout = 30_000
/** Bytes of a failed answer's body that are read for its message. */
const failedBodyBytes = 4096

export interface HttpClientOptions {
  /** Sent with every request. A function is asked before each try, so that a token can be renewed. */
  readonly headers?: Readonly<Record<string, string>> | (() => Promise<Readonly<Record<string, string>>>)
  /** The longest silence, in milliseconds: before the answer, and between two parts of its body. Default 30,000. */
  readonly idleTimeoutMs?: number
  readonly retry?: HttpRetryOptions
  /** The most bytes of a body that `fetchBytes` takes (decompressed). Default 256 MiB. */
  readonly maxBodyBytes?: number
  /** What to do about a status, for the messages of its errors. */
  readonly hints?: StatusHints
  /** Told before a try is repeated. */
  readonly onRetry?: (retry: HttpRetry) => void
}

export interface HttpRetry {
  /** Without credentials. */
  readonly url: string
  readonly status: number
  /** Milliseconds until the next try. */
  readonly delayMs: number
  /** The try that failed, from 1. */
  readonly failed: number
}

export interface HttpRequest {
  /** http or https; a user and password in it become a Basic authorization. */
  readonly url: string | URL
  /** Default GET. Only a GET is ever sent again. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | URLSearchParams
  readonly signal?: AbortSignal
  /** Whether the whole step may send it again after a failure that may pass. Default: GET may, all else may not. */
  readonly repeatable?: boolean
}

/** An answer with status 2xx. */
export interface HttpAnswer {
  /** Where it came from in the end, after redirects. */
  readonly url: string
  readonly status: number
  readonly headers: Headers
}

export interface HttpBytes extends HttpAnswer {
  readonly body: Buffer
}

export interface HttpStream extends HttpAnswer {
  /** The body as it arrives. Must be read to its end or returned early, else the connection stays open. */
  readonly chunks: AsyncGenerator<Uint8Array, void, undefined>
}

export interface HttpClient {
  /** The whole answer. */
  readonly fetchBytes: (request: HttpRequest) => Promise<HttpBytes>
  /** The answer as a stream of any length. */
  readonly fetchStream: (request: HttpRequest) => Promise<HttpStream>
}

/**
 * An HTTP client for sources: gives up on silence, sends a GET again after 429 and 5xx (honouring Retry-After), and makes every failure one clear error without secrets.
 * Its functions throw SourceError; ConfigError for an address or header that cannot be sent; and the signal's reason once that is aborted.
 */
export function httpClient(options: HttpClientOptions = {}): HttpClient {
  const retry = { ...httpRetryDefaults, ...options.retry }
  const maxBodyBytes = options.maxBodyBytes ?? defaultMaxBodyBytes
  const idleTimeoutMs = options.idleTimeoutMs ?? defaultIdleTimeout

  async function fetchStream(request: HttpRequest): Promise<HttpStream> {
    const method = request.method ?? 'GET'
    const began = Date.now()
    for (let tries = 1; ; tries += 1) {
      const common = typeof options.headers === 'function' ? await options.headers() : (options.headers ?? {})
      const exchange = await send(request, method, common, idleTimeoutMs)
      if (exchange.response.ok) {
        const { response } = exchange
        return { url: response.url, status: response.status, headers: response.headers, chunks: exchange.chunks() }
      }
      const { status } = exchange.response
      const asked = retryAfterMs(exchange.response.headers.get('retry-after'), Date.now())
      const body = await exchange.beginning(failedBodyBytes)
      const delayMs = httpRetryDelay(retry, tries, asked, Math.random())
      const passing = status === 429 || status >= 500
      if (method !== 'GET' || !passing || tries >= retry.tries || Date.now() + delayMs - began > retry.withinMs) {
        throw statusError(exchange.label, { status, body, tries, retryAfterMs: asked, hints: options.hints })
      }
      options.onRetry?.({ url: exchange.label.url, status, delayMs, failed: tries })
      await waitFor(delayMs, request.signal)
    }
  }

  async function fetchBytes(request: HttpRequest): Promise<HttpBytes> {
    const { chunks, ...answer } = await fetchStream(request)
    const parts: Uint8Array[] = []
    let length = 0
    for await (const chunk of chunks) {
      parts.push(chunk)
      length += chunk.length
      if (length > maxBodyBytes) {
        throw new SourceError(`The answer of ${request.method ?? 'GET'} ${redactUrl(request.url)} is larger than ${String(maxBodyBytes)} bytes`, {
          code: 'SOURCE_BODY_TOO_LARGE',
          retryable: false,
          hint: 'Ask for smaller pages, or raise maxBodyBytes.',
        })
      }
    }
    return { ...answer, body: Buffer.concat(parts, length) }
  }

  return { fetchBytes, fetchStream }
}

interface Exchange {
  readonly response: Response
  readonly label: RequestLabel
  readonly chunks: () => AsyncGenerator<Uint8Array, void, undefined>
  /** The first bytes of the body as text; the rest is dropped. */
  readonly beginning: (bytes: number) => Promise<string>
}

async function send(request: HttpRequest, method: string, common: Readonly<Record<string, string>>, idleTimeoutMs: number): Promise<Exchange> {
  const url = urlOf(request.url)
  const headers = headersOf(url, common, request.headers)
  const label: RequestLabel = {
    method,
    url: redactUrl(url),
    secrets: secretsOf(url, headers, request.body instanceof URLSearchParams ? request.body : undefined),
    repeatable: request.repeatable ?? method === 'GET',
  }
  url.username = ''
  url.password = ''
  request.signal?.throwIfAborted()

  const guard = guardOf(request.signal, idleTimeoutMs)
  let received: number | undefined
  const failure = (error: unknown): unknown => {
    if (request.signal?.aborted === true) return request.signal.reason
    return guard.wentSilent() ? silenceError(label, idleTimeoutMs, received) : connectionError(label, error, received)
  }

  const response = await guard
    .wait(() => fetch(url, { method, headers, signal: guard.signal, body: request.body ?? null }))
    .catch((error: unknown) => {
      guard.end()
      throw failure(error)
    })
  received = 0

  async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    const reader = response.body?.getReader()
    try {
      while (reader !== undefined) {
        const next = await guard.wait(() => reader.read()).catch((error: unknown) => Promise.reject(failure(error)))
        if (next.done) return
        received = (received ?? 0) + next.value.length
        yield next.value
      }
    } finally {
      guard.end()
      // One that failed rejects again, and was told of already; one that is dropped early gives its connection back.
      await reader?.cancel().catch(() => undefined)
    }
  }

  const beginning = async (bytes: number): Promise<string> => {
    const parts: Uint8Array[] = []
    try {
      for await (const chunk of chunks()) {
        parts.push(chunk)
        if (parts.reduce((sum, one) => sum + one.length, 0) >= bytes) break
      }
    } catch (error) {
      // The status is the news; that its explanation broke off is not.
      if (request.signal?.aborted === true) throw error
    }
    return Buffer.concat(parts).subarray(0, bytes).toString('utf8')
  }

  return { response, label, chunks, beginning }
}

interface Guard {
  readonly signal: AbortSignal
  /** Waits for the server. The clock of silence runs only meanwhile, not while our own consumer takes its time. */
  readonly wait: <T>(work: () => Promise<T>) => Promise<T>
  readonly wentSilent: () => boolean
  readonly end: () => void
}

/** One signal out of the caller's and the clock's. By hand: AbortSignal.any would hold on to a long step's signal once per page. */
function guardOf(outer: AbortSignal | undefined, idleTimeoutMs: number): Guard {
  const controller = new AbortController()
  let silent = false
  const abort = (): void => controller.abort(outer?.reason)
  outer?.addEventListener('abort', abort, { once: true })
  return {
    signal: controller.signal,
    wait: async (work) => {
      const timer = setTimeout(() => {
        silent = true
        controller.abort()
      }, idleTimeoutMs)
      try {
        return await work()
      } finally {
        clearTimeout(timer)
      }
    },
    wentSilent: () => silent,
    end: () => outer?.removeEventListener('abort', abort),
  }
}

function urlOf(url: string | URL): URL {
  const parsed = URL.parse(String(url))
  if (parsed !== null && (parsed.protocol === 'http:' || parsed.protocol === 'https:')) return parsed
  throw new ConfigError(`${JSON.stringify(redactUrl(url))} is not an address that begins with http:// or https://`, {
    code: 'SOURCE_URL_INVALID',
    hint: 'Give the whole address, like https://example.com/data.json.',
  })
}

function headersOf(url: URL, ...groups: readonly (Readonly<Record<string, string>> | undefined)[]): Headers {
  const headers = new Headers()
  if (url.username !== '' || url.password !== '') {
    headers.set('authorization', `Basic ${Buffer.from(`${decodedUrlPart(url.username)}:${decodedUrlPart(url.password)}`).toString('base64')}`)
  }
  for (const [name, value] of groups.flatMap((group) => Object.entries(group ?? {}))) {
    try {
      headers.set(name, value)
    } catch {
      // Without its cause, which quotes the value: it may be a secret.
      throw new ConfigError(`The header ${name} for ${redactUrl(url)} has a character that HTTP cannot send`, {
        code: 'SOURCE_HEADER_INVALID',
        hint: 'Look for a line break or a letter that is not ASCII in the value, often copied along with a token.',
      })
    }
  }
  return headers
}

async function waitFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : error
  }
}
