import type { Database } from './database.ts'

/** When each asset of a location was materialized last. */
export async function materializedAssets(database: Database, location: string): Promise<{ readonly key: string; readonly at: Date }[]> {
  const { rows } = await database.query<{ key: string; at: Date }>(`SELECT key, materialized_at AS at FROM millrace.asset WHERE location = $1`, [location])
  return rows
}

export interface AskedPartitions {
  readonly asset: string
  readonly partitions: readonly string[]
}

export interface PartitionFact {
  readonly asset: string
  readonly partition: string
  readonly materializedAt: Date | null
  readonly failed: boolean
}

/** What is known of partitions; nothing of one that nobody tried to make. */
export async function partitionFacts(database: Database, location: string, asked: readonly AskedPartitions[]): Promise<PartitionFact[]> {
  if (asked.length === 0) return []
  const { rows } = await database.query<PartitionFact>(
    `SELECT p.asset, p.partition, p.materialized_at AS "materializedAt", p.failed_at IS NOT NULL AS failed
     FROM jsonb_to_recordset($2::jsonb) AS a(asset text, partitions jsonb) CROSS JOIN LATERAL jsonb_array_elements_text(a.partitions) one(key)
     JOIN millrace.asset_partition p ON p.location = $1 AND p.asset = a.asset AND p.partition = one.key COLLATE "C"`,
    [location, JSON.stringify(asked)],
  )
  return rows
}

/** How many partitions of assets are there, and when the last came. */
export async function countPartitions(
  database: Database,
  location: string,
  assets: readonly string[],
): Promise<{ readonly asset: string; readonly count: number; readonly at: Date }[]> {
  if (assets.length === 0) return []
  const { rows } = await database.query<{ asset: string; count: number; at: Date }>(
    `SELECT asset, count(*)::int AS count, max(materialized_at) AS at FROM millrace.asset_partition
     WHERE location = $1 AND asset = ANY($2) AND materialized_at IS NOT NULL GROUP BY asset`,
    [location, assets],
  )
  return rows
}

/** What runs make, or are to make, of a location's assets, and of those that another one makes. */
export async function openSteps(
  database: Database,
  location: string,
): Promise<{ readonly asset: string; readonly partitions: string[] | null; readonly runId: string }[]> {
  const { rows } = await database.query<{ asset: string; partitions: string[] | null; runId: string }>(
    `SELECT asset, partitions, run_id AS "runId" FROM millrace.step WHERE location = $1 AND ended_at IS NULL AND kind <> 'op'
     UNION ALL SELECT s.asset, s.partitions, s.run_id FROM millrace.asset_elsewhere e
       JOIN millrace.step s ON s.location = e.maker AND s.asset = e.key AND s.ended_at IS NULL AND s.kind <> 'op' WHERE e.location = $1`,
    [location],
  )
  return rows
}

/** What backfills still have to make, of what another location makes too; of partitions only those that are asked for. */
export async function openBackfillUnits(
  database: Database,
  location: string,
  keys: readonly string[],
): Promise<{ readonly id: string; readonly assets: string[]; readonly partitions: (string | null)[] }[]> {
  const { rows } = await database.query<{ id: string; assets: string[]; partitions: (string | null)[] }>(
    `SELECT b.id, array(SELECT one FROM jsonb_array_elements_text(u.value -> 'assets') one
         WHERE b.location = $1 OR one IN (SELECT e.key FROM millrace.asset_elsewhere e WHERE e.location = $1 AND e.maker = b.location)) AS assets,
       array(SELECT p.partition FROM millrace.backfill_part p WHERE p.backfill_id = b.id AND p.unit = u.n - 1 AND p.status IN ('waiting', 'running')
         AND (p.partition IS NULL OR p.partition = ANY($2))) AS partitions
     FROM millrace.backfill b CROSS JOIN LATERAL jsonb_array_elements(b.plan -> 'units') WITH ORDINALITY u(value, n)
     WHERE (b.location = $1 OR b.location IN (SELECT e.maker FROM millrace.asset_elsewhere e WHERE e.location = $1)) AND b.status IN ('running', 'canceling')
       AND EXISTS (SELECT FROM millrace.backfill_part p WHERE p.backfill_id = b.id AND p.unit = u.n - 1 AND p.status IN ('waiting', 'running'))`,
    [location, keys],
  )
  return rows
}

/**
 * Of assets without partitions those whose last try failed, where they are made. What fails in the run that made one is no failure of it: an op that its value does
 * not hang on.
 */
export async function failedAssets(database: Database, location: string, assets: readonly string[]): Promise<string[]> {
  if (assets.length === 0) return []
  const { rows } = await database.query<{ asset: string }>(
    `SELECT one.asset FROM unnest($2::text[]) one(asset) LEFT JOIN millrace.asset_elsewhere e ON e.location = $1 AND e.key = one.asset
       JOIN millrace.asset_failure f ON f.location = coalesce(e.maker, $1) AND f.asset = one.asset
     WHERE NOT EXISTS (SELECT FROM millrace.asset a WHERE a.location IN ($1, f.location) AND a.key = one.asset
       AND (a.materialized_at >= f.failed_at OR a.run_id = f.run_id))`,
    [location, assets],
  )
  return rows.map((row) => row.asset)
}
