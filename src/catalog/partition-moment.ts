import type { PartitionMoment } from '../definitions/partitions/partition-set.ts'
import type { PartitionsSpec } from '../definitions/partitions/partitions-spec.ts'
import type { Database } from './database.ts'

/** What the partitions of a location depend on: the database's time, and the keys of dynamic ones. */
export async function readMoment(database: Database, location: string, specs: readonly (PartitionsSpec | undefined)[]): Promise<PartitionMoment> {
  const names = specs.flatMap((spec) => (spec === undefined ? [] : dynamicNames(spec)))
  const { rows } = await database.query<{ now: Date; keys: Record<string, string[]> | null }>(
    // No jsonb: to put a long list into another value takes time by its square, 50 s for 100,000 keys.
    `SELECT clock_timestamp() AS now,
       (SELECT json_object_agg(name, keys) FROM (SELECT name, json_agg(key ORDER BY ordinal) AS keys FROM millrace.partition_key
         WHERE location = $1 AND name = ANY($2) GROUP BY name) k) AS keys`,
    [location, names],
  )
  const { now = new Date(), keys = null } = rows[0] ?? {}
  return { now, dynamic: (name) => keys?.[name] ?? [] }
}

function dynamicNames(spec: PartitionsSpec): string[] {
  if (spec.kind === 'multi') return spec.dimensions.flatMap(({ partitions }) => dynamicNames(partitions))
  return spec.kind === 'dynamic' ? [spec.name] : []
}
