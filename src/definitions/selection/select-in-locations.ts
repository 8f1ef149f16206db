import { selectAssets } from './select-assets.ts'
import type { Selectable } from './select-assets.ts'
import { chooseFor, SelectionError } from './selection-error.ts'

interface Place<Asset extends Selectable> {
  readonly name: string
  readonly assets: readonly Asset[]
}

export interface Selected {
  /** By location, in their order: of those that have something for every term of every selection. */
  readonly found: ReadonlyMap<string, ReadonlySet<string>>
  /** Why the others have not. */
  readonly faults: readonly SelectionError[]
}

/** What selections choose in each of several code locations. @throws SelectionError where one cannot be read */
export function selectInLocations<Asset extends Selectable>(locations: readonly Place<Asset>[], selections: readonly string[]): Selected {
  const found = new Map<string, ReadonlySet<string>>()
  const faults: SelectionError[] = []
  for (const { name, assets } of locations) {
    try {
      found.set(name, new Set(selectAssets(assets, selections)))
    } catch (error) {
      if (!(error instanceof SelectionError) || error.unreadable) throw error
      faults.push(error)
    }
  }
  return { found, faults }
}

/**
 * The same for somebody who asked for it.
 * @throws MillraceError `SELECTION_INVALID` where a selection cannot be read, `UNKNOWN_ASSET` where no location has all that it names
 */
export function chooseInLocations<Asset extends Selectable>(locations: readonly Place<Asset>[], selections: readonly string[]): Selected['found'] {
  return chooseFor(() => {
    const { found, faults } = selectInLocations(locations, selections)
    const [fault] = faults
    if (found.size === 0 && fault !== undefined) throw fault
    return found
  })
}
