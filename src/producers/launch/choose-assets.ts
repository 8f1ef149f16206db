import type { Database } from '../../catalog/database.ts'
import { comesBack, forgottenError, isForgotten } from '../../catalog/forgotten.ts'
import { brokenLocations, currentManifests } from '../../catalog/manifests.ts'
import type { CurrentManifest } from '../../catalog/manifests.ts'
import { knownInstead } from '../../definitions/known-instead.ts'
import { isMade } from '../../definitions/manifest.ts'
import type { MadeAssetSpec, Manifest } from '../../definitions/manifest.ts'
import { withTogether } from '../../definitions/made-together.ts'
import { selectInLocations } from '../../definitions/selection/select-in-locations.ts'
import { chooseFor } from '../../definitions/selection/selection-error.ts'
import type { SelectionError } from '../../definitions/selection/selection-error.ts'
import { MillraceError } from '../../errors.ts'

/** Of what a run is asked: selections, all of one location. */
export interface Choice {
  readonly assets: readonly string[]
  readonly location?: string | undefined
}

/** What a run is to make. */
export interface Chosen extends CurrentManifest {
  /** Upstream before downstream. */
  readonly specs: readonly MadeAssetSpec[]
  /** What else is made, and why. */
  readonly notes: readonly string[]
}

/**
 * The one location that has all that is asked for, with what was chosen of it: less what runs do not make, and with what is only made together with it.
 * @throws MillraceError `UNKNOWN_ASSET`, `ASSET_EXTERNAL`, `SELECTION_INVALID`, `LOCATION_AMBIGUOUS`, `LOCATION_NOT_LOADED`
 */
export async function chooseAssets(database: Database, request: Choice): Promise<Chosen> {
  const manifests = await currentManifests(database, request.location)
  if (manifests.length === 0) throw await notLoaded(database, request.location)
  const places = manifests.map(({ manifest }) => ({ name: manifest.location, assets: manifest.assets }))
  const { found, faults } = chooseFor(() => selectInLocations(places, request.assets))
  const matching = manifests.flatMap((one) => {
    const keys = found.get(one.manifest.location)
    return keys === undefined ? [] : [{ ...one, keys: [...keys] }]
  })
  // One that only knows them as made elsewhere is not meant.
  const making = matching.filter(({ manifest, keys }) => manifest.assets.some((one) => isMade(one) && keys.includes(one.key)))
  const meant = making.length > 0 ? making : matching
  if (meant.length > 1) {
    throw new MillraceError(`${request.assets.join(', ')} is to be found in several locations: ${meant.map((one) => one.manifest.location).join(', ')}.`, {
      code: 'LOCATION_AMBIGUOUS',
      hint: 'Say which one by naming the location.',
    })
  }
  const [chosen] = meant
  if (chosen === undefined) throw noneOf(faults, request.assets, manifests, await brokenLocations(database, request.location))
  const { version, manifest } = chosen
  const keys = new Set(chosen.keys)
  if (making.length === 0) throw await madeElsewhere(database, manifest, keys)
  return { version, manifest, ...toMake(manifest, keys) }
}

/** Why no run makes any of what was chosen, and who does. */
async function madeElsewhere(database: Database, { assets }: Manifest, chosen: ReadonlySet<string>): Promise<MillraceError> {
  const [one] = assets.flatMap((asset) =>
    asset.kind === 'external' && asset.madeIn !== undefined && chosen.has(asset.key) ? [{ ...asset, madeIn: asset.madeIn }] : [],
  )
  const [is, it] = chosen.size === 1 ? ['is', 'it'] : ['are', 'them']
  const hint =
    one === undefined
      ? 'Whatever makes it reports it: `millrace assets report KEY`, or POST /api/v1/assets/KEY/materializations.'
      : (await isForgotten(database, one.madeIn))
        ? `${one.key} is made in the location ${one.madeIn}, which was forgotten. ${comesBack}`
        : `${one.key} is made in the location ${one.madeIn}: name that one.`
  return new MillraceError(`${[...chosen].join(', ')} ${is} made by something else: no run materializes ${it}.`, { code: 'ASSET_EXTERNAL', hint })
}

function toMake({ assets }: Manifest, chosen: ReadonlySet<string>): Pick<Chosen, 'specs' | 'notes'> {
  const own = assets.filter(isMade)
  const { keys, notes } = withTogether(own, new Set(own.flatMap(({ key }) => (chosen.has(key) ? [key] : []))))
  return { specs: own.filter(({ key }) => keys.has(key)), notes }
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
  if (location !== undefined && (await isForgotten(database, location))) return forgottenError(location)
  const start = 'Start a worker for it: a worker publishes its definitions when it starts.'
  if (location === undefined) return new MillraceError('No code location is loaded yet.', { code: 'LOCATION_NOT_LOADED', hint: start })
  const known = (await currentManifests(database)).map(({ manifest }) => manifest.location)
  const instead = known.length === 0 ? '' : ` ${knownInstead(location, known, { what: 'locations', list: 'millrace locations list' })}`
  return new MillraceError(`The location ${location} is not loaded.`, { code: 'LOCATION_NOT_LOADED', hint: `${start}${instead}` })
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
  const given = /^[^\s()+]+/.exec(first?.selection.slice(first.position) ?? '')?.[0] ?? asked.join(' ')
  return new MillraceError(message, { code: 'UNKNOWN_ASSET', hint: `${knownInstead(given, keys, { what: 'assets', list: 'millrace assets list' })}${missing}` })
}
