import { setTimeout as delay } from 'node:timers/promises'
import type { RateLimit, Throttle } from '../definitions/rate-limit.ts'
import { ConfigError } from '../errors.ts'
import { authorizerOf } from './http-auth.ts'
import type { HttpAuth } from './http-auth.ts'
import { statusError } from './http-error.ts'
import type { StatusHints } from './http-error.ts'
import type { Exchange, HttpRequest } from './http-exchange.ts'
import { httpLimitsOf } from './http-limits.ts'
import type { HttpLimits } from './http-limits.ts'
import { httpRetryDefaults, httpRetryDelay, retryAfterMs } from './http-retry.ts'
import type { HttpRetryOptions } from './http-retry.ts'
import { withBody } from './whole-body.ts'

/** Bytes of a failed answer's body that are read for its message. */
const failedBodyBytes = 4096

/** Kept, for asking for a module again takes as long as the rest of sending a request. */
let exchanging: Promise<typeof import('./http-exchange.ts')> | undefined

export interface HttpClientOptions extends Partial<HttpLimits> {
  readonly auth?: HttpAuth
  /** Sent with every request. A function is asked before each try, so that a token can be renewed. */
  readonly headers?: Readonly<Record<string, string>> | (() => Promise<Readonly<Record<string, string>>>)
  readonly retry?: HttpRetryOptions
  /** How often the server may be asked, by all workers together. Wants `throttle`. */
  readonly rateLimit?: RateLimit
  /** `context.throttle`: keeps the rate limit among all workers. */
  readonly throttle?: Throttle
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
 * An HTTP client for sources: signs in, keeps to a rate limit, gives up on silence and whatever goes beyond its limits, sends a GET again after 429 and 5xx
 * (honouring Retry-After), and makes every failure one clear error without secrets.
 * Its functions throw SourceError; ConfigError for an address or header that cannot be sent; and the signal's reason once that is aborted.
 * @throws ConfigError `SOURCE_AUTH_EMPTY`, `SOURCE_THROTTLE_MISSING`
 */
export function httpClient(options: HttpClientOptions = {}): HttpClient {
  const retry = { ...httpRetryDefaults, ...options.retry }
  const limits = httpLimitsOf(options)
  const authorizer = options.auth === undefined ? undefined : authorizerOf(options.auth)
  const turns = turnsOf(options)

  async function sendOnce(request: HttpRequest, totalTimeoutMs: number) {
    await turns?.throttle.turn(turns.limit, request.signal)
    const common = typeof options.headers === 'function' ? await options.headers() : (options.headers ?? {})
    const authorization = await authorizer?.authorize(request.signal)
    // Loaded when first used: undici takes 28 MiB, which processes that fetch nothing need not hold.
    const { send } = await (exchanging ??= import('./http-exchange.ts'))
    const exchange = await send(request, request.method ?? 'GET', { common, authorization, limits, totalTimeoutMs })
    return { exchange, authorization }
  }

  async function fetchAnswer(request: HttpRequest, totalTimeoutMs: number): Promise<Exchange> {
    const began = Date.now()
    let renewed = false
    for (let tries = 1; ; tries += 1) {
      const { exchange, authorization } = await sendOnce(request, totalTimeoutMs)
      const { status, headers } = exchange.answer
      if (status >= 200 && status < 300) return exchange
      const asked = retryAfterMs(headers.get('retry-after'), Date.now())
      const body = await exchange.beginning(failedBodyBytes)
      if (status === 401 && !renewed && authorization !== undefined && authorizer?.refused(authorization) === true) {
        // Nothing was done, whatever was asked for, so that a POST too may be sent again.
        renewed = true
        tries -= 1
        continue
      }
      if (turns !== undefined && asked !== undefined && (status === 429 || status === 503)) await turns.throttle.pause(turns.limit, asked)
      const delayMs = httpRetryDelay(retry, tries, asked, Math.random())
      const label = exchange.label()
      const passing = status === 429 || status >= 500
      if (!label.repeatable || !passing || tries >= retry.tries || Date.now() + delayMs - began > retry.withinMs) {
        throw statusError(label, { status, body, tries, retryAfterMs: asked, hints: options.hints })
      }
      options.onRetry?.({ url: label.url, status, delayMs, failed: tries })
      await waitFor(delayMs, request.signal)
    }
  }

  async function fetchStream(request: HttpRequest): Promise<HttpStream> {
    const { answer, chunks } = await fetchAnswer(request, Infinity)
    return { ...answer, chunks: chunks() }
  }

  async function fetchBytes(request: HttpRequest): Promise<HttpBytes> {
    const { answer, whole } = await fetchAnswer(request, limits.totalTimeoutMs)
    return withBody({ ...answer, parts: await whole() })
  }

  return { fetchBytes, fetchStream }
}

function turnsOf({ rateLimit, throttle }: HttpClientOptions): { readonly limit: RateLimit; readonly throttle: Throttle } | undefined {
  if (rateLimit === undefined) return undefined
  if (throttle !== undefined) return { limit: rateLimit, throttle }
  throw new ConfigError(`The rate limit ${JSON.stringify(rateLimit.name)} has nobody who keeps it among all workers`, {
    code: 'SOURCE_THROTTLE_MISSING',
    hint: 'Hand on the `throttle` that `extract` is given.',
  })
}

async function waitFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : error
  }
}
