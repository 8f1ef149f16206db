import type pg from 'pg'
import { refuseFailed } from '../definitions/check-outcome.ts'
import type { CheckOutcome } from '../definitions/check-outcome.ts'
import type { SqlAssetSpec } from '../definitions/manifest.ts'
import { DataError } from '../errors.ts'
import { runChecks } from './checks/run-checks.ts'
import type { SchemaShape } from './checks/schema-unchanged.ts'
import { quoteIdentifier, quoteLiteral, quoteTable } from './identifier.ts'
import { ensureSchema, lockTarget, planSchema } from './locks.ts'

export interface ComputeRequest {
  readonly stepId: string
  readonly spec: SqlAssetSpec
  /** Columns as the checks saw them that compare with the last computation, by their names. */
  readonly schemas?: Readonly<Record<string, SchemaShape>>
  readonly onApplied?: () => void
}

export interface ComputeResult {
  readonly rows: number
  readonly inserted?: number
  readonly updated?: number
  readonly checks: readonly CheckOutcome[]
}

/**
 * Computes a SQL asset inside Postgres: one transaction with its checks and its fence. Doing it again answers what the first time did.
 * Runs of one asset are put in order by the target's lock, and each reads after it holds the lock, so a later one never publishes older rows.
 * @throws CheckFailedError; DataError `SQL_ASSET_INVALID` when Postgres refuses the query
 */
