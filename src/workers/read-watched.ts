import type pg from 'pg'
import { readEndedRuns, readMaterializations } from '../catalog/feed.ts'
import type { FeedPlace } from '../catalog/feed.ts'
import { currentManifests } from '../catalog/manifests.ts'
import type { MaterializationFacts, RunFacts } from '../definitions/run-facts.ts'
import { selectAssets } from '../definitions/selection/select-assets.ts'
import type { Selectable } from '../definitions/selection/select-assets.ts'
import { chooseFor } from '../definitions/selection/selection-error.ts'
import { ownLocation } from '../definitions/sensor.ts'
import type { SensorSpec } from '../definitions/sensor.ts'
import { MillraceError } from '../errors.ts'

/** What a sensor that watches something is handed. */
export type Handed = { readonly materializations: readonly MaterializationFacts[] } | { readonly runs: readonly RunFacts[] }

export interface SeenBySensor {
  readonly handed: Handed
  readonly count: number
  /** Where it goes on once an evaluation has succeeded. */
  readonly next: FeedPlace
  /** There may be more at once. */
  readonly more: boolean
}

/** As a run says that a sensor launched it. */
export const launchedBySensor = (sensor: string): string => `sensor ${sensor}`

/**
 * What a sensor has not seen yet of what it watches; undefined where it watches nothing.
 * @throws MillraceError `SENSOR_WATCHES_NOTHING`, and what a selection throws that chooses nothing
 */
export async function readWatched(
  pool: pg.Pool,
  { name, watches }: SensorSpec,
  { location, seen }: { readonly location: string; readonly seen: FeedPlace },
  own: readonly Selectable[],
): Promise<SeenBySensor | undefined> {
  if (watches === undefined) return undefined
  const request = { after: seen, limit: watches.atOnce, except: { location, launchedBy: launchedBySensor(name) } }
  if (watches.kind === 'runs') {
    const locations = watches.locations?.map((one) => (one === ownLocation ? location : one))
    const { found, next, more } = await readEndedRuns(pool, { ...request, ends: watches.ends, jobs: watches.jobs, locations })
    return { handed: { runs: found }, count: found.length, next, more }
  }
  const { assets, location: of = location } = watches
  const known = of === location ? own : (await currentManifests(pool, of))[0]?.manifest.assets
  if (known === undefined) {
    throw new MillraceError(`The sensor ${name} watches assets of the location ${of}, which is not loaded.`, {
      code: 'SENSOR_WATCHES_NOTHING',
      hint: 'Start a worker of it, or mend the name. Nothing is missed meanwhile.',
    })
  }
  const keys = chooseFor(() => selectAssets(known, assets))
  const { found, next, more } = await readMaterializations(pool, { ...request, location: of, assets: keys })
  return { handed: { materializations: found }, count: found.length, next, more }
}
