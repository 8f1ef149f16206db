import type pg from 'pg'
import type { TableName } from '../definitions/asset-key.ts'
import type { TableSpec } from '../definitions/column-spec.ts'
import { readCursor } from './cursor.ts'
import type { CursorStart } from './cursor.ts'
import { limitTable } from './column-limits.ts'
import type { ColumnLimit } from './column-limits.ts'
import { createTableSql } from './create-table.ts'
import { quoteTable } from './identifier.ts'
import { directLoadLock, ensureSchema, lockTarget } from './locks.ts'
import { planTarget } from './plan-target.ts'
import { runDdl } from './run-ddl.ts'
import { stagingSchema, stagingTable } from './staging.ts'

export interface PrepareRequest {
  readonly stepId: string
  readonly generation: number
  readonly table: TableSpec
  /** Columns that the asset's checks name. */
  readonly checked?: readonly string[]
}

export interface Prepared {
  /** `open`: staging is ready; `published`: an attempt before got the rows published; `fenced`: a later generation is there already. */
  readonly state: 'open' | 'published' | 'fenced'
  /** The DDL that ran on the target for this generation, whichever attempt ran it. */
  readonly ddl: readonly string[]
  readonly cursor?: CursorStart | undefined
  /** Of a table that is published batch by batch: how many of the step's batches are loaded. */
  readonly loaded?: number
  /** What the target cannot take, where its contract leaves it as it is. */
  readonly limits: readonly ColumnLimit[]
}

/**
 * Opens a generation: the target has the columns it needs, the fence names the generation, staging is empty.
 * One transaction; call it inside BEGIN … COMMIT.
 * @throws what `planTarget` and `runDdl` throw; nothing is changed then
 */
export async function prepareLoad(client: pg.ClientBase, request: PrepareRequest): Promise<Prepared> {
  const { table, stepId, generation } = request
  if (generation > 1) await endLoads(client, stepId, generation)
  if (table.eachBatch === true) await endDirectLoads(client, stepId)
  await ensureSchema(client, stagingSchema)
  const made = await ensureSchema(client, table.schema)
  await lockTarget(client, table)
  const fence = await openFence(client, request)
  if (fence.state !== 'open') return { state: fence.state, ddl: [], limits: [] }
  const { statements, limits } = await planTarget(client, request)
  const cursor = await readCursor(client, table)
  const loaded = table.eachBatch === true ? await carryLedgerOver(client, stepId, generation) : undefined
  if (loaded === undefined) {
    await dropStagingBelow(client, stepId, generation)
    await createStaging(client, limitTable(table, limits), stagingTable(stepId, generation))
  }
  // What locks out readers comes last.
  await runDdl(client, table, statements)
  const ddl = [...fence.ddl, ...made, ...statements]
  await client.query(`UPDATE millrace_load.step SET result = $2 WHERE step_id = $1`, [stepId, JSON.stringify({ ddl, grants: table.grants?.select ?? [] })])
  return { state: 'open', ddl, limits, cursor, ...(loaded === undefined ? {} : { loaded }) }
}

async function createStaging(client: pg.ClientBase, table: TableSpec, staging: TableName): Promise<void> {
  const { rows } = await client.query<{ found: boolean }>(`SELECT to_regclass($1) IS NOT NULL AS found`, [quoteTable(staging)])
  if (rows[0]?.found === true) return
  const { unlogged: _, ...kept } = table.storage ?? {}
  // Always logged, as the ledger is. It is kept as its target only where it may become it.
  const storage = table.partitionBy === undefined && (table.disposition === 'replace' || table.disposition === 'merge') ? kept : {}
  for (const statement of createTableSql(table, staging, { storage })) await client.query(statement)
}

interface Fence {
  readonly state: Prepared['state']
  /** What an attempt before, of this generation, ran on the target. */
  readonly ddl: readonly string[]
}

