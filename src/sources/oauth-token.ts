import * as z from 'zod'
import { SourceError } from '../errors.ts'
import { redactUrl } from './redact.ts'

/** A client that signs in by its own credentials (RFC 6749, 4.4). */
export interface OauthClient {
  readonly tokenUrl: string | URL
  readonly clientId: string
  readonly clientSecret: string
  /** Scopes, separated by spaces. */
  readonly scope?: string | undefined
  /** What this server wants besides: `{ audience: '…' }`. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
  /** Where id and secret go: a Basic authorization (default), or the posted form. */
  readonly clientAuth?: 'basic' | 'body' | undefined
}

export interface OauthTokens {
  /** The token held, or a new one; everybody who waits for one shares the one request. */
  readonly token: (signal: AbortSignal | undefined) => Promise<string>
  /** Not to be handed out again. Answers true. */
  readonly forget: (token: string | undefined) => boolean
}

/** Milliseconds before its end at which a token is renewed: longer than a request may take. */
const renewBefore = 60_000

const Answer = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number().positive().optional(), token_type: z.string().optional() })

interface Held {
  readonly token: string
  readonly renewAt: number
  readonly endsAt: number
}

/** Keeps a client's token. There is no refresh token in this grant, so a new one is asked for. */
export function oauthTokens(client: OauthClient): OauthTokens {
  let held: Held | undefined
  let asking: Promise<Held> | undefined
  const renew = (): Promise<Held> => {
    asking ??= ask(client).finally(() => {
      asking = undefined
    })
    return asking.then((fresh) => (held = fresh))
  }
  return {
    async token(signal) {
      if (held !== undefined && Date.now() < held.renewAt) return held.token
      const old = held
      // The request is everybody's: who stops waiting does not end it.
      const renewed = renew().catch((error: unknown) => {
        if (old !== undefined && old === held && Date.now() < old.endsAt) return old
        throw error
      })
      return (await orAborted(renewed, signal)).token
    },
    forget(token) {
      if (held?.token === token) held = undefined
      return true
    },
  }
}

async function ask(client: OauthClient): Promise<Held> {
  // Loaded here, because the client of HTTP knows how to sign in.
  const { httpClient } = await import('./http.ts')
  const asked = Date.now()
  const inBody = client.clientAuth === 'body'
  const form = new URLSearchParams({ grant_type: 'client_credentials', ...client.parameters })
  if (client.scope !== undefined) form.set('scope', client.scope)
  if (inBody) form.set('client_id', client.clientId)
  if (inBody) form.set('client_secret', client.clientSecret)
  const wrong = 'Check the client’s id and secret, its scopes, and the address of the token endpoint.'
  const { body } = await httpClient({ hints: { 400: wrong, 401: wrong, 403: wrong } }).fetchBytes({
    url: client.tokenUrl,
    method: 'POST',
    // A token too many does no harm.
    repeatable: true,
    secrets: [client.clientSecret],
    body: form,
    headers: { accept: 'application/json', ...(inBody ? {} : { authorization: basicOf(client) }) },
  })
  const answer = Answer.safeParse(jsonOf(body))
  if (!answer.success || (answer.data.token_type ?? 'bearer').toLowerCase() !== 'bearer') {
    // Without its cause: the answer may hold a token.
    throw new SourceError(`POST ${redactUrl(client.tokenUrl)} did not answer with a bearer access_token`, {
      code: 'SOURCE_TOKEN_UNREADABLE',
      retryable: false,
      hint: 'Check the address of the token endpoint, and that the client may use the grant client_credentials.',
    })
  }
  const life = (answer.data.expires_in ?? Infinity) * 1000
  return { token: answer.data.access_token, renewAt: asked + Math.max(life - renewBefore, life / 2), endsAt: asked + life }
}

/** Id and secret are form-encoded first (RFC 6749, 2.3.1). */
function basicOf({ clientId, clientSecret }: OauthClient): string {
  const encoded = [clientId, clientSecret].map((part) => new URLSearchParams({ '': part }).toString().slice(1))
  return `Basic ${Buffer.from(encoded.join(':')).toString('base64')}`
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
