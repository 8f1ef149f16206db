import type pg from 'pg'
import type { TableName } from '../definitions/asset-key.ts'
import type { TableSpec } from '../definitions/column-spec.ts'
import { quoteIdentifier, quoteTable } from './identifier.ts'

export interface ReplacePartsRequest {
  readonly stepId: string
  readonly table: TableSpec
  readonly staging: TableName
  /** The step's number in the order of loads. */
  readonly order: string
}

/** How many parts a load replaced, and how many it left to newer loads, with the rows it has of those. */
export interface ReplacedParts {
  readonly parts: number
  readonly newer: number
  readonly newerRows: number
}

/** The part of which a load of the whole table is: older loads of any part are behind it. */
export const wholeTable = JSON.stringify(null)

/**
 * Replaces the parts of the target that staging has rows of, inside the caller's transaction: deletes and inserts, so no reader waits.
 * Order is kept part by part: of what a newer load has published, nothing is written.
 */
export async function replaceParts(client: pg.ClientBase, request: ReplacePartsRequest): Promise<ReplacedParts> {
  const { table, stepId, order } = request
  const [target, source] = [quoteTable(table), quoteTable(request.staging)]
  const columns = (table.by ?? []).map((name) => ({ name: quoteIdentifier(name), nullable: table.columns.find((one) => one.name === name)?.nullable ?? true }))
  const by = columns.map(({ name }) => name).join(', ')
  const part = (prefix: string): string => `jsonb_build_array(${columns.map(({ name }) => `${prefix}.${name}`).join(', ')})`
  const newer = await client.query<{ parts: string; rows: string }>(
    `WITH newer AS (SELECT value FROM millrace_load.part WHERE target_schema = $1 AND target_name = $2 AND load_order > $3),
       gone AS (DELETE FROM ${source} s WHERE ${part('s')} IN (SELECT value FROM newer) OR EXISTS (SELECT FROM newer WHERE value = $4) RETURNING ${part('s')} AS value)
     SELECT count(DISTINCT value) AS parts, count(*) AS rows FROM gone`,
    [table.schema, table.name, order, wholeTable],
  )
  // NULL is a part like any other; where there can be none, the plain comparison may use an index.
  const same = columns.map(({ name, nullable }) => (nullable ? `t.${name} IS NOT DISTINCT FROM s.${name}` : `t.${name} = s.${name}`)).join(' AND ')
  await client.query(`DELETE FROM ${target} t USING (SELECT DISTINCT ${by} FROM ${source}) s WHERE ${same}`)
  const names = table.columns.map((column) => quoteIdentifier(column.name)).join(', ')
  await client.query(`INSERT INTO ${target} (${names}) SELECT ${names} FROM ${source}`)
  const { rowCount } = await client.query(
    `INSERT INTO millrace_load.part AS p (target_schema, target_name, value, load_order, step_id, published_at)
     SELECT $1, $2, value, $3::bigint, $4::uuid, clock_timestamp() FROM (SELECT DISTINCT ${part('s')} AS value FROM ${source} s) d
     ON CONFLICT (target_schema, target_name, value) DO UPDATE SET load_order = excluded.load_order, step_id = excluded.step_id, published_at = excluded.published_at`,
    [table.schema, table.name, order, stepId],
  )
  await client.query(`DROP TABLE ${source}`)
  const left = newer.rows[0]
  return { parts: rowCount ?? 0, newer: Number(left?.parts ?? 0), newerRows: Number(left?.rows ?? 0) }
}

/** Writes down that a load replaced the whole of a table that is otherwise replaced part by part. */
export async function markWhole(client: pg.ClientBase, { table, stepId, order }: ReplacePartsRequest): Promise<void> {
  await client.query(`DELETE FROM millrace_load.part WHERE target_schema = $1 AND target_name = $2`, [table.schema, table.name])
  await client.query(
    `INSERT INTO millrace_load.part (target_schema, target_name, value, load_order, step_id, published_at) VALUES ($1, $2, $3, $4, $5, clock_timestamp())`,
    [table.schema, table.name, wholeTable, order, stepId],
  )
}
