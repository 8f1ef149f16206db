import { ConfigError, SourceError } from 'millrace'
import type { RawPage } from 'millrace'
import { httpClient, jsonPages } from 'millrace/sources'
import type { HttpClient } from 'millrace/sources'
import * as z from 'zod'

const publicBaseUrl = 'https://api.tailscale.com/api/v2/'
/** Milliseconds before its end at which a token is renewed: longer than a request may take. */
const renewBefore = 60_000

type Env = Readonly<Record<string, string | undefined>>

/** How to sign in: by an access token, or as an OAuth client. */
export type Credentials =
  | { readonly kind: 'api-key'; readonly apiKey: string }
  | { readonly kind: 'oauth'; readonly clientId: string; readonly clientSecret: string }

export interface TailscaleClient {
  readonly tailnet: string
  /** The tailnet's devices as the API lists them; `extra` is the tailnet's name, which the list lacks. */
  readonly devices: (signal: AbortSignal) => AsyncIterable<RawPage>
}

export interface TailscaleClientOptions {
  readonly env: Env
  /** Aborted when the worker stops. */
  readonly signal?: AbortSignal
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

/** The variables that hold credentials. */
const credentialVariables = ['TAILSCALE_API_KEY', 'TAILSCALE_OAUTH_CLIENT_ID', 'TAILSCALE_OAUTH_CLIENT_SECRET'] as const

/**
 * A client of Tailscale's API, configured by TAILSCALE_API_KEY, or TAILSCALE_OAUTH_CLIENT_ID and TAILSCALE_OAUTH_CLIENT_SECRET; TAILSCALE_TAILNET; and TAILSCALE_BASE_URL.
 * @throws ConfigError naming the variable that is missing or one too many.
 */
export function tailscaleClient(options: TailscaleClientOptions): TailscaleClient {
  const { env } = options
  const credentials = credentialsOf(env)
  const tailnet = valueOf(env, 'TAILSCALE_TAILNET')
  if (tailnet === undefined) {
    throw new ConfigError('TAILSCALE_TAILNET is not set', {
      code: 'TAILSCALE_TAILNET_MISSING',
      hint: 'Set it to the name of the tailnet, as its admin console shows it under Settings, General.',
    })
  }
  const base = baseUrlOf(env)
  const header =
    credentials.kind === 'api-key'
      ? () => Promise.resolve(`Bearer ${credentials.apiKey}`)
      : tokenHeader(base, credentials, options.now ?? Date.now, options.signal)
  const source =
    credentials.kind === 'api-key'
      ? 'TAILSCALE_API_KEY: it may be wrong, expired or revoked'
      : 'TAILSCALE_OAUTH_CLIENT_ID and TAILSCALE_OAUTH_CLIENT_SECRET: the client may be revoked'
  const client = httpClient({
    headers: async () => ({ authorization: await header() }),
    hints: {
      401: `Check ${source}.`,
      403: `Give the credentials the scope devices:core:read (${source}).`,
      404: 'Check TAILSCALE_TAILNET: these credentials know no tailnet of that name. And TAILSCALE_BASE_URL, if it is set.',
    },
  })
  return {
    tailnet,
    devices: (signal) => jsonPages({ url: new URL(`tailnet/${encodeURIComponent(tailnet)}/devices`, base), path: ['devices'], client, signal, extra: tailnet }),
  }
}

/** @throws ConfigError where they are missing, half given, or given twice */
export function credentialsOf(env: Env): Credentials {
  const [apiKey, clientId, clientSecret] = credentialVariables.map((name) => valueOf(env, name))
  if (apiKey !== undefined) {
    const other = clientId !== undefined ? 'TAILSCALE_OAUTH_CLIENT_ID' : clientSecret !== undefined ? 'TAILSCALE_OAUTH_CLIENT_SECRET' : undefined
    if (other === undefined) return { kind: 'api-key', apiKey }
    throw new ConfigError(`TAILSCALE_API_KEY and ${other} are both set`, {
      code: 'TAILSCALE_CREDENTIALS_TWICE',
      hint: 'Keep one way to sign in: the API key, or the OAuth client’s id and secret. Unset the other.',
    })
  }
  if (clientId !== undefined && clientSecret !== undefined) return { kind: 'oauth', clientId, clientSecret }
  if (clientId === undefined && clientSecret === undefined) {
    throw new ConfigError('No Tailscale credentials: neither TAILSCALE_API_KEY nor TAILSCALE_OAUTH_CLIENT_ID and TAILSCALE_OAUTH_CLIENT_SECRET are set', {
      code: 'TAILSCALE_CREDENTIALS_MISSING',
      hint: 'Set TAILSCALE_API_KEY, or both variables of an OAuth client with the scope devices:core:read.',
    })
  }
  const [missing, given] =
    clientId === undefined ? ['TAILSCALE_OAUTH_CLIENT_ID', 'TAILSCALE_OAUTH_CLIENT_SECRET'] : ['TAILSCALE_OAUTH_CLIENT_SECRET', 'TAILSCALE_OAUTH_CLIENT_ID']
  throw new ConfigError(`${missing} is not set, though ${given} is`, {
    code: 'TAILSCALE_CREDENTIALS_HALF',
    hint: `Set ${missing} too: an OAuth client signs in with both.`,
  })
}

/** Whether no credentials at all are given, not even half of them. */
export function hasNoCredentials(env: Env): boolean {
  return credentialVariables.every((name) => valueOf(env, name) === undefined)
}

function valueOf(env: Env, name: string): string | undefined {
  const value = env[name]?.trim()
  return value === '' ? undefined : value
}

function baseUrlOf(env: Env): URL {
  const text = valueOf(env, 'TAILSCALE_BASE_URL') ?? publicBaseUrl
  const url = URL.parse(text.endsWith('/') ? text : `${text}/`)
  if (url !== null && /^https?:$/.test(url.protocol)) return url
  throw new ConfigError('TAILSCALE_BASE_URL is not an address that begins with http:// or https://', {
    code: 'TAILSCALE_BASE_URL_INVALID',
    hint: `Unset it, or give one like ${publicBaseUrl}.`,
  })
}

const Token = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() })

