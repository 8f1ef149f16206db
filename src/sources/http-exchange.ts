import { Headers } from 'undici'
import { ConfigError } from '../errors.ts'
import { connectionError, silenceError } from './http-error.ts'
import type { RequestLabel } from './http-error.ts'
import { transport } from './http-transport.ts'
import type { TransportAnswer } from './http-transport.ts'
import { decodedUrlPart, redactUrl, secretsOf } from './redact.ts'

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

/** One request and its answer, whatever its status. */
export interface Exchange {
  readonly answer: Omit<TransportAnswer, 'body'>
  readonly label: RequestLabel
  readonly chunks: () => AsyncGenerator<Uint8Array, void, undefined>
  /** The first bytes of the body as text; the rest is dropped. */
  readonly beginning: (bytes: number) => Promise<string>
}

/**
 * Sends a request once.
 * @throws SourceError when no answer comes; ConfigError when it cannot be sent; the signal's reason.
 */
export async function send(request: HttpRequest, method: string, common: Readonly<Record<string, string>>, idleTimeoutMs: number): Promise<Exchange> {
  const url = urlOf(request.url)
  const headers = headersOf(url, defaultHeaders(request.body), common, request.headers)
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

  const { body, ...answer } = await guard
    .wait(() => transport(url, { method, headers, signal: guard.signal, body: request.body?.toString() }))
    .catch((error: unknown) => {
      guard.end()
      throw failure(error)
    })
  received = 0

  async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    const reader: AsyncIterator<Uint8Array, void> = body[Symbol.asyncIterator]()
    try {
      for (;;) {
        const next = await guard.wait(() => reader.next()).catch((error: unknown) => Promise.reject(failure(error)))
        if (next.done === true) return
        received = (received ?? 0) + next.value.length
        yield next.value
      }
    } finally {
      guard.end()
      // One that is dropped early closes its connection; of one that was read to its end nothing is left to close.
      body.destroy()
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

  return { answer, label, chunks, beginning }
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

/** What a server may expect of any client; a caller's own headers replace them. */
function defaultHeaders(body: HttpRequest['body']): Readonly<Record<string, string>> {
  return {
    accept: '*/*',
    'accept-encoding': 'gzip, deflate, br',
    'user-agent': 'millrace',
    ...(typeof body === 'string' ? { 'content-type': 'text/plain;charset=UTF-8' } : {}),
    ...(body instanceof URLSearchParams ? { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' } : {}),
  }
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
