import type pg from 'pg'
import { refuseFailed } from '../definitions/check-outcome.ts'
import type { CheckOutcome } from '../definitions/check-outcome.ts'
import { isAskedOfTable } from '../definitions/check-place.ts'
import type { CheckSpec } from '../definitions/check-spec.ts'
import type { TableSpec } from '../definitions/column-spec.ts'
import type { ColumnStatistics, StageTotals } from '../definitions/column-statistics.ts'
import type { Json } from '../definitions/json.ts'
import type { PartitionBounds } from '../definitions/partitions/partition-bounds.ts'
import { MillraceError } from '../errors.ts'
import { appendToTarget } from './append.ts'
import { becomeTarget } from './become-target.ts'
import { runChecks } from './checks/run-checks.ts'
import type { CheckRequest } from './checks/run-checks.ts'
import type { SchemaShape } from './checks/schema-unchanged.ts'
import { greatestOf, moveCursor } from './cursor.ts'
import { quoteTable } from './identifier.ts'
import { keepOneOfEachKey } from './keys.ts'
import { lockTarget } from './locks.ts'
import { mergeIntoTarget } from './merge.ts'
import type { MergeCounts } from './merge.ts'
import { countExpired, planExpired, planPartitionsFor } from './partitions.ts'
import { markWhole, replaceParts } from './replace-parts.ts'
import type { ReplacedParts } from './replace-parts.ts'
import { replacePartitions } from './replace-partitions.ts'
import { replaceTarget } from './replace.ts'
import type { RowNotes } from './row-notes.ts'
import { runDdl, whenUnlocked } from './run-ddl.ts'
import { addToHistory } from './scd2.ts'
import { stagingTable } from './staging.ts'
import { targetOf } from '../definitions/target.ts'

/** What is known of a load besides its counts. */
export interface LoadStatistics {
  readonly stages: readonly StageTotals[]
  /** Of the rows as they were loaded; absent where nobody asks, or not all of them are known. */
  readonly columns?: readonly ColumnStatistics[]
}

export interface PublishRequest {
  readonly stepId: string
  readonly generation: number
  readonly asset: string
  readonly table: TableSpec
  readonly checks: readonly CheckSpec[]
  /** Columns as the checks saw them that compare with the last load, by their names. */
  readonly schemas?: Readonly<Record<string, SchemaShape>>
  /** When the run began, ISO 8601. */
  readonly runStartedAt: string
  /** Recorded batches of the generation, from the sealed step: all of them must be in the ledger. */
  readonly batches: number
  /** Everything was fetched again: it takes the place of what is there. */
  readonly fullRefresh?: boolean
  /** Where the run is of partitions of a table that is replaced by the columns that tell them apart: these, and no other rows. */
  readonly partitions?: readonly PartitionBounds[]
  /** The cursor's value when the step began, and the last one that its pages carried; absent where the step moves none. */
  readonly cursor?: { readonly from: Json; readonly pages: Json | undefined } | undefined
  /** How many of its records went to quarantine. */
  readonly quarantined?: number
  /** What of its records the table did not take. */
  readonly notes?: RowNotes
  readonly statistics?: LoadStatistics
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
  /** What of its records the table did not take. */
  readonly notes?: RowNotes
  readonly statistics?: LoadStatistics
  /** Roles that may read the table because its definition says so. */
  readonly grants?: readonly string[]
  /** The DDL that publishing ran: partitions made and dropped. */
  readonly ddl?: readonly string[]
  /** Rows of periods that are no longer kept, which went with their partitions. */
  readonly expired?: number
  readonly disposition: string
  /** Everything was fetched again. */
  readonly fullRefresh?: boolean
  /** How `replace` was done, and why. */
  readonly how?: string
  /** The first five rows. */
  readonly preview: readonly unknown[]
  readonly checks: readonly CheckOutcome[]
}

export type PublishOutcome =
  | { readonly state: 'published'; readonly result: PublishResult }
  | { readonly state: 'superseded' }
  /** Another step has published since this one began: its rows begin at the wrong place. */
  | { readonly state: 'cursor moved' }
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
    await client.query(outcome.state === 'cursor moved' ? 'ROLLBACK' : 'COMMIT')
    return outcome
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

