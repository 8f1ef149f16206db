import { unknownLocation } from '../../catalog/forget-location.ts'
import { readLocationNames } from '../../catalog/read/locations.ts'
import type { Queryable } from '../../catalog/read/row.ts'

/** What a pause is of, in words. */
export const placeName = (location: string): string => (location === '' ? 'everything' : `the location ${location}`)

/** @throws MillraceError `LOCATION_UNKNOWN` */
export async function checkLocation(client: Queryable, location: string): Promise<void> {
  const known = await readLocationNames(client)
  if (location === '' || known.includes(location)) return
  throw unknownLocation(location, known)
}
