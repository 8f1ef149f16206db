import * as z from 'zod'
import { Manifest } from '../../definitions/manifest.ts'
import { failure } from './failure.ts'
import { readRows, time } from './row.ts'
import type { Queryable } from './row.ts'

const LocationRow = z.object({
  name: z.string(),
  version: z.string().nullable(),
  notice: z.string().nullable(),
  error: failure,
  updatedAt: time,
})

export type LocationRead = z.output<typeof LocationRow> & {
  /** The definitions in force; null where none ever loaded. */
  readonly manifest: Manifest | null
}

const ManifestRow = z.object({ location: z.string(), version: z.string(), document: Manifest })

/** Reads locations, and each version's manifest once: a version never changes. */
export interface LocationReader {
  all(db: Queryable): Promise<LocationRead[]>
}

export function createLocationReader(): LocationReader {
  let known = new Map<string, Manifest>()
  return {
    async all(db) {
      const locations = await readRows(db, LocationRow, `SELECT name, version, notice, error, updated_at AS "updatedAt" FROM millrace.location ORDER BY name`)
      const keyOf = (location: string, version: string) => JSON.stringify([location, version])
      const current = locations.flatMap(({ name, version }) => (version === null ? [] : [{ location: name, version, key: keyOf(name, version) }]))
      const missing = current.filter(({ key }) => !known.has(key))
      const fresh =
        missing.length === 0
          ? []
          : await readRows(
              db,
              ManifestRow,
              `SELECT location, version, document FROM millrace.manifest
               WHERE (location, version) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
              [missing.map((one) => one.location), missing.map((one) => one.version)],
            )
      const before = known
      known = new Map(
        [...current.map(({ key }) => [key, before.get(key)] as const), ...fresh.map((row) => [keyOf(row.location, row.version), row.document] as const)].filter(
          (entry): entry is readonly [string, Manifest] => entry[1] !== undefined,
        ),
      )
      return locations.map((location) => ({
        ...location,
        manifest: location.version === null ? null : (known.get(keyOf(location.name, location.version)) ?? null),
      }))
    },
  }
}

const NameRow = z.object({ name: z.string() })

/** The names of every code location the catalogue knows. */
export async function readLocationNames(db: Queryable): Promise<string[]> {
  return (await readRows(db, NameRow, 'SELECT name FROM millrace.location ORDER BY name')).map((row) => row.name)
}
