import type pg from 'pg'
import { requirePartition, requireRange } from '../definitions/partitions/choose-partitions.ts'
import { MillraceError } from '../errors.ts'
import { forgetFailure } from './asset-failure.ts'
import { transaction } from './database.ts'
import { insertEvents } from './events.ts'
import type { PartitionedAsset } from './read/partitioned-asset.ts'

export interface Wiped {
  /** Whether it was known to be materialized as a whole. */
  readonly asset: boolean
  /** Of how many partitions something was known. */
  readonly partitions: number
}

/**
 * Forgets that an asset, or some of its partitions, were materialized. What they stored, and the rows of tables, stay where they are.
 * @param by `api`, `page` or `cli`
 * @param asked keys and ranges; all of it when undefined. A key that is no partition any more may be named while something is known of it
 * @throws MillraceError `NO_PARTITIONS`, `UNKNOWN_PARTITION`, `PARTITION_RANGE_INVALID`
 */
export function wipeAsset(pool: pg.Pool, found: PartitionedAsset, asked: readonly string[] | undefined, by: string): Promise<Wiped> {
  const { location, asset } = found
  const keys = asked === undefined ? null : [...new Set(asked.flatMap((one) => keysOf(found, one)))]
  return transaction(pool, async (client) => {
    // It is missing then, and not failed, as its partitions are.
    if (keys === null) await forgetFailure(client, location, asset)
    // In the order in which the end of a step writes them.
    const whole = keys === null ? await client.query(`DELETE FROM millrace.asset WHERE location = $1 AND key = $2`, [location, asset]) : undefined
    const { rows } = await client.query<{ partition: string }>(
      `WITH known AS (SELECT partition FROM millrace.asset_partition
         WHERE location = $1 AND asset = $2 AND ($3::text[] IS NULL OR partition = ANY($3)) ORDER BY partition FOR UPDATE)
       DELETE FROM millrace.asset_partition p USING known WHERE p.location = $1 AND p.asset = $2 AND p.partition = known.partition RETURNING p.partition`,
      [location, asset, keys],
    )
    const wiped = new Set(rows.map((row) => row.partition))
    // What nothing is known of must at least be a partition.
    for (const key of keys ?? []) if (!wiped.has(key) && found.set !== undefined) requirePartition(found.set, key, asset)
    await insertEvents(client, [
      {
        asset,
        kind: 'wiped',
        level: 'warn',
        message: `What is known of ${keys === null ? asset : `${String(keys.length)} ${keys.length === 1 ? 'partition' : 'partitions'} of ${asset}`} was wiped by ${by}. What was stored stays.`,
        data: { location, partitions: keys === null ? null : keys.slice(0, 1000), wiped: wiped.size },
      },
    ])
    return { asset: (whole?.rowCount ?? 0) > 0, partitions: wiped.size }
  })
}

function keysOf({ set, asset }: PartitionedAsset, one: string): string[] {
  if (set === undefined) throw new MillraceError(`${asset} has no partitions.`, { code: 'NO_PARTITIONS', hint: 'Leave the partitions out.' })
  if (!one.includes('..')) return [one]
  const { from, to } = requireRange(set, one, asset)
  return Array.from({ length: to - from }, (_, index) => set.at(from + index))
}
