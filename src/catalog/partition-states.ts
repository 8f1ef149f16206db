import type { Database } from './database.ts'
import type { JsonObject } from '../definitions/json.ts'
import { storableJson } from './events.ts'

/** The partitions of an asset that a run has made, or was to make. */
export interface RunPartitions {
  readonly location: string
  readonly asset: string
  readonly run_id: string
  readonly partitions: readonly string[]
}

/** Writes down that they are there. */
export async function markMaterialized(
  client: Database,
  { location, asset, run_id, partitions }: Omit<RunPartitions, 'run_id'> & { readonly run_id: string | null },
  metadataOf: (partition: string) => JsonObject,
): Promise<void> {
  await client.query(
    `INSERT INTO millrace.asset_partition AS p (location, asset, partition, run_id, materialized_at, metadata)
     SELECT $1, $2, m.key, $3, clock_timestamp(), m.value FROM jsonb_each($4::jsonb) m ORDER BY m.key COLLATE "C"
     ON CONFLICT (location, asset, partition) DO UPDATE SET run_id = excluded.run_id, materialized_at = excluded.materialized_at, metadata = excluded.metadata,
       failed_at = NULL, failed_run_id = NULL`,
    [location, asset, run_id, storableJson(Object.fromEntries(partitions.map((key) => [key, metadataOf(key)])))],
  )
}

/** Writes down that the last run of them failed. */
export async function markFailed(client: Database, { location, asset, run_id, partitions }: RunPartitions): Promise<void> {
  await client.query(
    `INSERT INTO millrace.asset_partition AS p (location, asset, partition, failed_run_id, failed_at)
     SELECT $1, $2, key, $3, clock_timestamp() FROM unnest($4::text[]) key ORDER BY key COLLATE "C"
     ON CONFLICT (location, asset, partition) DO UPDATE SET failed_run_id = excluded.failed_run_id, failed_at = excluded.failed_at`,
    [location, asset, run_id, partitions],
  )
}

/**
 * Writes down that the last run of them did not fail, though it made none of them. Whatever somebody else writes of one at this moment is newer: nobody is waited
 * for, so whoever holds rows in another order is in nobody's way.
 */
export async function forgetFailed(client: Database, { location, asset, partitions }: Omit<RunPartitions, 'run_id'>): Promise<void> {
  if (partitions.length === 0) return
  await client.query(
    `UPDATE millrace.asset_partition SET failed_at = NULL, failed_run_id = NULL
     WHERE location = $1 AND asset = $2 AND partition IN (SELECT partition FROM millrace.asset_partition
       WHERE location = $1 AND asset = $2 AND partition = ANY($3) AND failed_at IS NOT NULL FOR UPDATE SKIP LOCKED)`,
    [location, asset, partitions],
  )
}

/** The keys of an asset's partitions that are there, and did not fail the last time. */
export async function materializedPartitions(database: Database, location: string, asset: string): Promise<ReadonlySet<string>> {
  const { rows } = await database.query<{ keys: string[] | null }>(
    `SELECT array_agg(partition) AS keys FROM millrace.asset_partition
     WHERE location = $1 AND asset = $2 AND materialized_at IS NOT NULL AND failed_at IS NULL`,
    [location, asset],
  )
  return new Set(rows[0]?.keys ?? [])
}

/** Whether each of these assets is there as a whole. */
export async function areMaterialized(database: Database, location: string, assets: readonly string[]): Promise<boolean> {
  const { rows } = await database.query<{ n: number }>(`SELECT count(*)::int AS n FROM millrace.asset WHERE location = $1 AND key = ANY($2)`, [
    location,
    assets,
  ])
  return rows[0]?.n === new Set(assets).size
}
