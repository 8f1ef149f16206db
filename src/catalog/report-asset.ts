import type pg from 'pg'
import { storedMetadata } from '../definitions/metadata/fields.ts'
import type { MetadataFields } from '../definitions/metadata/fields.ts'
import { requirePartition } from '../definitions/partitions/choose-partitions.ts'
import { MillraceError } from '../errors.ts'
import { transaction } from './database.ts'
import type { Database } from './database.ts'
import { insertEvents } from './events.ts'
import { markAsset } from './materialized.ts'
import { keepObservations } from './observations.ts'
import type { PartitionedAsset } from './read/partitioned-asset.ts'

/** `materialization`: it was written. `observation`: something about it was seen. */
export type ReportKind = 'materialization' | 'observation'

export interface AssetReport {
  readonly kind: ReportKind
  readonly partition?: string | undefined
  readonly metadata: MetadataFields
  /** A second report with the same key changes nothing. */
  readonly idempotencyKey?: string | undefined
  /** `api` or `cli`. */
  readonly by: string
}

export interface Reported {
  /** ISO 8601, UTC; of a report that came before, when that was. */
  readonly at: string
  /** False when the idempotency key was known already. */
  readonly created: boolean
}

/**
 * Writes down what something else did with an asset, or saw of it, in one transaction with its event.
 * @throws MillraceError `PARTITION_NEEDED`, `NO_PARTITIONS`, `UNKNOWN_PARTITION`, `IDEMPOTENCY_KEY_USED`; DataError `METADATA_INVALID`
 */
export function reportAsset(pool: pg.Pool, found: PartitionedAsset, report: AssetReport): Promise<Reported> {
  const { location, asset } = found
  const { kind, partition, idempotencyKey } = report
  checkPartition(found, partition)
  const metadata = storedMetadata(asset, report.metadata)
  return transaction(pool, async (client) => {
    const known = idempotencyKey === undefined ? undefined : await takeKey(client, idempotencyKey, { location, asset, kind })
    if (known?.created === false) return known
    const said = `, as was reported (${report.by})`
    if (kind === 'materialization') {
      const data = { location, ...(partition === undefined ? {} : { partition }), by: report.by, metadata }
      await markAsset(client, { location, asset, run_id: null, partitions: partition === undefined ? null : [partition] }, metadata, () => metadata)
      const what = `${partition === undefined ? '' : `the partition ${partition} of `}${asset}`
      await insertEvents(client, [{ asset, kind, message: `${what} was materialized${said}.`, data }])
    } else {
      await keepObservations(client, { location, by: report.by, said }, [{ asset, partition, metadata }])
    }
    if (known !== undefined) return known
    const { rows } = await client.query<{ at: Date }>(`SELECT clock_timestamp() AS at`)
    return { at: (rows[0]?.at ?? new Date()).toISOString(), created: true }
  })
}

function checkPartition({ set, asset }: PartitionedAsset, partition: string | undefined): void {
  if (set === undefined) {
    if (partition !== undefined) throw new MillraceError(`${asset} has no partitions.`, { code: 'NO_PARTITIONS', hint: 'Leave the partition out.' })
    return
  }
  if (partition === undefined) throw new MillraceError(`${asset} has partitions: say which of them.`, { code: 'PARTITION_NEEDED' })
  requirePartition(set, partition, asset)
}

interface Keyed {
  readonly location: string
  readonly asset: string
  readonly kind: ReportKind
}

/** Takes an idempotency key; answers when it was taken, and whether it was just now: a report like this one may have had it before. Whoever asks at the same time waits for the first. */
async function takeKey(client: Database, key: string, { location, asset, kind }: Keyed): Promise<Reported> {
  const { rows: taken } = await client.query<{ at: Date }>(
    `INSERT INTO millrace.asset_report (idempotency_key, location, asset, kind) VALUES ($1, $2, $3, $4) ON CONFLICT (idempotency_key) DO NOTHING RETURNING at`,
    [key, location, asset, kind],
  )
  if (taken[0] !== undefined) return { at: taken[0].at.toISOString(), created: true }
  const { rows } = await client.query<Keyed & { at: Date }>(`SELECT location, asset, kind, at FROM millrace.asset_report WHERE idempotency_key = $1`, [key])
  const [before] = rows
  if (before?.location === location && before.asset === asset && before.kind === kind) return { at: before.at.toISOString(), created: false }
  throw new MillraceError(
    `The idempotency key ${JSON.stringify(key)} came before, with ${before === undefined ? 'another report' : `the ${before.kind} of ${before.asset}`}.`,
    {
      code: 'IDEMPOTENCY_KEY_USED',
      hint: 'Give each report a key of its own.',
    },
  )
}

/** Forgets keys that came so many days ago; 0: none. */
export async function forgetReports(database: Database, days: number): Promise<void> {
  if (days === 0) return
  await database.query(`DELETE FROM millrace.asset_report WHERE at < clock_timestamp() - make_interval(days => $1)`, [days])
}