async function openFence(client: pg.ClientBase, { stepId, generation, table }: PrepareRequest): Promise<Fence> {
  // The order is drawn once per step, when its first generation opens. Only a later generation opens what was abandoned.
  const { rows: opened } = await client.query<{ ddl: string[] | null }>(
    `INSERT INTO millrace_load.step AS f (step_id, target_schema, target_name, generation, state, load_order)
     VALUES ($1, $2, $3, $4, 'open', nextval('millrace_load.load_order'))
     ON CONFLICT (step_id) DO UPDATE SET generation = excluded.generation, state = 'open', ended_at = NULL,
       result = CASE WHEN f.generation = excluded.generation THEN f.result END
     WHERE (f.state = 'open' AND f.generation <= excluded.generation) OR (f.state = 'abandoned' AND f.generation < excluded.generation)
     RETURNING f.result -> 'ddl' AS ddl`,
    [stepId, table.schema, table.name, generation],
  )
  const [own] = opened
  if (own !== undefined) {
    if (table.eachBatch !== true) await client.query(`DELETE FROM millrace_load.batch WHERE step_id = $1 AND generation < $2`, [stepId, generation])
    return { state: 'open', ddl: own.ddl ?? [] }
  }
  const { rows } = await client.query<{ state: string }>(`SELECT state FROM millrace_load.step WHERE step_id = $1`, [stepId])
  return { state: rows[0]?.state === 'published' ? 'published' : 'fenced', ddl: [] }
}

/** What a step has loaded into its target stays loaded, and is of its present generation. Answers how many batches that are. */
async function carryLedgerOver(client: pg.ClientBase, stepId: string, generation: number): Promise<number> {
  await client.query(`UPDATE millrace_load.batch SET generation = $2 WHERE step_id = $1 AND generation < $2`, [stepId, generation])
  const { rows } = await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM millrace_load.batch WHERE step_id = $1 AND generation = $2`, [
    stepId,
    generation,
  ])
  return rows[0]?.n ?? 0
}

/** Ends the sessions that still copy a step's batches into its target: one whose worker stands still would hold the fence for ever. */
async function endDirectLoads(client: pg.ClientBase, stepId: string): Promise<void> {
  await client.query(
    `SELECT pg_terminate_backend(l.pid, 5000) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
     WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.pid <> pg_backend_pid()
       AND (l.classid::bigint << 32) | l.objid::bigint = ${directLoadLock}`,
    [stepId],
  )
}

/**
 * Ends the sessions that still copy into a step's staging tables of generations below one. Their loads are void, and one whose
 * worker stands still in its COPY would hold fence and table for ever.
 */
async function endLoads(client: pg.ClientBase, stepId: string, generation: number): Promise<void> {
  const prefix = stagingTable(stepId, 0).name.slice(0, -1)
  await client.query(
    `SELECT pg_terminate_backend(l.pid, 5000) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_database d ON d.oid = l.database
     WHERE d.datname = current_database() AND l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' AND l.pid <> pg_backend_pid()
       AND c.relnamespace = to_regnamespace($1) AND c.relkind = 'r' AND starts_with(c.relname, $2) AND substr(c.relname, length($2) + 1)::int < $3`,
    [stagingSchema, prefix, generation],
  )
}

/** Drops a step's staging tables of generations below one. */
async function dropStagingBelow(client: pg.ClientBase, stepId: string, generation: number): Promise<void> {
  const prefix = stagingTable(stepId, 0).name.slice(0, -1)
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'r' AND starts_with(relname, $2) AND substr(relname, length($2) + 1)::int < $3`,
    [stagingSchema, prefix, generation],
  )
  for (const row of rows) await client.query(`DROP TABLE IF EXISTS ${quoteTable({ schema: stagingSchema, name: row.name })}`)
}

/**
 * Gives a step's load up to a generation: drops its staging and closes the fence, unless it is published. Answers what the fence says then.
 * @param eachBatch what went into the target stays, and so does the ledger that says what: another attempt goes on after it
 */
export async function abandonLoad(
  client: pg.ClientBase,
  stepId: string,
  generation: number,
  eachBatch: boolean,
): Promise<{ state: string; result: unknown } | undefined> {
  await (eachBatch ? endDirectLoads(client, stepId) : endLoads(client, stepId, generation + 1))
  await client.query(
    `UPDATE millrace_load.step SET state = 'abandoned', ended_at = clock_timestamp() WHERE step_id = $1 AND state = 'open' AND generation <= $2`,
    [stepId, generation],
  )
  await dropStagingBelow(client, stepId, generation + 1)
  const { rows } = await client.query<{ state: string; result: unknown }>(`SELECT state, result FROM millrace_load.step WHERE step_id = $1`, [stepId])
  const fence = rows[0]
  if (!eachBatch || fence?.state === 'published') {
    await client.query(`DELETE FROM millrace_load.batch WHERE step_id = $1 AND generation <= $2`, [stepId, generation])
  }
  return fence
}
