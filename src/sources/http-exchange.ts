import { finished } from 'node:stream/promises'
import { Headers } from 'undici'
import { ConfigError } from '../errors.ts'
import { withoutSecrets } from './http-auth.ts'
import type { Authorization } from './http-auth.ts'
import { rateGuard, refuseBomb, tooLate } from './http-body-guards.ts'
import { serverClock } from './http-clock.ts'
import { connectionError, refusalError, silenceError } from './http-error.ts'
import type { RequestLabel } from './http-error.ts'
import type { HttpLimits } from './http-limits.ts'
import { bodyTooLarge, headersTooLarge, HttpRefusal } from './http-refusal.ts'
import { transport } from './http-transport.ts'
import type { TransportAnswer } from './http-transport.ts'
import { decodedUrlPart, redactUrl, secretsOf } from './redact.ts'

export interface HttpRequest {
  /** http or https; a user and password in it become a Basic authorization. */
  readonly url: string | URL
  /** Default GET. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | URLSearchParams
  /** The kind of answer that is wanted, and the kind of the body, where no header says so. */
  readonly accept?: string
  readonly contentType?: string
  readonly signal?: AbortSignal
  /** Whether it may be sent again, at once or by the next attempt of its step, after a failure that may pass. Default: GET may, all else may not. */
  readonly repeatable?: boolean
  /** What must not come back in an error, besides what is a secret by its name. */
  readonly secrets?: readonly string[]
}

/** How a request is sent: what its client adds, and what it bears. */
export interface SendOptions {
  /** Sent with every request of the client. */
  readonly common: Readonly<Record<string, string>>
  readonly authorization: Authorization | undefined
  readonly limits: HttpLimits
  /** The longest that the whole answer may take, in milliseconds. */
  readonly totalTimeoutMs: number
}

/** One request and its answer, whatever its status. */
export interface Exchange {
  readonly answer: Omit<TransportAnswer, 'body' | 'compressedBytes'>
  readonly label: () => RequestLabel
  /** The body as it comes, up to `maxStreamBytes`. */
  readonly chunks: () => AsyncGenerator<Uint8Array, void, undefined>
  /** All of the body, up to `maxBodyBytes`. */
  readonly whole: () => Promise<Uint8Array[]>
  /** The first bytes of the body as text; the rest is dropped. */
  readonly beginning: (bytes: number) => Promise<string>
}

/**
 * Sends a request once.
 * @throws SourceError when no answer comes, or one beyond a limit; ConfigError when it cannot be sent; the signal's reason.
 */
export async function send(request: HttpRequest, method: string, options: SendOptions): Promise<Exchange> {
  const { authorization, limits } = options
  const url = urlOf(request.url)
  const headers = headersOf(url, defaultHeaders(request), options.common, authorization?.headers, request.headers)
  const secrets = authorization?.secrets ?? []
  const asked = url.href
  // Made out when a message wants it: it takes as long as all else that is done for a request here.
  const label = (): RequestLabel => ({
    method,
    url: redactUrl(withoutSecrets(new URL(asked), secrets)),
    secrets: secretsOf(new URL(asked), headers, request.body instanceof URLSearchParams ? request.body : undefined, [...secrets, ...(request.secrets ?? [])]),
    repeatable: request.repeatable ?? method === 'GET',
  })
  url.username = ''
  url.password = ''
  addQuery(url, authorization?.query)
  request.signal?.throwIfAborted()

  const clock = serverClock(request.signal, limits.idleTimeoutMs, options.totalTimeoutMs)
  let received: number | undefined
  const failure = (error: unknown): unknown => {
    if (request.signal?.aborted === true) return request.signal.reason
    if (error instanceof HttpRefusal) return refusalError(label(), error)
    if (error instanceof Error && 'code' in error && error.code === 'UND_ERR_HEADERS_OVERFLOW')
      return refusalError(label(), headersTooLarge(limits.maxHeaderBytes))
    const why = clock.gaveUp()
    if (why === 'late') return refusalError(label(), tooLate(options.totalTimeoutMs))
    return why === 'silent' ? silenceError(label(), limits.idleTimeoutMs, received) : connectionError(label(), error, received)
  }

  const { body, compressedBytes, ...answer } = await clock
    .wait(() => transport(url, { method, headers, signal: clock.signal, body: request.body?.toString(), limits }))
    .catch((error: unknown) => {
      clock.end()
      throw failure(error)
    })
  received = 0

  /** Told of each part of the body, and how long it was waited for. @throws HttpRefusal */
  function judge(limit: 'maxBodyBytes' | 'maxStreamBytes'): (part: Uint8Array, ms: number) => void {
    const refuseSlow = rateGuard(limits)
    const most = limits[limit]
    // What is announced need not be read first.
    if (compressedBytes() === undefined && Number(answer.headers.get('content-length')) > most) throw bodyTooLarge(limit, most)
    return (part, ms) => {
      received = (received ?? 0) + part.length
      const refusal = refuseBomb(received, compressedBytes(), limits) ?? refuseSlow(ms, part.length)
      if (refusal !== undefined) throw refusal
      if (received > most) throw bodyTooLarge(limit, most)
    }
  }

  const end = (): void => {
    clock.end()
    // One that is dropped early closes its connection; of one that was read to its end nothing is left to close.
    body.destroy()
  }

  async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      const judged = judge('maxStreamBytes')
      const reader: AsyncIterator<Uint8Array, void> = body[Symbol.asyncIterator]()
      for (;;) {
        const waitedBefore = clock.waitedMs()
        const next = await clock.wait(() => reader.next())
        if (next.done === true) return
        judged(next.value, clock.waitedMs() - waitedBefore)
        yield next.value
      }
    } catch (error) {
      throw failure(error)
    } finally {
      end()
    }
  }

  // By events: of the CPU that a page of 400 KB takes, reading it part by part took a fifth.
  async function whole(): Promise<Uint8Array[]> {
    const parts: Uint8Array[] = []
    try {
      const judged = judge('maxBodyBytes')
      const take = (part: Uint8Array): void => {
        parts.push(part)
        try {
          judged(part, clock.heard())
        } catch (error) {
          body.destroy(error as Error)
        }
      }
      body.on('data', take)
      await clock.wait(() => finished(body, { cleanup: true })).finally(() => body.off('data', take))
      return parts
    } catch (error) {
      throw failure(error)
    } finally {
      end()
    }
  }

  const beginning = async (bytes: number): Promise<string> => {
    const parts: Uint8Array[] = []
    clock.deadline(limits.idleTimeoutMs)
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

  return { answer: { ...answer, url: withoutSecrets(new URL(answer.url), secrets).href }, label, chunks, whole, beginning }
}

function addQuery(url: URL, query: Authorization['query']): void {
  if (query === undefined) return
  const parameter = `${encodeURIComponent(query.name)}=${encodeURIComponent(query.value)}`
  url.search = url.search === '' ? parameter : `${url.search}&${parameter}`
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
function defaultHeaders({ body, accept, contentType }: HttpRequest): Readonly<Record<string, string>> {
  const kind = contentType ?? (body instanceof URLSearchParams ? 'application/x-www-form-urlencoded;charset=UTF-8' : 'text/plain;charset=UTF-8')
  return {
    accept: accept ?? '*/*',
    'accept-encoding': 'gzip, deflate, br',
    'user-agent': 'millrace',
    ...(body === undefined ? {} : { 'content-type': kind }),
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
