import type { Database } from '../../catalog/database.ts'
import { brokenLocations, currentManifests } from '../../catalog/manifests.ts'
import type { CurrentManifest } from '../../catalog/manifests.ts'
import { selectInLocations } from '../../definitions/selection/select-in-locations.ts'
import { chooseFor } from '../../definitions/selection/selection-error.ts'
import type { SelectionError } from '../../definitions/selection/selection-error.ts'
import { MillraceError } from '../../errors.ts'

/** Of what a run is asked: selections, all of one location. */
export interface Choice {
  readonly assets: readonly string[]
  readonly location?: string | undefined
}

/**
 * The one location that has all that is asked for, with the keys that were chosen.
 * @throws MillraceError `UNKNOWN_ASSET`, `SELECTION_INVALID`, `LOCATION_AMBIGUOUS`, `LOCATION_NOT_LOADED`
 */
export async function chooseAssets(database: Database, request: Choice): Promise<CurrentManifest & { keys: string[] }> {
  const manifests = await currentManifests(database, request.location)
  if (manifests.length === 0) throw await notLoaded(database, request.location)
  const places = manifests.map(({ manifest }) => ({ name: manifest.location, assets: manifest.assets }))
  const { found, faults } = chooseFor(() => selectInLocations(places, request.assets))
  const matching = manifests.flatMap((one) => {
    const keys = found.get(one.manifest.location)
    return keys === undefined ? [] : [{ ...one, keys: [...keys] }]
  })
  if (matching.length > 1) {
    throw new MillraceError(`${request.assets.join(', ')} is to be found in several locations: ${matching.map((one) => one.manifest.location).join(', ')}.`, {
      code: 'LOCATION_AMBIGUOUS',
      hint: 'Say which one by naming the location.',
    })
  }
  const chosen = matching[0]
  if (chosen === undefined) throw noneOf(faults, request.assets, manifests, await brokenLocations(database, request.location))
  return chosen
}

/** Why nothing can be chosen from. */
export async function notLoaded(database: Database, location: string | undefined): Promise<MillraceError> {
  const broken = await brokenLocations(database, location)
  if (broken.length > 0) {
    return new MillraceError(broken.map(({ name, message }) => `The location ${name} does not load: ${message}`).join(' '), {
      code: 'LOCATION_NOT_LOADED',
      hint: 'Mend its definitions and start its workers again.',
    })
  }
  return new MillraceError(location === undefined ? 'No code location is loaded yet.' : `The location ${location} is not loaded.`, {
    code: 'LOCATION_NOT_LOADED',
    hint: 'Start a worker for it: a worker publishes its definitions when it starts.',
  })
}

/** What is wrong with a selection that no location has. */
function noneOf(
  faults: readonly SelectionError[],
  asked: readonly string[],
  manifests: readonly CurrentManifest[],
  broken: readonly { readonly name: string; readonly message: string }[],
): MillraceError {
  const [first, ...others] = faults
  const alike = first !== undefined && others.every((one) => one.selection === first.selection && one.position === first.position)
  const message = alike ? first.brief : `No location has all of ${asked.join(', ')}.`
  const keys = manifests.flatMap((one) => one.manifest.assets.map((asset) => asset.key))
  const missing = broken.map((one) => ` The location ${one.name} does not load: ${one.message}`).join('')
  return new MillraceError(message, { code: 'UNKNOWN_ASSET', hint: `The assets are: ${keys.join(', ')}.${missing}` })
}
