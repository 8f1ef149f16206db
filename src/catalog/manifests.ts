import { isMade, Manifest } from '../definitions/manifest.ts'
import type { MadeAssetSpec } from '../definitions/manifest.ts'
import type { OpStepSpec } from '../definitions/ops/job-spec.ts'
import { MillraceError } from '../errors.ts'
import type { StoredError } from '../errors.ts'
import type { Database } from './database.ts'

/**
 * Stores a manifest under its version and makes it the one that new runs are planned from, unless a live worker holds
 * a newer one: a worker of an old version that restarts in the middle of a deployment must not take the location back. One that only finishes
 * what it has begun does not count. Brings a location back that was forgotten.
 */
export async function publishManifest(database: Database, manifest: Manifest, version: string, notice: string | undefined, folder?: string): Promise<void> {
  const inserted = await database.query(`INSERT INTO millrace.manifest (location, version, document) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, [
    manifest.location,
    version,
    JSON.stringify(manifest),
  ])
  await database.query(
    `INSERT INTO millrace.location (name, version, notice, folder) VALUES ($1, $2, $3, $5)
     ON CONFLICT (name) DO UPDATE SET
       version = CASE WHEN $4 OR location.version IS NULL OR NOT EXISTS (
           SELECT FROM millrace.process p WHERE p.role = 'worker' AND p.lease_until > clock_timestamp() AND NOT p.temporary AND p.versions->>location.name = location.version)
         THEN excluded.version ELSE location.version END,
       notice = excluded.notice, error = NULL, folder = excluded.folder, forgotten_at = NULL, forgotten_by = NULL, updated_at = clock_timestamp()`,
    [manifest.location, version, notice ?? null, inserted.rowCount === 1, folder ?? null],
  )
  // As long as its definitions had never loaded, it was known by its folder.
  await database.query(`DELETE FROM millrace.location WHERE name = $2 AND name <> $1 AND version IS NULL AND forgotten_at IS NULL`, [
    manifest.location,
    folder ?? null,
  ])
}

/**
 * Keeps why the definitions in a folder did not load: of the location that came from there before, or else under the folder's name. The last good manifest
 * stays in force, and a location that was forgotten stays so.
 * @returns the version that stays in force; undefined where none is
 */
export async function recordLocationError(database: Database, folder: string, error: StoredError): Promise<string | undefined> {
  const text = JSON.stringify(error)
  const known = await database.query<{ version: string | null }>(
    `UPDATE millrace.location SET error = $2, updated_at = clock_timestamp() WHERE folder = $1 AND forgotten_at IS NULL RETURNING version`,
    [folder, text],
  )
  if (known.rowCount !== 0) return known.rows[0]?.version ?? undefined
  const { rows } = await database.query<{ version: string | null }>(
    `INSERT INTO millrace.location (name, error) VALUES ($1, $2)
     ON CONFLICT (name) DO UPDATE SET error = excluded.error, updated_at = clock_timestamp() WHERE location.forgotten_at IS NULL RETURNING version`,
    [folder, text],
  )
  return rows[0]?.version ?? undefined
}

/** Locations whose definitions did not load the last time, and why; of all, or one. */
export async function brokenLocations(database: Database, location?: string): Promise<{ readonly name: string; readonly message: string }[]> {
  const { rows } = await database.query<{ name: string; message: string }>(
    `SELECT name, error->>'message' AS message FROM millrace.location WHERE error IS NOT NULL AND ($1::text IS NULL OR name = $1) ORDER BY name`,
    [location ?? null],
  )
  return rows
}

/** Another version of Millrace published the definitions in force, in a form that this one does not know. */
export const unreadableManifest = (location: string) =>
  ({
    name: 'MillraceError',
    code: 'MANIFEST_UNREADABLE',
    message: `The definitions of ${location} that are in force cannot be read by this version of Millrace.`,
    hint: `Start a worker of this version with ${location}.`,
  }) satisfies StoredError

export interface CurrentManifest {
  readonly version: string
  readonly manifest: Manifest
}

/** Manifests that were read: a version never changes, and one of many assets takes longer to parse than a launch. By location, version and when it was published. */
const parsed = new Map<string, Manifest>()
const mostParsed = 100

/**
 * The manifests in force, of every location or of one. Of all, one that another version of Millrace wrote and this cannot read is left out: the others go on.
 * @throws MillraceError `MANIFEST_UNREADABLE` where the one is asked for
 */
export async function currentManifests(database: Database, location?: string): Promise<CurrentManifest[]> {
  const known = new Map(parsed)
  const id = `m.location || ' ' || m.version || ' ' || m.published_at`
  const { rows } = await database.query<{ id: string; version: string; document: unknown }>(
    `SELECT ${id} AS id, m.version, CASE WHEN ${id} = ANY($2) THEN NULL ELSE m.document END AS document
     FROM millrace.location l JOIN millrace.manifest m ON m.location = l.name AND m.version = l.version
     WHERE $1::text IS NULL OR l.name = $1 ORDER BY l.name`,
    [location ?? null, [...known.keys()]],
  )
  const read = rows.flatMap((row) => {
    const manifest = known.get(row.id) ?? Manifest.safeParse(row.document).data
    if (manifest !== undefined) return [{ id: row.id, version: row.version, manifest }]
    if (location === undefined) return []
    const { message, ...options } = unreadableManifest(location)
    throw new MillraceError(message, options)
  })
  if (parsed.size > mostParsed) parsed.clear()
  for (const one of read) parsed.set(one.id, one.manifest)
  return read.map(({ version, manifest }) => ({ version, manifest }))
}

/** Reads asset specs by version, and remembers them: a version never changes. */
export interface ManifestReader {
  /** The asset of a step; of the step of a function of several assets, the first of those. @throws MillraceError `ASSET_UNKNOWN` when that version has none, or no run makes it. */
  assetSpec(location: string, version: string, key: string): Promise<MadeAssetSpec>
  /** The step of a job's graph, or of a graph-backed asset's. @throws MillraceError `STEP_UNKNOWN` when that version has no such step. */
  opStep(location: string, version: string, op: OpName): Promise<OpStepSpec>
}

/** An op by where it stands: in the graph of an asset, or else of a job. */
interface OpName {
  readonly job: string | undefined
  readonly partOf: string | undefined
  /** As it is called in the run; of a branch's step what it was made from. */
  readonly name: string
}

export function createManifestReader(database: Database): ManifestReader {
  const known = new Map<string, Manifest>()
  const read = async (location: string, version: string): Promise<Manifest> => {
    const name = `${location} ${version}`
    const before = known.get(name)
    if (before !== undefined) return before
    const { rows } = await database.query<{ document: unknown }>(`SELECT document FROM millrace.manifest WHERE location = $1 AND version = $2`, [
      location,
      version,
    ])
    if (rows[0] === undefined) throw new MillraceError(`The location ${location} has no manifest of version ${version}.`, { code: 'ASSET_UNKNOWN' })
    const manifest = Manifest.parse(rows[0].document)
    if (known.size > 100) known.clear()
    known.set(name, manifest)
    return manifest
  }
  return {
    async assetSpec(location, version, key) {
      const manifest = await read(location, version)
      const spec = manifest.assets.filter(isMade).find((one) => one.key === key || (one.kind === 'function' && one.madeBy?.name === key))
      if (spec === undefined) throw new MillraceError(`Version ${version} of the location ${location} has no asset ${key}.`, { code: 'ASSET_UNKNOWN' })
      return spec
    },
    async opStep(location, version, { job, partOf, name }) {
      const { assets, jobs } = await read(location, version)
      const asset = assets.find((one) => one.key === partOf)
      const work = jobs.find((one) => one.name === job)?.work
      const ofJob = work?.kind === 'graph' ? work.steps : []
      const [steps, called] = partOf === undefined ? [ofJob, name] : [asset?.kind === 'function' ? asset.graph?.steps : [], name.slice(partOf.length + 1)]
      const step = steps?.find((one) => one.name === called)
      if (step === undefined) throw new MillraceError(`Version ${version} of the location ${location} has no step ${name}.`, { code: 'STEP_UNKNOWN' })
      return step
    },
  }
}
