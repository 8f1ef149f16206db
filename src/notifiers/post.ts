import { MillraceError } from '../errors.ts'
import { retryAfterMs } from '../sources/http-retry.ts'
import { without } from './setting.ts'

export interface PostRequest {
  /** Who answers, as errors call it. */
  readonly name: string
  /** A secret as a whole, as that of a Slack webhook is. */
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body: unknown
  readonly idempotencyKey: string
  readonly signal: AbortSignal
}

/** Whatever of a request could let somebody else send one. */
function secretsOf(url: URL, headers: Readonly<Record<string, string>>): string[] {
  // Of a path what is long enough to be a key: Slack's are the last part of it.
  const parts = url.pathname.split('/').filter((one) => one.length >= 8)
  return [url.href, `${url.pathname}${url.search}`, url.password, url.username, ...parts, ...url.searchParams.values(), ...Object.values(headers)]
}

/** These pass by themselves, as every 5xx does: too early, too slow, too many. */
const passing = new Set([408, 425, 429])
/** What is shown of an answer, in characters. */
const shown = 300

/**
 * POSTs JSON with the header `Idempotency-Key`. Redirects are not followed: what the body says is for the one who was named.
 * @throws MillraceError `NOTIFICATION_REFUSED` (4xx and redirects, not retryable), `NOTIFICATION_NOT_TAKEN` (else), without the URL, the headers or what is in them
 */
export async function post({ name, url, headers = {}, body, idempotencyKey, signal }: PostRequest): Promise<void> {
  const secrets = secretsOf(url, headers)
  // fetch() refuses credentials in a URL.
  const target = new URL(url)
  target.username = ''
  target.password = ''
  const basic = url.username === '' ? {} : { authorization: `Basic ${Buffer.from(decodeURIComponent(`${url.username}:${url.password}`)).toString('base64')}` }
  let response: Response
  try {
    response = await fetch(target, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'millrace', ...basic, ...headers, 'idempotency-key': idempotencyKey },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal,
    })
  } catch (error) {
    const reason = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
    throw new MillraceError(`${name} does not answer: ${without(secrets, reason)}`, {
      code: 'NOTIFICATION_NOT_TAKEN',
      retryable: true,
      hint: 'See whether its server is up and reachable from the workers.',
    })
  }
  const text = await response.text().catch(() => '')
  if (response.ok) return
  const { status } = response
  const retryable = passing.has(status) || status >= 500
  const asked = retryAfterMs(response.headers.get('retry-after'), Date.now())
  const said = without(secrets, text).trim().slice(0, shown)
  throw new MillraceError(`${name} answered ${String(status)}${said === '' ? '' : `: ${said}`}`, {
    code: retryable ? 'NOTIFICATION_NOT_TAKEN' : 'NOTIFICATION_REFUSED',
    retryable,
    ...(asked === undefined ? {} : { retryAfterMs: asked }),
    hint: retryable ? 'It is tried again by itself.' : 'Look whether its URL and credentials still hold; then `millrace notifications retry`.',
  })
}
