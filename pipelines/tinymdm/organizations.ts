import { ConfigError } from 'millrace'
import type { Throttle } from 'millrace'
import * as z from 'zod'
import { tinymdm } from './client.ts'
import type { DeviceManager } from './device-manager.ts'

const publicBaseUrl = 'https://www.tinymdm.net/api/v1/'
/** TinyMDM allows 5. Evenly spaced, 4.5 leave a request room to be 100 ms late without a sixth within its second. */
const defaultPerSecond = 4.5

type Env = Readonly<Record<string, string | undefined>>

const Fleet = z.strictObject({
  name: z.string().min(1),
  /** Of the MDM; a fleet without is not synced. */
  group: z.union([z.string().min(1), z.number().transform(String)]).optional(),
  /** The user name of devices that are new in it. */
  user: z.string().optional(),
})
export type Fleet = z.infer<typeof Fleet>

/** An organization whose variables are all there. */
export interface ReadyOrganization {
  readonly name: string
  readonly state: 'ready'
  readonly manager: DeviceManager
  readonly fleets: readonly Fleet[]
}

export type Organization =
  | ReadyOrganization
  /** None of its credentials are set. */
  | { readonly name: string; readonly state: 'not configured'; readonly variable: string }
  | { readonly name: string; readonly state: 'wrong'; readonly error: ConfigError }

/** The name of the only organization where TINYMDM_ORGANIZATIONS names none. */
const onlyOrganization = 'default'

/**
 * The organizations that TINYMDM_ORGANIZATIONS names, each with variables of its own (`TINYMDM_<NAME>_ACCOUNT_ID` …); without it one, with TINYMDM_ACCOUNT_ID and so on.
 * What is wrong with one organization is its own state.
 * @throws ConfigError where TINYMDM_ORGANIZATIONS, TINYMDM_BASE_URL or TINYMDM_REQUESTS_PER_SECOND cannot be
 */
export function organizationsOf(env: Env, throttle: Throttle): Organization[] {
  const common = { throttle, baseUrl: baseUrlOf(env), perSecond: perSecondOf(env) }
  const names = valueOf(env, 'TINYMDM_ORGANIZATIONS')
  if (names === undefined) return [organizationOf(onlyOrganization, 'TINYMDM_', env, common)]
  const listed = names.split(',').map((name) => name.trim())
  const wrong = listed.find((name, index) => !/^[a-z][a-z0-9_]*$/.test(name) || listed.indexOf(name) !== index)
  if (wrong === undefined) return listed.map((name) => organizationOf(name, prefixOf(name), env, common))
  throw new ConfigError(`TINYMDM_ORGANIZATIONS names ${JSON.stringify(wrong)}, which is no name or is there twice`, {
    code: 'TINYMDM_ORGANIZATIONS_INVALID',
    hint: 'Separate names by commas. A name begins with a small letter and has small letters, digits and _.',
  })
}

/** Whether nothing at all is set that says whose devices these are. */
export function hasNoAccount(env: Env): boolean {
  return ['TINYMDM_ORGANIZATIONS', ...variablesOf('TINYMDM_')].every((name) => valueOf(env, name) === undefined)
}

const prefixOf = (name: string): string => `TINYMDM_${name.toUpperCase()}_`
const variablesOf = (prefix: string): string[] => ['ACCOUNT_ID', 'APIKEY_PUBLIC', 'APIKEY_SECRET'].map((one) => `${prefix}${one}`)

interface Common {
  readonly throttle: Throttle
  readonly baseUrl: URL
  readonly perSecond: number
}

function organizationOf(name: string, prefix: string, env: Env, common: Common): Organization {
  const variables = variablesOf(prefix)
  const [accountId, publicKey, secretKey] = variables.map((variable) => valueOf(env, variable))
  if (accountId === undefined && publicKey === undefined && secretKey === undefined) {
    return { name, state: 'not configured', variable: `${prefix}ACCOUNT_ID` }
  }
  if (accountId === undefined || publicKey === undefined || secretKey === undefined) {
    const missing = variables.filter((variable) => valueOf(env, variable) === undefined)
    const error = new ConfigError(`${missing.join(' and ')} of the organization ${name} is not set, though others of its credentials are`, {
      code: 'TINYMDM_CREDENTIALS_HALF',
      hint: `An account signs in with ${variables.join(', ')}.`,
    })
    return { name, state: 'wrong', error }
  }
  const fleets = fleetsOf(`${prefix}FLEETS`, env)
  if (fleets instanceof ConfigError) return { name, state: 'wrong', error: fleets }
  return { name, state: 'ready', fleets, manager: tinymdm({ ...common, account: { accountId, publicKey, secretKey }, variables: variables.join(', ') }) }
}

function fleetsOf(variable: string, env: Env): readonly Fleet[] | ConfigError {
  const wrong = (what: string): ConfigError =>
    new ConfigError(`${variable} ${what}`, {
      code: 'TINYMDM_FLEETS_INVALID',
      hint: 'Give a list as JSON: [{ "name": "tablets", "group": "12", "user": "reader" }].',
    })
  const text = valueOf(env, variable)
  if (text === undefined) return wrong('is not set')
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return wrong('is no JSON')
  }
  const parsed = z.array(Fleet).min(1).safeParse(json)
  if (!parsed.success)
    return wrong(`is no list of fleets: ${parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`).join('; ')}`)
  const twice = parsed.data.find(({ name }, index) => parsed.data.findIndex((one) => one.name === name) !== index)
  return twice === undefined ? parsed.data : wrong(`names the fleet ${twice.name} twice`)
}

function valueOf(env: Env, name: string): string | undefined {
  const value = env[name]?.trim()
  return value === '' ? undefined : value
}

function baseUrlOf(env: Env): URL {
  const text = valueOf(env, 'TINYMDM_BASE_URL') ?? publicBaseUrl
  const url = URL.parse(text.endsWith('/') ? text : `${text}/`)
  if (url !== null && /^https?:$/.test(url.protocol)) return url
  throw new ConfigError('TINYMDM_BASE_URL is not an address that begins with http:// or https://', {
    code: 'TINYMDM_BASE_URL_INVALID',
    hint: `Unset it, or give one like ${publicBaseUrl}.`,
  })
}

function perSecondOf(env: Env): number {
  const text = valueOf(env, 'TINYMDM_REQUESTS_PER_SECOND')
  if (text === undefined) return defaultPerSecond
  const value = Number(text)
  if (value > 0 && value <= 1000) return value
  throw new ConfigError('TINYMDM_REQUESTS_PER_SECOND is no number above 0', {
    code: 'TINYMDM_REQUESTS_PER_SECOND_INVALID',
    hint: `Unset it for ${String(defaultPerSecond)}, or give fewer where other programs ask for the same account.`,
  })
}
