import type pg from 'pg'
import type { Json } from '../definitions/json.ts'
import { storableJson } from './events.ts'
import { quarantineMatches, quarantineValues } from './read/quarantine.ts'
import type { QuarantineFilter } from './read/quarantine.ts'
import { transaction } from './database.ts'
import type { Database } from './database.ts'

/** A record that does not fit its table. */
export interface BadRecord {
  /** Where in its batch it came, from 0. */
  readonly index: number
  /** As a person finds it. */
  readonly place: string
  /** JSON. */
  readonly record: string
  /** Whether it holds values that JSON has not, as tags. */
  readonly tagged: boolean
  /** What its page handed to the transform. */
  readonly page: Json | undefined
  readonly issues: readonly { readonly column: string; readonly message: string; readonly value: string }[]
}

export interface BadBatch {
  readonly stepId: string
  readonly runId: string
  readonly location: string
  readonly asset: string
  readonly version: string
  readonly generation: number
  readonly batchId: string
  readonly ordinal: number
  readonly claim: number
  readonly records: readonly BadRecord[]
}

/**
 * Keeps a batch's bad records, instead of those that an attempt before kept of it. Answers how many its step has in this generation;
 * undefined when the claim is no longer the current one.
 */
export async function keepBadRecords(pool: pg.Pool, batch: BadBatch): Promise<number | undefined> {
  return transaction(pool, async (client) => {
    const { rowCount } = await client.query(`SELECT 1 FROM millrace.batch WHERE id = $1 AND claim = $2 AND status = 'recorded' FOR UPDATE`, [
      batch.batchId,
      batch.claim,
    ])
    if (rowCount === 0) return undefined
    const where = [batch.stepId, batch.generation]
    await client.query(`DELETE FROM millrace.quarantine WHERE step_id = $1 AND generation = $2 AND ordinal = $3`, [...where, batch.ordinal])
    await client.query(
      `INSERT INTO millrace.quarantine (step_id, generation, ordinal, run_id, location, asset, version, record_index, place, record, tagged, page, issues)
       SELECT $1, $2, $3, $4, $5, $6, $7, * FROM unnest($8::bigint[], $9::text[], $10::text[], $11::boolean[], $12::jsonb[], $13::jsonb[])`,
      [
        ...where,
        batch.ordinal,
        batch.runId,
        batch.location,
        batch.asset,
        batch.version,
        batch.records.map((one) => one.index),
        batch.records.map((one) => one.place),
        batch.records.map((one) => one.record),
        batch.records.map((one) => one.tagged),
        batch.records.map((one) => (one.page === undefined ? null : storableJson(one.page))),
        batch.records.map((one) => storableJson(one.issues)),
      ],
    )
    const { rows } = await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM millrace.quarantine WHERE step_id = $1 AND generation = $2`, where)
    return rows[0]?.n ?? 0
  })
}

/** The records of a step's generation so far, and how many of them are in quarantine. */
export async function countQuarantined(database: Database, stepId: string, generation: number): Promise<{ records: number; quarantined: number }> {
  const { rows } = await database.query<{ records: number; quarantined: number }>(
    `SELECT coalesce(sum(records), 0)::float8 AS records, coalesce(sum(quarantined), 0)::float8 AS quarantined FROM millrace.batch WHERE step_id = $1 AND generation = $2`,
    [stepId, generation],
  )
  return rows[0] ?? { records: 0, quarantined: 0 }
}

/** Marks kept records as discarded, or discarded ones as kept again. Answers how many. */
export async function moveQuarantine(database: Database, filter: QuarantineFilter, to: QuarantineFilter['state']): Promise<number> {
  const { rowCount } = await database.query(`UPDATE millrace.quarantine SET state = $5 WHERE ${quarantineMatches}`, [...quarantineValues(filter), to])
  return rowCount ?? 0
}
