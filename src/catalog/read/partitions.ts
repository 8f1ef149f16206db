import type { PartitionSet } from '../../definitions/partitions/partition-set.ts'
import type { Queryable } from './row.ts'

/** How a partition stands. `failed`: its last run did, and what was there before is still there. */
export const partitionStatuses = ['missing', 'materialized', 'failed', 'running'] as const
export type PartitionStatus = (typeof partitionStatuses)[number]

export type PartitionCounts = Readonly<Record<PartitionStatus, number>>

/** Partitions that follow each other and stand alike. */
export interface PartitionStretch<Status extends string = PartitionStatus> {
  readonly from: string
  readonly to: string
  readonly count: number
  readonly status: Status
}

export interface PartitionStates {
  readonly count: number
  readonly statusAt: (index: number) => PartitionStatus
  readonly counts: PartitionCounts
}

/** A partition's status as a byte: its place in `partitionStatuses`. */
const code = { missing: 0, materialized: 1, failed: 2, running: 3 } as const satisfies Record<PartitionStatus, number>

/** How each partition of an asset stands now. The keys come as one text a status, so that 100,000 of them are read in some 20 ms. */
export async function readPartitionStates(db: Queryable, location: string, asset: string, set: PartitionSet): Promise<PartitionStates> {
  const { rows } = await db.query<{ there: string | null; failed: string | null; open: string[] | null }>(
    `SELECT string_agg(partition, E'\\n') FILTER (WHERE failed_at IS NULL AND materialized_at IS NOT NULL) AS there, string_agg(partition, E'\\n') FILTER (WHERE failed_at IS NOT NULL) AS failed,
       (SELECT array_agg(key) FROM millrace.step s CROSS JOIN unnest(s.partitions) key WHERE s.location = $1 AND s.asset = $2 AND s.ended_at IS NULL) AS open
     FROM millrace.asset_partition WHERE location = $1 AND asset = $2`,
    [location, asset],
  )
  const states = new Uint8Array(set.count)
  const mark = (keys: readonly string[], state: number): void => {
    for (const key of keys) {
      const index = set.indexOf(key)
      if (index >= 0) states[index] = state
    }
  }
  // A key has no control characters.
  mark(rows[0]?.there?.split('\n') ?? [], code.materialized)
  mark(rows[0]?.failed?.split('\n') ?? [], code.failed)
  mark(rows[0]?.open ?? [], code.running)
  const counts = [0, 0, 0, 0]
  for (const state of states) counts[state] = (counts[state] ?? 0) + 1
  return {
    count: set.count,
    statusAt: (index) => partitionStatuses[states[index] ?? code.missing] ?? 'missing',
    counts: { missing: counts[0] ?? 0, materialized: counts[1] ?? 0, failed: counts[2] ?? 0, running: counts[3] ?? 0 },
  }
}

/** The partitions from an index on as stretches that stand alike, at most so many. */
export function stretchesOf<Status extends string = PartitionStatus>(
  set: PartitionSet,
  states: { readonly statusAt: (index: number) => Status },
  limit: number,
  first = 0,
): { readonly stretches: PartitionStretch<Status>[]; readonly next: number | undefined } {
  const stretches: PartitionStretch<Status>[] = []
  let from = first
  while (from < set.count && stretches.length < limit) {
    const status = states.statusAt(from)
    let to = from + 1
    while (to < set.count && states.statusAt(to) === status) to += 1
    stretches.push({ from: set.at(from), to: set.at(to - 1), count: to - from, status })
    from = to
  }
  return { stretches, next: from < set.count ? from : undefined }
}

export interface PartitionBin extends PartitionCounts {
  readonly from: string
  readonly to: string
}

/** All partitions in at most so many parts of the same size, for a picture of them. */
export function binsOf(set: PartitionSet, states: PartitionStates, most: number): PartitionBin[] {
  const size = Math.max(1, Math.ceil(set.count / most))
  const bins: PartitionBin[] = []
  for (let from = 0; from < set.count; from += size) {
    const to = Math.min(from + size, set.count)
    const counts = { missing: 0, materialized: 0, failed: 0, running: 0 }
    for (let index = from; index < to; index += 1) counts[states.statusAt(index)] += 1
    bins.push({ from: set.at(from), to: set.at(to - 1), ...counts })
  }
  return bins
}

export interface PartitionRead {
  readonly partition: string
  readonly materializedAt: Date | null
  readonly runId: string | null
  readonly failedAt: Date | null
  readonly failedRunId: string | null
  readonly metadata: Readonly<Record<string, unknown>> | null
}

/** What is known of these partitions; nothing of those that were never asked for. */
export async function readPartitions(db: Queryable, location: string, asset: string, keys: readonly string[]): Promise<Map<string, PartitionRead>> {
  const { rows } = await db.query<PartitionRead & { partition: string }>(
    `SELECT partition, materialized_at AS "materializedAt", run_id AS "runId", failed_at AS "failedAt", failed_run_id AS "failedRunId", metadata
     FROM millrace.asset_partition WHERE location = $1 AND asset = $2 AND partition = ANY($3)`,
    [location, asset, keys],
  )
  return new Map(rows.map((row) => [row.partition, row]))
}
