import type { Database } from '../catalog/database.ts'
import type { Logger } from '../logger.ts'

/** Where no worker of a location's version in force is left but workers of another are, theirs comes into force: so a rollback takes effect too. */
export async function settleVersions(database: Database, logger: Logger): Promise<void> {
  const { rows } = await database.query<{ name: string; version: string }>(
    `UPDATE millrace.location l SET version = live.version, updated_at = clock_timestamp()
     FROM (SELECT DISTINCT ON (v.key) v.key AS location, v.value AS version FROM millrace.process p, jsonb_each_text(p.versions) v
           WHERE p.role = 'worker' AND p.lease_until > clock_timestamp() AND NOT p.temporary ORDER BY v.key, p.started_at DESC) live
     WHERE live.location = l.name AND live.version <> l.version
       AND EXISTS (SELECT FROM millrace.manifest m WHERE m.location = l.name AND m.version = live.version)
       AND NOT EXISTS (SELECT FROM millrace.process p WHERE p.role = 'worker' AND p.lease_until > clock_timestamp() AND NOT p.temporary AND p.versions->>l.name = l.version)
     RETURNING l.name, l.version`,
  )
  for (const row of rows) logger.info({ location: row.name, version: row.version }, 'the version whose workers are alive came into force')
}
