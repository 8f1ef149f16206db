import { once } from 'node:events'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { ColumnSpec } from '../definitions/column-spec.ts'
import { DataError, MillraceError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import { typeOidsOf } from './encoder/type-oids.ts'
import { quoteIdentifier, quoteTable } from './identifier.ts'
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
}

/** `loaded` now, `already` by an attempt before, or `fenced`: the generation is over. */
export type LoadOutcome = 'loaded' | 'already' | 'fenced'

// 256 KiB a message: larger ones only grow the socket's buffer.
const chunkBytes = 256 * 1024

/**
 * Copies one batch into its staging table, with its ledger row, in one transaction. Whatever happens before the commit leaves nothing;
 * after it, doing it again changes nothing.
 */
export async function loadBatch(client: pg.ClientBase, request: LoadBatchRequest): Promise<LoadOutcome> {
  const staging = stagingTable(request.stepId, request.generation)
  await client.query('BEGIN')
  try {
    const outcome = await copyUnderLedger(client, request, staging)
    await client.query(outcome === 'loaded' ? 'COMMIT' : 'ROLLBACK')
    return outcome
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

async function copyUnderLedger(client: pg.ClientBase, request: LoadBatchRequest, staging: { schema: string; name: string }): Promise<LoadOutcome> {
  // FOR SHARE: loads of one step run side by side, a publish (FOR UPDATE) waits for all of them.
  const { rows } = await client.query<{ oids: number[] | null }>(
    `SELECT (SELECT array_agg(a.atttypid::int8 ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = to_regclass($3) AND a.attnum > 0 AND NOT a.attisdropped) AS oids
     FROM millrace_load.step f WHERE f.step_id = $1 AND f.generation = $2 AND f.state = 'open' FOR SHARE`,
    [request.stepId, request.generation, quoteTable(staging)],
  )
  const fence = rows[0]
  if (fence === undefined) return 'fenced'
  compareTypes(request.columns, (fence.oids ?? []).map(Number))
  const ledger = await client.query(
    `INSERT INTO millrace_load.batch (step_id, generation, ordinal, records, filtered, rows) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
    [request.stepId, request.generation, request.ordinal, request.records, request.filtered, request.rows],
  )
  if (ledger.rowCount === 0) return 'already'
  const names = request.columns.map((column) => quoteIdentifier(column.name)).join(', ')
  const copied = await copy(client, `COPY ${quoteTable(staging)} (${names}) FROM STDIN (FORMAT ${request.format})`, request.bytes)
  if (copied !== request.rows) {
    throw new MillraceError(`Batch ${String(request.ordinal)} has ${String(request.rows)} rows, but Postgres took ${String(copied)}.`, {
      code: 'LOAD_COUNT',
      retryable: true,
    })
  }
  return 'loaded'
}

/** Binary COPY takes bytes of another type without a word, so the types are compared by OID, in the load's own transaction. */
function compareTypes(columns: readonly ColumnSpec[], found: readonly number[]): void {
  const expected = typeOidsOf(columns)
  const wrong = columns.filter((_, index) => found[index] === undefined || (expected[index] !== null && expected[index] !== found[index]))
  if (wrong.length === 0 && found.length === columns.length) return
  throw new DataError(
    `The staging table’s columns are not the ones that the rows were encoded for: ${wrong.map((one) => `${one.name} should be ${one.type}`).join(', ') || 'their number differs'}.`,
    {
      code: 'COLUMN_TYPE_MISMATCH',
      hint: 'Nobody but Millrace may alter the schema millrace_staging. Run the asset again.',
    },
  )
}

async function copy(client: pg.ClientBase, sql: string, bytes: Uint8Array): Promise<number> {
  const stream = client.query(copyFrom(sql))
  const failed = once(stream, 'finish')
  for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
    const more = stream.write(bytes.subarray(offset, offset + chunkBytes))
    if (offset === 0) faultPoint('load.copying')
    if (!more) await Promise.race([once(stream, 'drain'), failed])
  }
  stream.end()
  await failed
  return stream.rowCount
}
