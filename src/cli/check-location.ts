import { forgottenError, isForgotten } from '../catalog/forgotten.ts'
import { unknownLocation } from '../catalog/forget-location.ts'
import { readLocationNames } from '../catalog/read/locations.ts'
import type { Queryable } from '../catalog/read/row.ts'

/**
 * Whether there is the location that somebody named, if he named one: an empty list would say that there is nothing of it.
 * @param past whether one that was forgotten will do: its history is kept
 * @throws MillraceError `LOCATION_UNKNOWN`, `LOCATION_NOT_LOADED`
 */
export async function checkLocation(db: Queryable, location: string | undefined, { past = false }: { readonly past?: boolean } = {}): Promise<void> {
  if (location === undefined) return
  const known = await readLocationNames(db)
  if (known.includes(location)) return
  if (!(await isForgotten(db, location))) throw unknownLocation(location, known)
  if (!past) throw forgottenError(location)
}