async function publishInside(client: pg.ClientBase, request: PublishRequest): Promise<PublishOutcome> {
  const { stepId, generation, asset } = request
  const table = request.fullRefresh === true ? refreshed(request.table) : request.table
  await lockTarget(client, table)
  const { rows: fences } = await client.query<{ generation: number; state: string; load_order: string; result: PublishResult | null }>(
    `SELECT generation, state, load_order, result FROM millrace_load.step WHERE step_id = $1 FOR UPDATE`,
    [stepId],
  )
  const fence = fences[0]
  if (fence?.state === 'published' && fence.result !== null) return { state: 'published', result: fence.result }
  if (fence?.state === 'superseded') return { state: 'superseded' }
  if (fence === undefined || fence.state !== 'open' || fence.generation !== generation) return { state: 'fenced' }
  if (table.eachBatch === true) return closeGrown(client, request, fence.load_order)
  const staging = stagingTable(stepId, generation)
  const counts = await countLedger(client, request, quoteTable(staging))
  // What an older run appends is missing all the same; of what it replaces or merges a newer one has the newer state.
  if (table.disposition !== 'append' && table.by === undefined && (await isSuperseded(client, table, fence.load_order))) {
    await closeFence(client, stepId, 'superseded', null)
    await client.query(`DROP TABLE ${quoteTable(staging)}`)
    return { state: 'superseded' }
  }
  if (request.cursor !== undefined && !(await advance(client, request, request.cursor, quoteTable(staging)))) return { state: 'cursor moved' }
  const { rows: preview } = await client.query<{ row: unknown }>(previewSql(quoteTable(staging)), [excludedOf(table)])
  const { staged, whole } = partChecks(request.checks, table)
  const asked = { ...request, key: request.table.primaryKey, hidden: excludedOf(table) }
  // What concerns the load alone is asked of staging, before anything is locked that readers need.
  const before = await runChecks(client, { ...asked, checks: staged, relation: quoteTable(staging), count: counts.rows, ignored: deletedByOf(table) })
  refuseFailed(asset, before, nothingPublished)
  const target = targetOf(table)
  const times = { source: quoteTable(staging), at: request.runStartedAt }
  const made = await planPartitionsFor(client, target, times)
  await runDdl(client, table, made)
  const expired = await countExpired(client, target, times)
  const applied = await apply(client, { ...request, table }, counts.rows, fence.load_order)
  const after = await runChecks(client, { ...asked, checks: whole, relation: quoteTable(table) })
  const checks = inOrder(request.checks, [...before, ...after])
  refuseFailed(asset, checks, nothingPublished)
  const ddl = [...made, ...(await dropExpired(client, target))]
  const result: PublishResult = {
    ...counts,
    ...(request.fullRefresh === true ? { fullRefresh: true } : {}),
    ...quarantinedOf(request),
    ...notedOf(request),
    ...(ddl.length === 0 ? {} : { ddl }),
    ...(expired === 0 ? {} : { expired }),
    disposition: request.table.disposition,
    ...applied,
    preview: preview.map((one) => one.row),
    checks,
  }
  await recordLoad(client, request, fence.load_order)
  await closeFence(client, stepId, 'published', result)
  request.onApplied?.()
  return { state: 'published', result }
}

const nothingPublished = 'Nothing was published; the rows from before stay readable. Mend the source or the check and run again.'

/** Which checks are asked of staging, and which of the whole table, once it is. */
function partChecks(checks: readonly CheckSpec[], table: TableSpec): { staged: CheckSpec[]; whole: CheckSpec[] } {
  const isWhole = (check: CheckSpec): boolean => check.kind !== 'function' && isAskedOfTable(check, table)
  return { staged: checks.filter((check) => !isWhole(check)), whole: checks.filter(isWhole) }
}

/** As they are declared, whenever they were asked. */
function inOrder(checks: readonly CheckSpec[], outcomes: readonly CheckOutcome[]): CheckOutcome[] {
  return checks.flatMap(({ name }) => outcomes.filter((one) => one.name === name))
}

/** Where a record may say that a row is gone, its other values are nobody's concern. */
function deletedByOf({ merge, scd2 }: TableSpec): string | undefined {
  return merge?.deletedBy ?? scd2?.deletedBy
}

/** A table in full refresh: what is fetched is all of it. A history goes on. */
function refreshed(table: TableSpec): TableSpec {
  const { by: _, ...rest } = table
  return table.disposition === 'append' || table.disposition === 'replace' ? { ...rest, disposition: 'replace' } : table
}

async function advance(
  client: pg.ClientBase,
  { stepId, table }: PublishRequest,
  cursor: { from: Json; pages: Json | undefined },
  source: string,
): Promise<boolean> {
  const value = table.cursor?.column === undefined ? cursor.pages : await greatestOf(client, table, source, cursor.from)
  return moveCursor(client, { table, stepId, from: cursor.from, value })
}

/** Ends a load whose batches are all in the target already. */
async function closeGrown(client: pg.ClientBase, request: PublishRequest, order: string): Promise<PublishOutcome> {
  const counts = await countLedger(client, request, undefined)
  const asked: CheckRequest = { ...request, key: request.table.primaryKey, hidden: excludedOf(request.table), relation: quoteTable(request.table) }
  const checks = await runChecks(client, asked)
  refuseFailed(request.asset, checks, 'Its rows are in the table, which is published batch by batch. Mend the source or the check.')
  const result: PublishResult = { ...counts, ...quarantinedOf(request), ...notedOf(request), disposition: 'append', how: 'batch by batch', preview: [], checks }
  await recordLoad(client, request, order)
  await closeFence(client, request.stepId, 'published', result)
  request.onApplied?.()
  return { state: 'published', result }
}

