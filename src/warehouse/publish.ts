import type pg from 'pg'
import type { CheckSpec } from '../definitions/check.ts'
import type { TableSpec } from '../definitions/column-spec.ts'
import { MillraceError } from '../errors.ts'
import { refuseFailed, runChecks } from './checks.ts'
import type { CheckOutcome } from './checks.ts'
import { quoteIdentifier, quoteTable } from './identifier.ts'
import { lockTarget } from './locks.ts'
import { mergeIntoTarget } from './merge.ts'
import type { MergeCounts } from './merge.ts'
import { replaceTarget } from './replace.ts'
import { addToHistory } from './scd2.ts'
import { stagingTable } from './staging.ts'

export interface PublishRequest {
  readonly stepId: string
  readonly generation: number
  readonly asset: string
  readonly table: TableSpec
  readonly checks: readonly CheckSpec[]
  /** When the run began, ISO 8601. */
  readonly runStartedAt: string
  /** Recorded batches of the generation, from the sealed step: all of them must be in the ledger. */
  readonly batches: number
  /** How many of its records went to quarantine. */
  readonly quarantined?: number
  readonly signal: AbortSignal
  /** Called inside the transaction when the rows are in the target, before the commit. */
  readonly onApplied?: () => void
}

/** What a publish did, as it is stored with the fence, so that an attempt that comes later can answer the same. */
export interface PublishResult extends Partial<MergeCounts> {
  readonly rows: number
  readonly records: number
  readonly filtered: number
  /** Records that did not fit. */
  readonly quarantined?: number
  readonly disposition: string
  /** How `replace` was done, and why. */
  readonly how?: string
  /** The first five rows. */
  readonly preview: readonly unknown[]
  readonly checks: readonly CheckOutcome[]
}

export type PublishOutcome =
  | { readonly state: 'published'; readonly result: PublishResult }
  | { readonly state: 'superseded' }
  /** Another generation is open, or the load was given up. */
  | { readonly state: 'fenced' }

/**
 * Moves a step's rows from staging into the target: one transaction with the checks, the counts and the fence, so that readers see
 * all of it or nothing. Doing it again answers what the first time did.
 * @throws CheckFailedError a blocking check failed; MillraceError `LEDGER_INCOMPLETE` when a batch or a row is missing
 */
