import { ConfigError, SourceError } from 'millrace'
import { httpClient } from 'millrace/sources'
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
  /** The tailnet's devices. @throws SourceError */
  readonly list: (signal: AbortSignal) => Promise<ListedDevice[]>
  /** Removes a device for good, by its `id`. Sent once, whatever comes of it. @throws SourceError */
  readonly remove: (id: string, signal: AbortSignal) => Promise<'removed' | 'gone already'>
}

/** A device as the API lists it, as far as it is looked at here; all else is kept. */
export const ListedDevice = z.looseObject({ id: z.string(), name: z.string(), lastSeen: z.json().optional() })
export type ListedDevice = z.infer<typeof ListedDevice>

const DeviceList = z.looseObject({ devices: z.array(ListedDevice) })

export interface TailscaleClientOptions {
  readonly env: Env
  /** Signs in with the credentials for removing devices, where there are any. */
  readonly pruning?: boolean
  /** Aborted when the worker stops. */
  readonly signal?: AbortSignal
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

/** The variables that hold credentials: a key, or an OAuth client's id and secret. */
type CredentialVariables = readonly [apiKey: string, clientId: string, clientSecret: string]
const credentialVariables: CredentialVariables = ['TAILSCALE_API_KEY', 'TAILSCALE_OAUTH_CLIENT_ID', 'TAILSCALE_OAUTH_CLIENT_SECRET']
/** Removing devices wants write access, which listing them should not have. */
const pruningVariables: CredentialVariables = ['TAILSCALE_PRUNING_API_KEY', 'TAILSCALE_PRUNING_OAUTH_CLIENT_ID', 'TAILSCALE_PRUNING_OAUTH_CLIENT_SECRET']

/**
 * A client of Tailscale's API, configured by TAILSCALE_API_KEY, or TAILSCALE_OAUTH_CLIENT_ID and TAILSCALE_OAUTH_CLIENT_SECRET; TAILSCALE_TAILNET; and TAILSCALE_BASE_URL.
 * For pruning by TAILSCALE_PRUNING_API_KEY and so on, where one of them is set.
 * @throws ConfigError naming the variable that is missing or one too many.
 */
export function tailscaleClient(options: TailscaleClientOptions): TailscaleClient {
  const { env } = options
  const variables = options.pruning === true && pruningVariables.some((name) => valueOf(env, name) !== undefined) ? pruningVariables : credentialVariables
  const credentials = credentialsOf(env, variables)
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
      : tokenHeader(base, credentials, variables, options.now ?? Date.now, options.signal)
  const source =
    credentials.kind === 'api-key' ? `${variables[0]}: it may be wrong, expired or revoked` : `${variables[1]} and ${variables[2]}: the client may be revoked`
  const client = httpClient({
    headers: async () => ({ authorization: await header() }),
    hints: {
      401: `Check ${source}.`,
      403: `Give the credentials the scope ${options.pruning === true ? 'devices:core, with write access' : 'devices:core:read'} (${source}).`,
      404: 'Check TAILSCALE_TAILNET: these credentials know no tailnet of that name. And TAILSCALE_BASE_URL, if it is set.',
    },
  })
  const url = new URL(`tailnet/${encodeURIComponent(tailnet)}/devices`, base)
  return {
    tailnet,
    async list(signal) {
      const { body } = await client.fetchBytes({ url, accept: 'application/json', signal })
      try {
        return DeviceList.parse(JSON.parse(body.toString('utf8'))).devices
      } catch (error) {
        throw new SourceError(`GET ${url.href} did not answer with a list of devices`, {
          code: 'TAILSCALE_LIST_UNREADABLE',
          hint: 'Check TAILSCALE_BASE_URL: it must be the address of Tailscale’s API.',
          cause: error,
        })
      }
    },
    async remove(id, signal) {
      try {
        await client.fetchBytes({ url: new URL(`device/${encodeURIComponent(id)}`, base), method: 'DELETE', signal })
        return 'removed'
      } catch (error) {
        if (error instanceof SourceError && error.code === 'SOURCE_NOT_FOUND') return 'gone already'
        throw error
      }
    },
  }
}

/** @throws ConfigError where they are missing, half given, or given twice */
export function credentialsOf(env: Env, variables = credentialVariables): Credentials {
  const [keyName, idName, secretName] = variables
  const [apiKey, clientId, clientSecret] = variables.map((name) => valueOf(env, name))
  if (apiKey !== undefined) {
    const other = clientId !== undefined ? idName : clientSecret !== undefined ? secretName : undefined
    if (other === undefined) return { kind: 'api-key', apiKey }
    throw new ConfigError(`${keyName} and ${other} are both set`, {
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
  const [missing, given] = clientId === undefined ? [idName, secretName] : [secretName, idName]
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
  [, idName, secretName]: CredentialVariables,
  now: () => number,
  signal: AbortSignal | undefined,
): () => Promise<string> {
  const client = httpClient({
    hints: {
      400: `Check ${idName} and ${secretName}.`,
      401: `Check ${idName} and ${secretName}: the client is unknown, revoked, or its secret is wrong.`,
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
