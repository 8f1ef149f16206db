import * as z from 'zod'
import { latestMigrations } from '../migrate.ts'
import { readRows } from './row.ts'
import type { Queryable } from './row.ts'

const MigrationRow = z.object({ name: z.string().nullable() })

/** The newest migration that was applied to the catalogue, and the newest this program knows. */
export async function readSchemaVersion(db: Queryable): Promise<{ readonly applied: string | null; readonly newest: string }> {
  const newest = (await latestMigrations()).millrace
  const [exists] = await readRows(db, MigrationRow, `SELECT to_regclass('millrace.migration')::text AS name`)
  if (exists?.name === null) return { applied: null, newest }
  const [row] = await readRows(db, MigrationRow, 'SELECT max(name) AS name FROM millrace.migration')
  return { applied: row?.name ?? null, newest }
}
