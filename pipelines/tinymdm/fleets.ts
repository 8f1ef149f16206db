import { ConfigError } from 'millrace'
import type { Log } from 'millrace'
import type { Organization, ReadyOrganization } from './organizations.ts'

/** A fleet that is synced: one that has a group. */
export interface FleetPlace {
  readonly organization: ReadyOrganization
  readonly fleet: string
  readonly groupId: string
  /** The user name of devices that are new in it. */
  readonly user: string | null
}

export interface FleetsContext {
  readonly organizations: readonly Organization[]
  /** Only this one. */
  readonly only: string | undefined
  readonly signal: AbortSignal
  readonly log: Log
}

/**
 * Visits each fleet of each organization, and hands on what a visit yields. An organization that is not configured is a warning; what fails in one fleet is logged, and
 * the others are visited all the same.
 * @throws what failed first, where nothing went well; ConfigError `TINYMDM_ORGANIZATION_UNKNOWN`, `TINYMDM_NOT_CONFIGURED`; the signal's reason
 */
export async function* eachFleet<T>(context: FleetsContext, visit: (place: FleetPlace) => AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  const { signal, log } = context
  const failures: unknown[] = []
  let visited = 0
  for (const organization of configured(context)) {
    if (organization.state === 'wrong') {
      log.error(`the organization ${organization.name} cannot be used: ${organization.error.message}`)
      failures.push(organization.error)
      continue
    }
    for (const place of fleetsOf(organization)) {
      try {
        yield* visit(place)
        visited += 1
      } catch (error) {
        signal.throwIfAborted()
        failures.push(error)
        log.error(`the fleet ${place.fleet} of ${organization.name} failed: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  }
  if (visited === 0 && failures.length > 0) throw failures[0]
}

/** The fleets of an organization that have a group. */
export function fleetsOf(organization: ReadyOrganization): FleetPlace[] {
  return organization.fleets.flatMap(({ name, group, user }) =>
    group === undefined ? [] : [{ organization, fleet: name, groupId: group, user: user === undefined || user === '' ? null : user }],
  )
}

/**
 * The organizations that are asked for and have credentials; those without are a warning.
 * @throws ConfigError where there is none of the name, or none has credentials
 */
export function configured({ organizations, only, log }: Omit<FleetsContext, 'signal'>): Exclude<Organization, { state: 'not configured' }>[] {
  const chosen = only === undefined ? organizations : organizations.filter(({ name }) => name === only)
  if (chosen.length === 0) {
    throw new ConfigError(`There is no organization ${String(only)}`, {
      code: 'TINYMDM_ORGANIZATION_UNKNOWN',
      hint: `The organizations are: ${organizations.map(({ name }) => name).join(', ')}.`,
    })
  }
  const missing = chosen.filter((one) => one.state === 'not configured')
  if (missing.length === chosen.length) {
    throw new ConfigError(`${missing.map(({ name, variable }) => `${variable} of the organization ${name}`).join(', ')} is not set`, {
      code: 'TINYMDM_NOT_CONFIGURED',
      hint: 'Set the account’s id, its public and its secret key, and its fleets; docs/tinymdm.md has the variables.',
    })
  }
  for (const { name, variable } of missing) log.warn(`the organization ${name} is not configured: ${variable} is not set`)
  return chosen.filter((one) => one.state !== 'not configured')
}
