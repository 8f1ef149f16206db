import * as z from 'zod'
import { findAsset, findPartitions } from '../catalog/read/partitioned-asset.ts'
import { binsOf, partitionStatuses, readPartitions, readPartitionStates, stretchesOf } from '../catalog/read/partitions.ts'
import type { PartitionStretch } from '../catalog/read/partitions.ts'
import { wipeAsset } from '../catalog/wipe.ts'
import { requirePartition } from '../definitions/partitions/choose-partitions.ts'
import { redact } from '../redact.ts'
import type { Parts } from './parts.ts'
import { route } from './route.ts'

/** As many parts as a picture of all partitions has. */
const mostBins = 100

const Which = z.object({ asset: z.string().min(1), location: z.string().optional().meta({ description: 'Needed where several locations have the asset.' }) })

const PartitionStatus = z.enum(partitionStatuses).meta({
  id: 'PartitionStatus',
  description: '`failed`: its last run did, and what was there before is still there. `running`: a run that has not ended is to make it.',
})

export const PartitionCounts = z
  .object({ missing: z.int(), materialized: z.int(), failed: z.int(), running: z.int() })
  .meta({ id: 'PartitionCounts', description: 'Partitions by their status.' })
export type PartitionCounts = z.output<typeof PartitionCounts>

export const PartitionSummary = z
  .object({
    asset: z.string(),
    location: z.string(),
    kind: z.string().meta({ description: '`hourly`, `daily`, `weekly`, `monthly`, `cron`, `static`, `dynamic` or `multi`.' }),
    count: z.int().meta({ description: 'How many there are now.' }),
    counts: PartitionCounts,
    bins: z
      .array(z.object({ from: z.string(), to: z.string(), ...PartitionCounts.shape }))
      .meta({ description: 'All of them in their order, in at most 100 parts of the same size; `to` is in it.' }),
  })
  .meta({ id: 'PartitionSummary' })
export type PartitionSummary = z.output<typeof PartitionSummary>

export const Partition = z
  .object({
    partition: z.string(),
    status: PartitionStatus,
    materializedAt: z.iso.datetime().nullable(),
    runId: z.uuid().nullable().meta({ description: 'The run that materialized it.' }),
    failedAt: z.iso.datetime().nullable(),
    failedRunId: z.uuid().nullable(),
    metadata: z.record(z.string(), z.json()).nullable(),
  })
  .meta({ id: 'Partition' })
export type Partition = z.output<typeof Partition>

/** How the partitions of an asset stand. @throws MillraceError `UNKNOWN_ASSET`, `LOCATION_AMBIGUOUS`, `NO_PARTITIONS` */
async function partitionSummary({ pool, locations }: Pick<Parts, 'pool' | 'locations'>, asset: string, location?: string): Promise<PartitionSummary> {
  const found = await findPartitions(pool, locations, asset, location)
  const states = await readPartitionStates(pool, found.location, asset, found.set)
  return {
    asset,
    location: found.location,
    kind: found.spec.kind,
    count: states.count,
    counts: states.counts,
    bins: binsOf(found.set, states, mostBins),
  }
}

/** What a person looks at of an asset's partitions. */
export interface PartitionsDetail extends PartitionSummary {
  /** Those that follow each other and stand alike; the first of them. */
  readonly stretches: readonly PartitionStretch[]
  /** Whether there are more. */
  readonly more: boolean
  readonly failed: readonly Partition[]
}

/** @throws MillraceError as `partitionSummary` */
export async function partitionsDetail(
  parts: Pick<Parts, 'pool' | 'locations'>,
  asset: string,
  location: string | undefined,
  limit: number,
): Promise<PartitionsDetail> {
  const found = await findPartitions(parts.pool, parts.locations, asset, location)
  const states = await readPartitionStates(parts.pool, found.location, asset, found.set)
  const { stretches, next } = stretchesOf(found.set, states, limit)
  const { partitions: failed } = await partitionPage(parts, { asset, location: found.location, status: 'failed', limit: 20 })
  const bins = binsOf(found.set, states, mostBins)
  return {
    asset,
    location: found.location,
    kind: found.spec.kind,
    count: states.count,
    counts: states.counts,
    bins,
    stretches,
    more: next !== undefined,
    failed,
  }
}

