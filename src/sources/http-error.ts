import { SourceError } from '../errors.ts'
import type { HttpRefusal } from './http-refusal.ts'
import { redactAnswer } from './redact.ts'

/** A request as messages name it. */
export interface RequestLabel {
  readonly method: string
  /** Without credentials. */
  readonly url: string
  /** Hidden wherever text from outside is shown. */
  readonly secrets: readonly string[]
  /** Whether sending it once more does no harm, so that the step may be tried again. */
  readonly repeatable: boolean
}

/** What to do about a status, in a sentence, by the one who knows the system: `{ 401: 'Check ACME_TOKEN.' }`. */
export type StatusHints = Readonly<Partial<Record<number, string>>>

/** Characters of an answer's body that a message shows. */
const shownBody = 200

const codes: Readonly<Record<number, string>> = {
  401: 'SOURCE_UNAUTHORIZED',
  403: 'SOURCE_FORBIDDEN',
  404: 'SOURCE_NOT_FOUND',
  416: 'SOURCE_RANGE',
  429: 'SOURCE_RATE_LIMITED',
}

const defaultHints: StatusHints = {
  401: 'The credentials are missing, wrong or expired: check them.',
  403: 'The credentials are valid but may not do this: give them the right, or use others.',
  404: 'Check the address; nothing is there.',
  429: 'The server limits how often it is asked: ask less often, or later.',
}

export interface FailedAnswer {
  readonly status: number
  readonly body: string
  readonly tries: number
  readonly retryAfterMs?: number | undefined
  readonly hints?: StatusHints | undefined
}

/** An answer that is not 2xx. 408, 425, 429 and 5xx may pass by themselves; the others do not. */
export function statusError(request: RequestLabel, answer: FailedAnswer): SourceError {
  const { status } = answer
  const passing = status === 408 || status === 425 || status === 429 || status >= 500
  const text = readable(redactAnswer(answer.body, request.secrets))
  const said = text === '' ? 'with an empty body' : `: ${text.slice(0, shownBody)}${text.length > shownBody ? '…' : ''}`
  const tries = answer.tries > 1 ? ` (${String(answer.tries)} tries)` : ''
  const hint =
    answer.hints?.[status] ??
    defaultHints[status] ??
    (passing ? 'The fault is the server’s and may pass; look at its status page or its log.' : 'Check the request: its address, parameters and body.')
  return new SourceError(`${request.method} ${request.url} answered ${String(status)}${tries}${said.startsWith(':') ? said : ` ${said}`}`, {
    code: codes[status] ?? 'SOURCE_HTTP_STATUS',
    retryable: passing && request.repeatable,
    hint,
    ...(answer.retryAfterMs === undefined ? {} : { retryAfterMs: answer.retryAfterMs }),
  })
}

/** A body as a line. Of a page for a browser, as proxies answer, its title tells what there is to tell. */
function readable(body: string): string {
  const text = body.replaceAll(/\s+/g, ' ').trim()
  const title = /^<(?:!doctype html|html)\b.*?<title[^>]*>(.*?)<\/title>/i.exec(text)?.[1]?.trim()
  return title === undefined || title === '' ? text : `an HTML page, ${title}`
}

/** The server went beyond a limit, and we ended it. */
export function refusalError(request: RequestLabel, { message, code, hint, passing }: HttpRefusal): SourceError {
  return new SourceError(`${request.method} ${request.url} ${message}`, { code, hint, retryable: passing && request.repeatable })
}

/** Nothing came for so long that we gave up. */
export function silenceError(request: RequestLabel, silentMs: number, received: number | undefined): SourceError {
  const seconds = `${String(silentMs / 1000)} s`
  const after = received === undefined ? `did not answer within ${seconds}` : `went silent for ${seconds} after ${String(received)} bytes of its answer`
  return new SourceError(`${request.method} ${request.url} ${after}`, {
    code: 'SOURCE_TIMEOUT',
    retryable: request.repeatable,
    hint: 'See whether the server is up and reachable from this machine; a slow one may need a longer idleTimeoutMs.',
  })
}

/** There was no answer at all, or it broke off. */
export function connectionError(request: RequestLabel, cause: unknown, received: number | undefined): SourceError {
  const reason = redactAnswer(reasonOf(cause), request.secrets)
  if (received !== undefined) {
    return new SourceError(`The connection of ${request.method} ${request.url} broke off after ${String(received)} bytes of its answer: ${reason}`, {
      code: 'SOURCE_CONNECTION_CUT',
      retryable: request.repeatable,
      hint: 'Nothing of this page was used. If it happens again, look at the server and at proxies on the way.',
    })
  }
  return new SourceError(`${request.method} ${request.url} got no answer: ${reason}`, {
    code: 'SOURCE_UNREACHABLE',
    retryable: request.repeatable,
    hint: 'Check host and port, and that the server is reachable from this machine.',
  })
}

/** What happened is often only in the causes, or in the first of many tries. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  if (error.cause instanceof Error) return reasonOf(error.cause)
  return error.message
}
