import type { Database } from './database.ts'

/**
 * Forgets when an asset was to be made last and was not. Whatever somebody else writes of it at this moment is newer: nobody is waited for, so whoever holds rows
 * in another order is in nobody's way.
 */
export async function forgetFailure(client: Database, location: string, asset: string): Promise<void> {
  await client.query(
    `DELETE FROM millrace.asset_failure WHERE (location, asset) IN (
       SELECT location, asset FROM millrace.asset_failure WHERE location = $1 AND asset = $2 FOR UPDATE SKIP LOCKED)`,
    [location, asset],
  )
}
