import type { JsonObject } from '../definitions/json.ts'
import type { Database } from './database.ts'
import { storableJson } from './events.ts'
import { markMaterialized } from './partition-states.ts'

export interface Materialized {
  readonly location: string
  readonly asset: string
  /** Null where no run of ours made it. */
  readonly run_id: string | null
  /** Null where it has none. */
  readonly partitions: readonly string[] | null
}

/** Writes down what an asset is now, and what of its partitions are there; in the transaction that says so in the log. */
export async function markAsset(client: Database, made: Materialized, metadata: JsonObject, metadataOf: (partition: string) => JsonObject): Promise<void> {
  await client.query(
    `INSERT INTO millrace.asset (location, key, run_id, materialized_at, metadata) VALUES ($1, $2, $3, clock_timestamp(), $4)
     ON CONFLICT (location, key) DO UPDATE SET run_id = excluded.run_id, materialized_at = excluded.materialized_at, metadata = excluded.metadata`,
    [made.location, made.asset, made.run_id, storableJson(metadata)],
  )
  if (made.partitions !== null) await markMaterialized(client, { ...made, partitions: made.partitions }, metadataOf)
}

/** The event that says so, of whatever made it. */
export function materializationOf({ asset, partitions }: Pick<Materialized, 'asset' | 'partitions'>, metadata: JsonObject) {
  return { asset, kind: 'materialization', message: `${asset} was materialized${saidOf(partitions)}.`, data: metadata }
}

/** The partitions of a sentence. */
function saidOf(partitions: readonly string[] | null): string {
  if (partitions === null) return ''
  const [first = '', last = ''] = [partitions[0], partitions.at(-1)]
  return partitions.length === 1 ? `: the partition ${first}` : `: ${String(partitions.length)} partitions from ${first} to ${last}`
}
