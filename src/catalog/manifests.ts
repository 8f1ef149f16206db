import { Manifest } from '../definitions/manifest.ts'
import type { AssetSpec } from '../definitions/manifest.ts'
import { MillraceError } from '../errors.ts'
import type { StoredError } from '../errors.ts'
import type pg from 'pg'
import type { Database } from './database.ts'

/**
 * Stores a manifest under its version and makes it the one that new runs are planned from, unless a live worker holds
 * a newer one: a worker of an old version that restarts in the middle of a deployment must not take the location back.
 */
export async function publishManifest(database: Database, manifest: Manifest, version: string, notice: string | undefined): Promise<void> {
  const inserted = await database.query(`INSERT INTO millrace.manifest (location, version, document) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, [
    manifest.location,
    version,
    JSON.stringify(manifest),
  ])
  await database.query(
    `INSERT INTO millrace.location (name, version, notice) VALUES ($1, $2, $3)
     ON CONFLICT (name) DO UPDATE SET
       version = CASE WHEN $4 OR location.version IS NULL OR NOT EXISTS (
           SELECT FROM millrace.process p WHERE p.role = 'worker' AND p.lease_until > clock_timestamp() AND p.versions->>location.name = location.version)
         THEN excluded.version ELSE location.version END,
       notice = excluded.notice, error = NULL, updated_at = clock_timestamp()`,
    [manifest.location, version, notice ?? null, inserted.rowCount === 1],
  )
}

/** Keeps why a location's definitions did not load; the last good manifest stays in force. */
export async function recordLocationError(database: Database, location: string, error: StoredError): Promise<void> {
  await database.query(
    `INSERT INTO millrace.location (name, error) VALUES ($1, $2)
     ON CONFLICT (name) DO UPDATE SET error = excluded.error, updated_at = clock_timestamp()`,
    [location, JSON.stringify(error)],
  )
}

/** Locations whose definitions did not load the last time, and why; of all, or one. */
export async function brokenLocations(database: Database, location?: string): Promise<{ readonly name: string; readonly message: string }[]> {
  const { rows } = await database.query<{ name: string; message: string }>(
    `SELECT name, error->>'message' AS message FROM millrace.location WHERE error IS NOT NULL AND ($1::text IS NULL OR name = $1) ORDER BY name`,
    [location ?? null],
  )
  return rows
}

export interface CurrentManifest {
  readonly version: string
  readonly manifest: Manifest
}

/** The manifests in force, of every location or of one. */
export async function currentManifests(database: Pick<pg.ClientBase, 'query'>, location?: string): Promise<CurrentManifest[]> {
  const { rows } = await database.query<{ version: string; document: unknown }>(
    `SELECT m.version, m.document FROM millrace.location l JOIN millrace.manifest m ON m.location = l.name AND m.version = l.version
     WHERE $1::text IS NULL OR l.name = $1 ORDER BY l.name`,
    [location ?? null],
  )
  return rows.map((row) => ({ version: row.version, manifest: Manifest.parse(row.document) }))
}

/** Reads asset specs by version, and remembers them: a version never changes. */
export interface ManifestReader {
  /** @throws MillraceError `ASSET_UNKNOWN` when that version has no such asset. */
  assetSpec(location: string, version: string, key: string): Promise<AssetSpec>
}

export function createManifestReader(database: Database): ManifestReader {
  const known = new Map<string, Manifest>()
  return {
    async assetSpec(location, version, key) {
      const name = `${location} ${version}`
      let manifest = known.get(name)
      if (manifest === undefined) {
        const { rows } = await database.query<{ document: unknown }>(`SELECT document FROM millrace.manifest WHERE location = $1 AND version = $2`, [
          location,
          version,
        ])
        if (rows[0] === undefined) throw new MillraceError(`The location ${location} has no manifest of version ${version}.`, { code: 'ASSET_UNKNOWN' })
        manifest = Manifest.parse(rows[0].document)
        if (known.size > 100) known.clear()
        known.set(name, manifest)
      }
      const spec = manifest.assets.find((one) => one.key === key)
      if (spec === undefined) throw new MillraceError(`Version ${version} of the location ${location} has no asset ${key}.`, { code: 'ASSET_UNKNOWN' })
      return spec
    },
  }
}