export async function computeSql(client: pg.ClientBase, request: ComputeRequest): Promise<ComputeResult> {
  const { spec, stepId } = request
  await client.query('BEGIN')
  try {
    await ensureSchema(client, spec.schema)
    await lockTarget(client, spec)
    await client.query(
      `INSERT INTO millrace_load.step (step_id, target_schema, target_name, generation, state, load_order)
       VALUES ($1, $2, $3, 1, 'open', nextval('millrace_load.load_order')) ON CONFLICT (step_id) DO UPDATE SET state = CASE step.state WHEN 'abandoned' THEN 'open' ELSE step.state END`,
      [stepId, spec.schema, spec.name],
    )
    const { rows: fences } = await client.query<{ state: string; result: ComputeResult | null }>(
      `SELECT state, result FROM millrace_load.step WHERE step_id = $1 FOR UPDATE`,
      [stepId],
    )
    const done = fences[0]
    if (done?.state === 'published' && done.result !== null) {
      await client.query('ROLLBACK')
      return done.result
    }
    await client.query(`SET LOCAL statement_timeout = ${String(Math.round(spec.timeoutMs))}`)
    const counts = await withExplanation(spec, () => (spec.store.kind === 'view' ? makeView(client, spec) : merge(client, spec, spec.store)))
    const key = spec.store.kind === 'table' ? spec.store.primaryKey : []
    const checks = await runChecks(client, { asset: spec.key, checks: spec.checks, relation: quoteTable(spec), key, schemas: request.schemas })
    refuseFailed(spec.key, checks, 'Nothing was published; what was there before stays. Mend the query, what it reads or the check, and run again.')
    const result: ComputeResult = { ...counts, checks }
    await client.query(`UPDATE millrace_load.step SET state = 'published', result = $2, ended_at = clock_timestamp() WHERE step_id = $1`, [
      stepId,
      JSON.stringify(result),
    ])
    request.onApplied?.()
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

type Counts = Omit<ComputeResult, 'checks'>

async function withExplanation<T>(spec: SqlAssetSpec, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const text = error instanceof Error ? error.message : String(error)
    if (code === '21000') {
      throw new DataError(`The query of ${spec.key} gives a key more than once: ${text}`, {
        code: 'SQL_ASSET_INVALID',
        hint: 'Give one row per primary key, for one by DISTINCT ON.',
        cause: error,
      })
    }
    // Classes 42 (syntax, unknown names, privileges), 22 (values) and 23 (constraints) stay wrong however often they are tried.
    if (/^(42|22|23)/.test(code))
      throw new DataError(`Postgres refuses the query of ${spec.key}: ${text}`, { code: 'SQL_ASSET_INVALID', hint: 'Mend the asset’s `select`.', cause: error })
    throw error
  }
}

async function makeView(client: pg.ClientBase, spec: SqlAssetSpec): Promise<Counts> {
  const view = quoteTable(spec)
  await client.query('SAVEPOINT before_view')
  try {
    await client.query(`CREATE OR REPLACE VIEW ${view} AS ${spec.select}`)
  } catch (error) {
    // 42P16: the columns changed in a way that only making it anew allows; without CASCADE, so nothing else is lost.
    if (!(error instanceof Error && 'code' in error && error.code === '42P16')) throw error
    await client.query('ROLLBACK TO SAVEPOINT before_view')
    await client.query(`DROP VIEW ${view}`)
    await client.query(`CREATE VIEW ${view} AS ${spec.select}`)
  }
  if (spec.description !== undefined) await client.query(`COMMENT ON VIEW ${view} IS ${quoteLiteral(spec.description)}`)
  const { rows } = await client.query<{ n: string }>(`SELECT count(*) AS n FROM ${view}`)
  return { rows: Number(rows[0]?.n ?? 0) }
}

/** Statements that make the table of a query, without its rows. */
function createSqlTable(spec: SqlAssetSpec, store: SqlAssetSpec['store'] & { kind: 'table' }): string[] {
  const target = quoteTable(spec)
  return [
    `CREATE TABLE ${target} AS SELECT * FROM (${spec.select}) q WITH NO DATA`,
    `ALTER TABLE ${target} ADD PRIMARY KEY (${store.primaryKey.map(quoteIdentifier).join(', ')})`,
    ...store.indexes.map((index) => `CREATE INDEX ON ${target} (${index.map(quoteIdentifier).join(', ')})`),
    ...(spec.description === undefined ? [] : [`COMMENT ON TABLE ${target} IS ${quoteLiteral(spec.description)}`]),
  ]
}

/** What computing a SQL asset would do to its table or view, before any row; changes nothing. A view that is there is made anew. */
export async function planSql(client: pg.ClientBase, spec: SqlAssetSpec): Promise<{ readonly exists: boolean; readonly statements: readonly string[] }> {
  const { rows } = await client.query<{ found: boolean }>(`SELECT to_regclass($1) IS NOT NULL AS found`, [quoteTable(spec)])
  const exists = rows[0]?.found ?? false
  const { store } = spec
  if (exists) return { exists, statements: [] }
  const made = store.kind === 'view' ? [`CREATE VIEW ${quoteTable(spec)} AS ${spec.select}`] : createSqlTable(spec, store)
  return { exists, statements: [...(await planSchema(client, spec.schema)), ...made] }
}

async function merge(client: pg.ClientBase, spec: SqlAssetSpec, store: SqlAssetSpec['store'] & { kind: 'table' }): Promise<Counts> {
  const target = quoteTable(spec)
  const { rows: found } = await client.query<{ found: boolean }>(`SELECT to_regclass($1) IS NOT NULL AS found`, [target])
  if (found[0]?.found !== true) for (const statement of createSqlTable(spec, store)) await client.query(statement)
  const { fields } = await client.query(`SELECT * FROM (${spec.select}) q LIMIT 0`)
  const names = fields.map((field) => quoteIdentifier(field.name))
  const key = store.primaryKey.map(quoteIdentifier)
  const others = names.filter((name) => !key.includes(name))
  const changed = others.map((name) => `t.${name} IS DISTINCT FROM excluded.${name}`).join(' OR ')
  const action = others.length === 0 ? 'NOTHING' : `UPDATE SET ${others.map((name) => `${name} = excluded.${name}`).join(', ')} WHERE ${changed}`
  const { rows } = await client.query<{ inserted: string; updated: string; total: string }>(
    `WITH source AS MATERIALIZED (${spec.select}),
       written AS (INSERT INTO ${target} AS t (${names.join(', ')}) SELECT ${names.join(', ')} FROM source ON CONFLICT (${key.join(', ')}) DO ${action} RETURNING (t.xmax = 0) AS fresh)
     SELECT count(*) FILTER (WHERE fresh) AS inserted, count(*) FILTER (WHERE NOT fresh) AS updated, (SELECT count(*) FROM source) AS total FROM written`,
  )
  const counts = rows[0]
  return { rows: Number(counts?.total ?? 0), inserted: Number(counts?.inserted ?? 0), updated: Number(counts?.updated ?? 0) }
}
