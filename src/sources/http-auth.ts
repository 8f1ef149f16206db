import { createHash } from 'node:crypto'
import { ConfigError } from '../errors.ts'
import { oauthTokens } from './oauth-token.ts'
import type { OauthClient, OauthTokens } from './oauth-token.ts'

/**
 * How to sign in: `bearer`, a token that does not change; `basic`, a user and a password; `api-key`, in a header or a query parameter of that name;
 * `oauth2`, as a client by its own credentials (RFC 6749, 4.4), whose token is kept for the process and renewed before it expires, and after a 401.
 */
export type HttpAuth =
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'basic'; readonly user: string; readonly password: string }
  | { readonly kind: 'api-key'; readonly in: 'header' | 'query'; readonly name: string; readonly value: string }
  | ({ readonly kind: 'oauth2' } & OauthClient)

/** What a request carries to be let in. */
export interface Authorization {
  readonly headers: Readonly<Record<string, string>>
  /** A query parameter, which no message shows. */
  readonly query?: { readonly name: string; readonly value: string }
  readonly secrets: readonly string[]
}

export interface Authorizer {
  readonly authorize: (signal: AbortSignal | undefined) => Promise<Authorization>
  /** Told that a server refused it; answers whether another one can be had. */
  readonly refused: (authorization: Authorization) => boolean
}

/** One for each client of each token endpoint, so that all of a process share its token. */
const tokensOf = new Map<string, OauthTokens>()
/** Forgotten beyond that, oldest first: an asset may sign in as thousands, one after another. */
const mostTokens = 1000

/** @throws ConfigError where a credential is empty: a variable that is not set. */
export function authorizerOf(auth: HttpAuth): Authorizer {
  for (const [name, value] of Object.entries(auth)) {
    if (typeof value !== 'string' || value !== '' || (auth.kind === 'basic' && name === 'password')) continue
    throw new ConfigError(`The ${name} of an auth of kind ${auth.kind} is empty`, {
      code: 'SOURCE_AUTH_EMPTY',
      hint: 'See whether the variable that it is taken from is set.',
    })
  }
  if (auth.kind !== 'oauth2') {
    const fixed = fixedAuthorization(auth)
    return { authorize: () => Promise.resolve(fixed), refused: () => false }
  }
  const tokens = sharedTokens(auth)
  return {
    authorize: async (signal) => {
      const token = await tokens.token(signal)
      return { headers: { authorization: `Bearer ${token}` }, secrets: [token] }
    },
    refused: ({ secrets }) => tokens.forget(secrets[0]),
  }
}

function fixedAuthorization(auth: Exclude<HttpAuth, { kind: 'oauth2' }>): Authorization {
  if (auth.kind === 'bearer') return { headers: { authorization: `Bearer ${auth.token}` }, secrets: [auth.token] }
  if (auth.kind === 'basic') {
    const encoded = Buffer.from(`${auth.user}:${auth.password}`).toString('base64')
    return { headers: { authorization: `Basic ${encoded}` }, secrets: [encoded, auth.password] }
  }
  const { name, value } = auth
  return auth.in === 'header' ? { headers: { [name]: value }, secrets: [value] } : { headers: {}, query: { name, value }, secrets: [value] }
}

function sharedTokens({ tokenUrl, clientId, clientSecret, scope, parameters, clientAuth }: OauthClient): OauthTokens {
  const identity = JSON.stringify([tokenUrl.toString(), clientId, clientSecret, scope, parameters, clientAuth])
  const key = createHash('sha256').update(identity).digest('hex')
  const known = tokensOf.get(key)
  if (known !== undefined) return known
  const tokens = oauthTokens({ tokenUrl, clientId, clientSecret, scope, parameters, clientAuth })
  const oldest = tokensOf.size < mostTokens ? undefined : tokensOf.keys().next().value
  if (oldest !== undefined) tokensOf.delete(oldest)
  tokensOf.set(key, tokens)
  return tokens
}

/** An address without the parameters whose value is a secret: servers repeat them in the address of the next page, which is stored. */
export function withoutSecrets(url: URL, secrets: readonly string[]): URL {
  const clean = new URL(url)
  if (secrets.length === 0) return clean
  const parts = clean.search.slice(1).split('&')
  const kept = parts.filter((part) => !secrets.includes(new URLSearchParams(part).values().next().value ?? ''))
  if (kept.length < parts.length) clean.search = kept.join('&')
  return clean
}

/** The values of an auth that must not be stored. */
export function secretsOfAuth(auth: HttpAuth | undefined): readonly string[] {
  if (auth === undefined) return []
  return auth.kind === 'oauth2' ? [auth.clientSecret] : fixedAuthorization(auth).secrets.filter((secret) => secret !== '')
}