function quarantinedOf({ quarantined = 0 }: PublishRequest): Pick<PublishResult, 'quarantined'> {
  return quarantined === 0 ? {} : { quarantined }
}

/** What the next preparing, and whoever looks at the run, need to know of this load. */
function notedOf({ notes, statistics, table }: PublishRequest): Pick<PublishResult, 'notes' | 'statistics' | 'grants'> {
  return {
    ...(notes === undefined ? {} : { notes }),
    ...(statistics === undefined ? {} : { statistics }),
    ...(table.grants === undefined ? {} : { grants: table.grants.select }),
  }
}

async function recordLoad(client: pg.ClientBase, { table, stepId }: PublishRequest, order: string): Promise<void> {
  await client.query(
    `INSERT INTO millrace_load.target AS t (target_schema, target_name, load_order, step_id, published_at) VALUES ($1, $2, $3, $4, clock_timestamp())
     ON CONFLICT (target_schema, target_name) DO UPDATE SET load_order = excluded.load_order, step_id = excluded.step_id, published_at = excluded.published_at
     WHERE t.load_order < excluded.load_order`,
    [table.schema, table.name, order, stepId],
  )
}

/** Drops partitions that are no longer kept. Where readers hold the table, the next run does. */
async function dropExpired(client: pg.ClientBase, target: TableSpec): Promise<string[]> {
  const statements = await planExpired(client, target)
  if (statements.length === 0) return []
  const done = await whenUnlocked(client, target, async () => {
    for (const statement of statements) await client.query(statement)
  })
  return done ? statements : []
}

/** Columns whose values are nobody's to see but the table's readers'. */
function excludedOf({ statistics }: TableSpec): readonly string[] {
  return statistics === undefined || statistics === false ? [] : statistics.exclude
}

/** The first five rows, long values cut: a preview is stored several times over, and a value may have megabytes. */
function previewSql(staging: string): string {
  const cut = `CASE WHEN pg_column_size(value) > 1000 THEN to_jsonb(left(value #>> '{}', 300) || '…') ELSE value END`
  return `SELECT (SELECT jsonb_object_agg(key, ${cut}) FROM jsonb_each(to_jsonb(s) - $1::text[])) AS row FROM (SELECT * FROM ${staging} LIMIT 5) s`
}

/** @param staging undefined: the rows are in the target, each batch with its ledger row */
async function countLedger(
  client: pg.ClientBase,
  request: PublishRequest,
  staging: string | undefined,
): Promise<{ rows: number; records: number; filtered: number }> {
  const { rows } = await client.query<{ batches: string; rows: string; records: string; filtered: string; staged: string }>(
    `SELECT count(*) AS batches, coalesce(sum(rows), 0) AS rows, coalesce(sum(records), 0) AS records, coalesce(sum(filtered), 0) AS filtered,
       ${staging === undefined ? 'coalesce(sum(rows), 0)' : `(SELECT count(*) FROM ${staging})`} AS staged
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
  await client.query(`UPDATE millrace_load.step SET state = $2, result = coalesce($3, result), ended_at = clock_timestamp() WHERE step_id = $1`, [
    stepId,
    state,
    result === null ? null : JSON.stringify(result),
  ])
}

type Applied = Partial<MergeCounts> & Partial<Pick<PublishResult, 'how' | 'rows'>>

async function apply(client: pg.ClientBase, request: PublishRequest, rows: number, order: string): Promise<Applied> {
  const { table, asset, fullRefresh = false } = request
  const staging = stagingTable(request.stepId, request.generation)
  const swappable = { stepId: request.stepId, table, staging, signal: request.signal }
  if (table.by !== undefined && request.partitions !== undefined) {
    return replacedParts(await replacePartitions(client, { ...swappable, asset, order, partitions: request.partitions }), rows)
  }
  if (table.by !== undefined) return replacedParts(await replaceParts(client, { ...swappable, order }), rows)
  if (table.disposition === 'replace') {
    if (fullRefresh) await markWhole(client, { ...swappable, order })
    const how = fullRefresh ? await becomeTarget(client, swappable) : undefined
    if (fullRefresh && how === undefined) await keepOneOfEachKey(client, table, quoteTable(staging))
    return { how: how ?? (await replaceTarget(client, swappable)) }
  }
  if (table.disposition === 'merge') return mergeIntoTarget(client, { ...swappable, asset, rows, fullRefresh })
  if (table.disposition === 'scd2') return addToHistory(client, { asset, table, staging, at: request.runStartedAt })
  return appendToTarget(client, { ...swappable, rows, at: request.runStartedAt })
}

function replacedParts({ parts, newer, newerRows }: ReplacedParts, rows: number): Applied {
  const left = newer === 0 ? '' : `; ${String(newer)} left as a newer run has them`
  return { how: `${String(parts)} ${parts === 1 ? 'part' : 'parts'} replaced${left}`, rows: rows - newerRows }
}