/** Keeps the token until it is about to expire. There is no refresh token, so a new one is asked for; everybody who waits for it shares the one request. */
function tokenHeader(
  base: URL,
  credentials: Extract<Credentials, { kind: 'oauth' }>,
  now: () => number,
  signal: AbortSignal | undefined,
): () => Promise<string> {
  const client = httpClient({
    hints: {
      400: 'Check TAILSCALE_OAUTH_CLIENT_ID and TAILSCALE_OAUTH_CLIENT_SECRET.',
      401: 'Check TAILSCALE_OAUTH_CLIENT_ID and TAILSCALE_OAUTH_CLIENT_SECRET: the client is unknown, revoked, or its secret is wrong.',
    },
  })
  let held: { readonly header: string; readonly renewAt: number } | undefined
  let asking: Promise<string> | undefined
  const ask = async (): Promise<string> => {
    const asked = now()
    const answer = await fetchToken(client, base, credentials, signal)
    const life = answer.expires_in * 1000
    held = { header: `Bearer ${answer.access_token}`, renewAt: asked + Math.max(life - renewBefore, life / 2) }
    return held.header
  }
  return async () => {
    if (held !== undefined && now() < held.renewAt) return held.header
    asking ??= ask().finally(() => {
      asking = undefined
    })
    return asking
  }
}

async function fetchToken(
  client: HttpClient,
  base: URL,
  credentials: Extract<Credentials, { kind: 'oauth' }>,
  signal: AbortSignal | undefined,
): Promise<z.infer<typeof Token>> {
  const url = new URL('oauth/token', base)
  const { body } = await client.fetchBytes({
    url,
    method: 'POST',
    // A token too many does no harm.
    repeatable: true,
    body: new URLSearchParams({ grant_type: 'client_credentials', client_id: credentials.clientId, client_secret: credentials.clientSecret }),
    ...(signal === undefined ? {} : { signal }),
  })
  try {
    return Token.parse(JSON.parse(body.toString('utf8')))
  } catch {
    // Without its cause: the answer may hold a token.
    throw new SourceError(`POST ${url.href} did not answer with access_token and expires_in`, {
      code: 'TAILSCALE_TOKEN_UNREADABLE',
      hint: 'Check TAILSCALE_BASE_URL: it must be the address of Tailscale’s API.',
    })
  }
}