interface PartitionPageQuery {
  readonly asset: string
  readonly location?: string | undefined
  readonly status?: z.output<typeof PartitionStatus> | undefined
  /** The key after which to go on. */
  readonly after?: string | undefined
  readonly limit: number
}

/** Partitions in their order. @throws MillraceError as `partitionSummary`, `UNKNOWN_PARTITION` for an `after` that there is not */
async function partitionPage(
  { pool, locations }: Pick<Parts, 'pool' | 'locations'>,
  { asset, location, status, after, limit }: PartitionPageQuery,
): Promise<{ partitions: Partition[]; next: string | null }> {
  const found = await findPartitions(pool, locations, asset, location)
  const states = await readPartitionStates(pool, found.location, asset, found.set)
  const chosen: number[] = []
  for (let index = after === undefined ? 0 : requirePartition(found.set, after, asset) + 1; index < states.count && chosen.length <= limit; index += 1) {
    if (status === undefined || states.statusAt(index) === status) chosen.push(index)
  }
  const page = chosen.slice(0, limit).map((index) => ({ key: found.set.at(index), status: states.statusAt(index) }))
  const known = await readPartitions(
    pool,
    found.location,
    asset,
    page.map(({ key }) => key),
  )
  const partitions = page.map(({ key, status: stands }): Partition => {
    const row = known.get(key)
    return {
      partition: key,
      status: stands,
      materializedAt: row?.materializedAt?.toISOString() ?? null,
      runId: row?.runId ?? null,
      failedAt: row?.failedAt?.toISOString() ?? null,
      failedRunId: row?.failedRunId ?? null,
      metadata: row?.metadata == null ? null : z.record(z.string(), z.json()).parse(redact(row.metadata)),
    }
  })
  return { partitions, next: chosen.length > limit ? (page.at(-1)?.key ?? null) : null }
}

const summaryRoute = route({
  method: 'get',
  path: '/partitions',
  operation: 'summarizePartitions',
  summary: 'How many partitions an asset has, and how they stand',
  query: Which,
  response: PartitionSummary,
  problems: [404, 409, 422],
}).handle(async ({ query, parts }) => ({ body: await partitionSummary(parts, query.asset, query.location) }))

const listRoute = route({
  method: 'get',
  path: '/partitions/list',
  operation: 'listPartitions',
  summary: 'The partitions of an asset in their order, with what each was last',
  query: Which.extend({
    status: PartitionStatus.optional(),
    after: z.string().optional().meta({ description: 'The key after which to go on: `next` of the page before.' }),
    limit: z.coerce.number<string>().int().min(1).max(1000).default(100),
  }),
  response: z.object({ partitions: z.array(Partition), next: z.string().nullable() }).meta({ id: 'PartitionPage' }),
  problems: [404, 409, 422],
}).handle(async ({ query, parts }) => ({ body: await partitionPage(parts, query) }))

const wipeRoute = route({
  method: 'post',
  path: '/partitions/wipe',
  operation: 'wipePartitions',
  summary: 'Forget materializations',
  description:
    'Removes what is known of the materializations of an asset, or of some of its partitions: they count as missing from then on. What was stored, and the rows of tables, stay where they are. A run under way writes down anew what it makes.',
  body: z
    .strictObject({
      asset: z.string().min(1),
      location: z.string().optional(),
      partitions: z
        .array(z.string().min(1))
        .min(1)
        .optional()
        .meta({ description: 'Keys, and ranges as `2026-01-01..2026-01-31`; without, the whole asset with all of its partitions.' }),
    })
    .meta({ id: 'WipeRequest' }),
  response: z
    .object({
      asset: z.string(),
      location: z.string(),
      wiped: z.object({
        asset: z.boolean().meta({ description: 'Whether the asset as a whole was known to be materialized, and was asked for.' }),
        partitions: z.int().meta({ description: 'Of how many partitions something was known.' }),
      }),
    })
    .meta({ id: 'Wiped' }),
  problems: [403, 404, 409, 415, 422],
}).handle(async ({ body, parts }) => {
  const found = await findAsset(parts.pool, parts.locations, body.asset, body.location)
  const wiped = await wipeAsset(parts.pool, found, body.partitions, 'api')
  return { body: { asset: found.asset, location: found.location, wiped } }
})

export const partitionRoutes = [summaryRoute, listRoute, wipeRoute]
