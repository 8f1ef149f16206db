import type pg from 'pg'
import type { Json } from '../definitions/json.ts'
import type { PageFormat } from '../definitions/page.ts'
import { storableJson } from './events.ts'
import { quarantineMatches, quarantineValues } from './read/quarantine.ts'
import type { QuarantineFilter } from './read/quarantine.ts'
import { transaction } from './database.ts'
import type { Database } from './database.ts'

/** Whether a record of `quarantine q` is not being redriven. */
export const nobodyHas = `(q.redriven_by IS NULL OR EXISTS (SELECT FROM millrace.step s WHERE s.id = q.redriven_by AND s.status IN ('failed', 'canceled', 'skipped', 'superseded')))`

/**
 * Whether the rest of its batch is in the table, as SQL over a record `q` and its step `o`: then it is missing there, and does not come again by itself.
 * Of a load that failed nothing is, but where its batches went in one by one.
 */
export const othersAreIn = `(o.status = 'succeeded' OR (o.each_batch AND o.status IN ('failed', 'canceled') AND EXISTS (SELECT FROM millrace.batch b
  WHERE b.step_id = q.step_id AND b.generation = q.generation AND b.ordinal = q.ordinal AND b.status = 'loaded')))`

/** How what is kept is read again: a line as its page; or bytes that are no UTF-8, kept in base64 beside a text to look at: `{"text", "base64"}`. */
export type KeptFormat = PageFormat | { readonly kind: 'bytes'; readonly of: PageFormat }

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
  /** Of a line that is no record: how its file is read. */
  readonly format?: KeptFormat
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
  /** Of those that are kept already, what stays: by where in the batch they came. */
  readonly staying?: readonly number[]
}

/**
 * Keeps a batch's bad records, instead of those that an attempt before kept of it, but for those that stay. Answers how many its step has in this generation;
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
    await client.query(`DELETE FROM millrace.quarantine WHERE step_id = $1 AND generation = $2 AND ordinal = $3 AND record_index <> ALL ($4::bigint[])`, [
      ...where,
      batch.ordinal,
      batch.staying ?? [],
    ])
    await client.query(
      `INSERT INTO millrace.quarantine (step_id, generation, ordinal, run_id, location, asset, version, record_index, place, record, tagged, format, page, issues)
       SELECT $1, $2, $3, $4, $5, $6, $7, * FROM unnest($8::bigint[], $9::text[], $10::text[], $11::boolean[], $12::jsonb[], $13::jsonb[], $14::jsonb[])`,
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
        batch.records.map((one) => (one.format === undefined ? null : JSON.stringify(one.format))),
        batch.records.map((one) => (one.page === undefined ? null : storableJson(one.page))),
        batch.records.map((one) => storableJson(one.issues)),
      ],
    )
    const { rows } = await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM millrace.quarantine WHERE step_id = $1 AND generation = $2`, where)
    return rows[0]?.n ?? 0
  })
}

/** The records of a step's generation so far, and how many of them are in quarantine. @param besides a batch that is not counted: it is encoded once more */
export async function countQuarantined(
  database: Database,
  stepId: string,
  generation: number,
  besides?: string,
): Promise<{ records: number; quarantined: number }> {
  const { rows } = await database.query<{ records: number; quarantined: number }>(
    `SELECT coalesce(sum(records), 0)::float8 AS records, coalesce(sum(quarantined), 0)::float8 AS quarantined FROM millrace.batch
     WHERE step_id = $1 AND generation = $2 AND id IS DISTINCT FROM $3`,
    [stepId, generation, besides ?? null],
  )
  return rows[0] ?? { records: 0, quarantined: 0 }
}

/** Marks kept records as discarded, or discarded ones as kept again. Answers how many. */
export async function moveQuarantine(database: Database, filter: QuarantineFilter, to: QuarantineFilter['state']): Promise<number> {
  const { rowCount } = await database.query(`UPDATE millrace.quarantine q SET state = $7 WHERE ${quarantineMatches} AND ${nobodyHas}`, [
    ...quarantineValues(filter),
    to,
  ])
  return rowCount ?? 0
}

/** Which of an asset's records a redriving takes: all that are kept, or those of the run that its table is of. */
export interface RedriveChoice {
  readonly stepId: string
  readonly location: string
  readonly asset: string
  readonly newestRunOnly: boolean
}

/** Takes records for a step, besides those it has taken before. What another step has taken is left to it, unless that one was given up. */
export async function takeForRedriving(database: Database, { stepId, location, asset, newestRunOnly }: RedriveChoice): Promise<void> {
  await database.query(
    `UPDATE millrace.quarantine q SET redriven_by = $1 WHERE location = $2 AND asset = $3 AND state = 'kept' AND ${nobodyHas}
       AND EXISTS (SELECT FROM millrace.step o WHERE o.id = q.step_id AND ${othersAreIn})
       AND (NOT $4 OR run_id = (SELECT a.run_id FROM millrace.asset a WHERE a.location = q.location AND a.key = q.asset))`,
    [stepId, location, asset, newestRunOnly],
  )
}

export interface TakenRecord {
  readonly id: string
  readonly record: string
  readonly tagged: boolean
  readonly format: KeptFormat | null
  readonly page: Json | null
}

/** Records that a step has taken, after one of them, in the order in which they came. */
export async function takenRecords(database: Database, stepId: string, after: string, limit: number): Promise<TakenRecord[]> {
  const { rows } = await database.query<TakenRecord>(
    `SELECT id::text AS id, record, tagged, format, page FROM millrace.quarantine WHERE redriven_by = $1 AND state = 'kept' AND id > $2::bigint ORDER BY quarantine.id LIMIT $3`,
    [stepId, after, limit],
  )
  return rows
}

/** How many records a step has taken and still has. */
export async function countTaken(database: Database, stepId: string): Promise<number> {
  const { rows } = await database.query<{ n: number }>(`SELECT count(*)::float8 AS n FROM millrace.quarantine WHERE redriven_by = $1 AND state = 'kept'`, [
    stepId,
  ])
  return rows[0]?.n ?? 0
}
