import { setTimeout as delay } from 'node:timers/promises'
import { SourceError } from '../errors.ts'
import { statusError } from './http-error.ts'
import type { StatusHints } from './http-error.ts'
import type { HttpRequest } from './http-exchange.ts'
import { httpRetryDefaults, httpRetryDelay, retryAfterMs } from './http-retry.ts'
import type { HttpRetryOptions } from './http-retry.ts'
import { redactUrl } from './redact.ts'

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

/** An answer with status 2xx. */
export interface HttpAnswer {
  /** Where it came from in the end, after redirects. */
  readonly url: string
  readonly status: number
  readonly headers: Headers
}

export interface HttpBytes extends HttpAnswer {
  /** The body as it came, in order. */
  readonly parts: readonly Uint8Array[]
  /** The body in one piece; put together when first asked for. */
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
      // Loaded when first used: undici takes 28 MiB, which processes that fetch nothing need not hold.
      const { send } = await import('./http-exchange.ts')
      const exchange = await send(request, method, common, idleTimeoutMs)
      const { status, headers } = exchange.answer
      if (status >= 200 && status < 300) return { ...exchange.answer, chunks: exchange.chunks() }
      const asked = retryAfterMs(headers.get('retry-after'), Date.now())
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
    let whole: Buffer | undefined
    return {
      ...answer,
      parts,
      get body() {
        return (whole ??= Buffer.concat(parts, length))
      },
    }
  }

  return { fetchBytes, fetchStream }
}

async function waitFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : error
  }
}
