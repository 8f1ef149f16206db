import * as z from 'zod'
import { Manifest } from '../../definitions/manifest.ts'
import { moment } from '../../definitions/moment.ts'
import { unreadableManifest } from '../manifests.ts'
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
  /** The definitions in force; null where none ever loaded, and where this version of Millrace cannot read them: then `error` says so. */
  readonly manifest: Manifest | null
}

const ManifestRow = z.object({ location: z.string(), version: z.string(), document: z.unknown() })

/** Reads locations, and each version's manifest once: a version never changes. */
export interface LocationReader {
  all(db: Queryable): Promise<LocationRead[]>
}

export function createLocationReader(): LocationReader {
  /** Null: it cannot be read. */
  let known = new Map<string, Manifest | null>()
  return {
    async all(db) {
      const locations = await readRows(
        db,
        LocationRow,
        `SELECT name, version, notice, error, updated_at AS "updatedAt" FROM millrace.location WHERE forgotten_at IS NULL ORDER BY name`,
      )
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
        [
          ...current.map(({ key }) => [key, before.get(key)] as const),
          ...fresh.map((row) => [keyOf(row.location, row.version), Manifest.safeParse(row.document).data ?? null] as const),
        ].filter((entry): entry is readonly [string, Manifest | null] => entry[1] !== undefined),
      )
      return locations.map((location) => {
        const manifest = location.version === null ? undefined : known.get(keyOf(location.name, location.version))
        // The others go on without it, as in `currentManifests`.
        const error = location.error ?? (manifest === null ? unreadableManifest(location.name) : null)
        return { ...location, error, manifest: manifest ?? null }
      })
    },
  }
}

export const locationStates = ['in force', 'no worker', 'failed to load'] as const

const StandingRow = z.object({
  name: z.string(),
  version: z.string().nullable(),
  notice: z.string().nullable(),
  error: failure,
  updatedAt: time,
  /** When a worker that holds it was last alive; of one that nobody is known to have held, when a worker last tried to load it. */
  lastSeenAt: time,
  /** Live workers by the version that they hold. */
  workers: z.record(z.string(), z.int()),
  /** No worker of it was alive for a day: it may be gone for good. */
  longUnseen: z.boolean(),
})
/** How a location stands. */
export type LocationStanding = z.output<typeof StandingRow> & { readonly state: (typeof locationStates)[number] }

/** How every location stands that was not forgotten. */
export async function readLocationStandings(db: Queryable): Promise<LocationStanding[]> {
  const rows = await readRows(
    db,
    StandingRow,
    `SELECT s.*, s.workers = '{}' AND s."lastSeenAt" < clock_timestamp() - interval '1 day' AS "longUnseen" FROM (
       SELECT l.name, l.version, l.notice, l.error, l.updated_at AS "updatedAt",
         coalesce(greatest(l.seen_at, (SELECT max(least(p.lease_until, clock_timestamp())) FROM millrace.process p WHERE p.role = 'worker' AND p.versions ? l.name)),
           l.updated_at) AS "lastSeenAt",
         (SELECT coalesce(jsonb_object_agg(w.version, w.workers), '{}') FROM (
            SELECT p.versions ->> l.name AS version, count(*)::int AS workers FROM millrace.process p
            WHERE p.role = 'worker' AND p.lease_until > clock_timestamp() AND p.versions ? l.name GROUP BY 1) w) AS workers
       FROM millrace.location l WHERE l.forgotten_at IS NULL) s ORDER BY s.name`,
  )
  return rows.map((row) => ({ ...row, state: row.error !== null ? 'failed to load' : Object.keys(row.workers).length > 0 ? 'in force' : 'no worker' }))
}

/** What to say of a location that nobody has worked for long, besides what there is to say of it; with a blank before it. */
export function forgetAdvice(standing: Pick<LocationStanding, 'name' | 'longUnseen' | 'lastSeenAt'> | undefined): string {
  if (standing?.longUnseen !== true) return ''
  return ` None was seen since ${moment(standing.lastSeenAt)}: if ${standing.name} is gone for good, have it forgotten: millrace locations forget ${standing.name}`
}

const UnfinishedRow = z.object({ runs: z.int(), backfills: z.int(), notifications: z.int() })
/** What of a location has not ended. */
export type Unfinished = z.output<typeof UnfinishedRow>

/** What of a location has not ended, and would if it were forgotten. */
export async function countUnfinished(db: Queryable, location: string): Promise<Unfinished> {
  const rows = await readRows(
    db,
    UnfinishedRow,
    `SELECT (SELECT count(*)::int FROM millrace.run WHERE location = $1 AND status IN ('queued', 'started', 'canceling')) AS runs,
       (SELECT count(*)::int FROM millrace.backfill WHERE location = $1 AND status IN ('running', 'canceling')) AS backfills,
       (SELECT count(*)::int FROM millrace.outbox WHERE location = $1 AND status IN ('waiting', 'working')) AS notifications`,
    [location],
  )
  return rows[0] ?? { runs: 0, backfills: 0, notifications: 0 }
}

/** The same in words: `3 runs and 1 backfill`; empty where there is nothing. */
export function describeUnfinished({ runs, backfills, notifications }: Unfinished): string {
  const counted = [
    { number: runs, what: 'run' },
    { number: backfills, what: 'backfill' },
    { number: notifications, what: 'notification' },
  ].flatMap(({ number, what }) => (number === 0 ? [] : [`${String(number)} ${what}${number === 1 ? '' : 's'}`]))
  return counted.length < 2 ? counted.join('') : `${counted.slice(0, -1).join(', ')} and ${counted.at(-1) ?? ''}`
}

const NameRow = z.object({ name: z.string() })

/** The names of every code location the catalogue knows. */
export async function readLocationNames(db: Queryable): Promise<string[]> {
  return (await readRows(db, NameRow, 'SELECT name FROM millrace.location WHERE forgotten_at IS NULL ORDER BY name')).map((row) => row.name)
}