export async function publish(client: pg.ClientBase, request: PublishRequest): Promise<PublishOutcome> {
  await client.query('BEGIN')
  try {
    const outcome = await publishInside(client, request)
    await client.query('COMMIT')
    return outcome
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

async function publishInside(client: pg.ClientBase, request: PublishRequest): Promise<PublishOutcome> {
  const { stepId, generation, table, asset } = request
  await lockTarget(client, table)
  const { rows: fences } = await client.query<{ generation: number; state: string; load_order: string; result: PublishResult | null }>(
    `SELECT generation, state, load_order, result FROM millrace_load.step WHERE step_id = $1 FOR UPDATE`,
    [stepId],
  )
  const fence = fences[0]
  if (fence?.state === 'published' && fence.result !== null) return { state: 'published', result: fence.result }
  if (fence?.state === 'superseded') return { state: 'superseded' }
  if (fence === undefined || fence.state !== 'open' || fence.generation !== generation) return { state: 'fenced' }
  const staging = stagingTable(stepId, generation)
  const counts = await countLedger(client, request, quoteTable(staging))
  // What an older run appends is missing all the same; of what it replaces or merges a newer one has the newer state.
  if (table.disposition !== 'append' && (await isSuperseded(client, table, fence.load_order))) {
    await closeFence(client, stepId, 'superseded', null)
    await client.query(`DROP TABLE ${quoteTable(staging)}`)
    return { state: 'superseded' }
  }
  const { rows: preview } = await client.query<{ row: unknown }>(previewSql(quoteTable(staging)))
  // What a load says of its own rows is all there is to say where it is the table, or stands in it beside others of its kind.
  const whole = table.disposition === 'replace' || table.disposition === 'snapshot' || table.disposition === 'scd2'
  // What concerns the load alone is asked of staging, before anything is locked that readers need.
  const before = await runChecks(
    client,
    request.checks.filter((check) => whole || check.kind === 'not-empty'),
    quoteTable(staging),
  )
  refuseFailed(asset, before)
  const applied = await apply(client, request, counts.rows)
  const after = await runChecks(
    client,
    request.checks.filter((check) => !whole && check.kind !== 'not-empty'),
    quoteTable(table),
  )
  refuseFailed(asset, [...before, ...after])
  const result: PublishResult = {
    ...counts,
    ...((request.quarantined ?? 0) === 0 ? {} : { quarantined: request.quarantined }),
    disposition: table.disposition,
    ...applied,
    preview: preview.map((one) => one.row),
    checks: [...before, ...after],
  }
  await client.query(
    `INSERT INTO millrace_load.target AS t (target_schema, target_name, load_order, step_id, published_at) VALUES ($1, $2, $3, $4, clock_timestamp())
     ON CONFLICT (target_schema, target_name) DO UPDATE SET load_order = excluded.load_order, step_id = excluded.step_id, published_at = excluded.published_at
     WHERE t.load_order < excluded.load_order`,
    [table.schema, table.name, fence.load_order, stepId],
  )
  await closeFence(client, stepId, 'published', result)
  request.onApplied?.()
  return { state: 'published', result }
}

/** The first five rows, long values cut: a preview is stored several times over, and a value may have megabytes. */
function previewSql(staging: string): string {
  const cut = `CASE WHEN pg_column_size(value) > 1000 THEN to_jsonb(left(value #>> '{}', 300) || '…') ELSE value END`
  return `SELECT (SELECT jsonb_object_agg(key, ${cut}) FROM jsonb_each(to_jsonb(s))) AS row FROM (SELECT * FROM ${staging} LIMIT 5) s`
}

async function countLedger(client: pg.ClientBase, request: PublishRequest, staging: string): Promise<{ rows: number; records: number; filtered: number }> {
  const { rows } = await client.query<{ batches: string; rows: string; records: string; filtered: string; staged: string }>(
    `SELECT count(*) AS batches, coalesce(sum(rows), 0) AS rows, coalesce(sum(records), 0) AS records, coalesce(sum(filtered), 0) AS filtered,
       (SELECT count(*) FROM ${staging}) AS staged
     FROM millrace_load.batch WHERE step_id = $1 AND generation = $2`,
    [request.stepId, request.generation],
  )
  const counted = rows[0]
  if (counted === undefined || Number(counted.batches) !== request.batches || counted.rows !== counted.staged) {
    throw new MillraceError(
      `${request.asset} is not published: ${String(request.batches)} batches were recorded and ${counted?.batches ?? '0'} are in the ledger, with ${counted?.rows ?? '0'} rows; staging holds ${counted?.staged ?? '0'}.`,
      {
        code: 'LEDGER_INCOMPLETE',
        retryable: true,
        hint: 'Nothing was published. If it stays so, somebody changed the schema millrace_staging: run the asset again.',
      },
    )
  }
  return { rows: Number(counted.rows), records: Number(counted.records), filtered: Number(counted.filtered) }
}

async function isSuperseded(client: pg.ClientBase, table: TableSpec, order: string): Promise<boolean> {
  const { rows } = await client.query(`SELECT 1 FROM millrace_load.target WHERE target_schema = $1 AND target_name = $2 AND load_order > $3`, [
    table.schema,
    table.name,
    order,
  ])
  return rows.length > 0
}

async function closeFence(client: pg.ClientBase, stepId: string, state: 'published' | 'superseded', result: PublishResult | null): Promise<void> {
  await client.query(`UPDATE millrace_load.step SET state = $2, result = $3, ended_at = clock_timestamp() WHERE step_id = $1`, [
    stepId,
    state,
    result === null ? null : JSON.stringify(result),
  ])
}

async function apply(client: pg.ClientBase, request: PublishRequest, rows: number): Promise<Partial<MergeCounts> & Pick<PublishResult, 'how'>> {
  const { table, asset } = request
  const staging = stagingTable(request.stepId, request.generation)
  const swappable = { stepId: request.stepId, table, staging, signal: request.signal }
  if (table.disposition === 'replace') return { how: await replaceTarget(client, swappable) }
  if (table.disposition === 'merge') return mergeIntoTarget(client, { ...swappable, asset, rows })
  if (table.disposition === 'scd2') return addToHistory(client, { asset, table, staging, at: request.runStartedAt })
  const names = table.columns.map((column) => quoteIdentifier(column.name)).join(', ')
  const insert =
    table.snapshot === undefined ? `(${names}) SELECT ${names}` : `(${names}, ${quoteIdentifier(table.snapshot.at)}) SELECT ${names}, $1::timestamptz`
  await client.query(`INSERT INTO ${quoteTable(table)} ${insert} FROM ${quoteTable(staging)}`, table.snapshot === undefined ? [] : [request.runStartedAt])
  await client.query(`DROP TABLE ${quoteTable(staging)}`)
  return {}
}
