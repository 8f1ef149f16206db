import type pg from 'pg'
import { addressOf } from '../catalog/destination-address.ts'
import type { DestinationAddress } from '../catalog/destination-address.ts'
import { currentManifests } from '../catalog/manifests.ts'
import type { Config } from '../config.ts'
import { defaultDestination } from '../definitions/destination.ts'
import type { DestinationSpec } from '../definitions/destination.ts'
import { MillraceError } from '../errors.ts'
import { driverUrl } from '../postgres.ts'
import { requireInstallation } from './installation.ts'
import { withCatalog } from './with-client.ts'

/** A destination that definitions in force name, and the locations that do. */
export interface DeclaredDestination {
  readonly spec: DestinationSpec
  readonly locations: readonly string[]
}

/** Every destination besides the default one, once where several locations declare it alike. By name. */
export async function declaredDestinations(client: Pick<pg.ClientBase, 'query'>, location?: string): Promise<DeclaredDestination[]> {
  const named = (await currentManifests(client, location)).flatMap(({ manifest }) =>
    manifest.assets.flatMap((asset) =>
      asset.kind === 'function' || asset.kind === 'external' || asset.destination === undefined
        ? []
        : [{ spec: asset.destination, location: manifest.location }],
    ),
  )
  const alike = [...Map.groupBy(named, ({ spec }) => JSON.stringify(spec)).values()]
  return alike
    .flatMap((group) => (group[0] === undefined ? [] : [{ spec: group[0].spec, locations: [...new Set(group.map((one) => one.location))] }]))
    .toSorted((a, b) => (a.spec.name < b.spec.name ? -1 : 1))
}

/**
 * Where the destination of a name is; the default one without a name.
 * @throws MillraceError `DESTINATION_UNKNOWN`, `DESTINATION_AMBIGUOUS`; ConfigError when it is not set here
 */
export async function findDestination(config: Config, name: string | undefined, location?: string): Promise<DestinationAddress> {
  if (name === undefined || name === defaultDestination) {
    const { destinationUrl } = await requireInstallation(config)
    return { url: destinationUrl, driverUrl: driverUrl(destinationUrl) }
  }
  const declared = await withCatalog(config, 'destinations', (client) => declaredDestinations(client, location))
  const [found, other] = declared.filter(({ spec }) => spec.name === name)
  if (found === undefined) {
    const names = [defaultDestination, ...new Set(declared.map(({ spec }) => spec.name))]
    throw new MillraceError(`No definitions in force name a destination ${name}.`, { code: 'DESTINATION_UNKNOWN', hint: `There are: ${names.join(', ')}.` })
  }
  if (other !== undefined) {
    throw new MillraceError(`The locations ${[...found.locations, ...other.locations].join(', ')} have different destinations called ${name}.`, {
      code: 'DESTINATION_AMBIGUOUS',
      hint: 'Say which one by --location.',
    })
  }
  return addressOf(found.spec, config.env)
}
