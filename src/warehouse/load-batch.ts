import type pg from 'pg'
import type { ColumnSpec, TableSpec } from '../definitions/column-spec.ts'
import type { Json } from '../definitions/json.ts'
import { DataError, MillraceError } from '../errors.ts'
import { copy } from './copy.ts'
import { moveCursor } from './cursor.ts'
import { typeOidsOf } from './encoder/type-oids.ts'
import { quoteIdentifier, quoteTable } from './identifier.ts'
import { directLoadLock } from './locks.ts'
import { stagingTable } from './staging.ts'

export interface LoadBatchRequest {
  readonly stepId: string
  readonly generation: number
  readonly ordinal: number
  readonly records: number
  readonly filtered: number
  readonly rows: number
  readonly columns: readonly ColumnSpec[]
  readonly format: 'binary' | 'text'
  /** The whole COPY stream. */
  readonly bytes: Uint8Array
  /** The batch goes straight into its target. */
  readonly direct?: DirectLoad | undefined
}

/** Of a table that is published batch by batch. */
export interface DirectLoad {
  readonly table: TableSpec
  /** The cursor's value when the step began, and after this batch; absent where the table keeps none. */
  readonly cursor?: { readonly from: Json; readonly value: Json | undefined } | undefined
}

/**
 * `loaded` now, `already` by an attempt before, `fenced`: the generation is over; `early`: a batch before it is not loaded yet;
 * `cursor moved`: another step has published since this one began.
 */
export type LoadOutcome = 'loaded' | 'already' | 'fenced' | 'early' | 'cursor moved'

/**
 * Copies one batch into its staging table, or into its target, with its ledger row, in one transaction. Whatever happens before the commit
 * leaves nothing; after it, doing it again changes nothing.
 */
export async function loadBatch(client: pg.ClientBase, request: LoadBatchRequest): Promise<LoadOutcome> {
  await client.query('BEGIN')
  try {
    const outcome = await copyUnderLedger(client, request)
    await client.query(outcome === 'loaded' ? 'COMMIT' : 'ROLLBACK')
    return outcome
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

async function copyUnderLedger(client: pg.ClientBase, request: LoadBatchRequest): Promise<LoadOutcome> {
  const { direct } = request
  const into = direct?.table ?? stagingTable(request.stepId, request.generation)
  if (direct !== undefined) await client.query(`SELECT pg_advisory_xact_lock(${directLoadLock})`, [request.stepId])
  // FOR SHARE: loads of one step run side by side, a publish (FOR UPDATE) waits for all of them.
  const { rows } = await client.query<{ oids: (string | null)[]; loaded: number | null }>(
    `SELECT array(SELECT a.atttypid::int8 FROM unnest($4::text[]) WITH ORDINALITY AS n (name, at)
         LEFT JOIN pg_attribute a ON a.attrelid = to_regclass($3) AND a.attname = n.name AND a.attnum > 0 AND NOT a.attisdropped ORDER BY n.at) AS oids,
       CASE WHEN $5 THEN (SELECT count(*)::int FROM millrace_load.batch WHERE step_id = $1 AND generation = $2) END AS loaded
     FROM millrace_load.step f WHERE f.step_id = $1 AND f.generation = $2 AND f.state = 'open' FOR SHARE`,
    [request.stepId, request.generation, quoteTable(into), request.columns.map((column) => column.name), direct !== undefined],
  )
  const fence = rows[0]
  if (fence === undefined) return 'fenced'
  if (fence.loaded !== null && fence.loaded < request.ordinal) return 'early'
  compareTypes(request.columns, fence.oids, quoteTable(into))
  const ledger = await client.query(
    `INSERT INTO millrace_load.batch (step_id, generation, ordinal, records, filtered, rows) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
    [request.stepId, request.generation, request.ordinal, request.records, request.filtered, request.rows],
  )
  if (ledger.rowCount === 0) return 'already'
  if (direct?.cursor !== undefined && !(await moveCursor(client, { ...direct.cursor, table: direct.table, stepId: request.stepId }))) return 'cursor moved'
  const names = request.columns.map((column) => quoteIdentifier(column.name)).join(', ')
  const copied = await copy(client, `COPY ${quoteTable(into)} (${names}) FROM STDIN (FORMAT ${request.format})`, request.bytes)
  if (copied !== request.rows) {
    throw new MillraceError(`Batch ${String(request.ordinal)} has ${String(request.rows)} rows, but Postgres took ${String(copied)}.`, {
      code: 'LOAD_COUNT',
      retryable: true,
    })
  }
  return 'loaded'
}

/** Binary COPY takes bytes of another type without a word, so the types are compared by OID, in the load's own transaction. */
function compareTypes(columns: readonly ColumnSpec[], found: readonly (string | null)[], into: string): void {
  const expected = typeOidsOf(columns)
  const wrong = columns.filter((_, index) => {
    const oid = found[index]
    return oid === undefined || oid === null || (expected[index] !== null && expected[index] !== Number(oid))
  })
  if (wrong.length === 0) return
  throw new DataError(
    `The columns of ${into} are not the ones that the rows were encoded for: ${wrong.map((one) => `${one.name} should be ${one.type}`).join(', ')}.`,
    {
      code: 'COLUMN_TYPE_MISMATCH',
      hint: 'Somebody altered the table while it was loaded; nobody but Millrace may alter the schema millrace_staging. Run the asset again.',
    },
  )
}
