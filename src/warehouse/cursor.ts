import type pg from 'pg'
import type { Json } from '../definitions/json.ts'
import type { TableSpec } from '../definitions/column-spec.ts'
import { DataError } from '../errors.ts'
import { quoteIdentifier } from './identifier.ts'

/** Where a target has got with its source. */
export interface CursorStart {
  /** As it is stored; null before anything was. */
  readonly stored: Json
  /** As an extractor is handed it: less the lag, or the one to begin with. Null: none. */
  readonly given: Json
}

/** Reads a target's cursor. @throws DataError `CURSOR_TYPE` where what is stored is no value of the column's present type */
export async function readCursor(client: pg.ClientBase, table: TableSpec): Promise<CursorStart | undefined> {
  const { cursor } = table
  if (cursor === undefined) return undefined
  const { rows } = await client.query<{ value: Json }>(`SELECT value FROM millrace_load.cursor WHERE target_schema = $1 AND target_name = $2`, [
    table.schema,
    table.name,
  ])
  const stored = rows[0]?.value ?? null
  if (stored === null) return { stored, given: cursor.initial ?? null }
  if (cursor.column === undefined) return { stored, given: stored }
  // One that pages carried, before the asset went by a field, is none of the column's values.
  return { stored, given: await lessLag(client, table, cursor.column, typeof stored === 'string' ? stored : JSON.stringify(stored)) }
}

/**
 * Moves a target's cursor, in the transaction that publishes the rows. False where another step has moved it since this one read it:
 * then these rows begin at the wrong place, and nothing may be published.
 * @param value undefined: it stays, and is only compared
 */
export async function moveCursor(
  client: pg.ClientBase,
  { table, stepId, from, value }: { readonly table: TableSpec; readonly stepId: string; readonly from: Json; readonly value: Json | undefined },
): Promise<boolean> {
  const target = [table.schema, table.name, stepId, from === null ? null : JSON.stringify(from)]
  if (value === undefined || value === null) {
    const { rows } = await client.query<{ same: boolean }>(
      `SELECT value IS NOT DISTINCT FROM $4::jsonb OR step_id = $3 AS same FROM millrace_load.cursor WHERE target_schema = $1 AND target_name = $2`,
      target,
    )
    return rows[0]?.same ?? true
  }
  // A second one that inserts waits for the first, and then finds another value.
  const { rowCount } = await client.query(
    `INSERT INTO millrace_load.cursor AS c (target_schema, target_name, step_id, value, updated_at) VALUES ($1, $2, $3, $5, clock_timestamp())
     ON CONFLICT (target_schema, target_name) DO UPDATE SET value = excluded.value, step_id = excluded.step_id, updated_at = excluded.updated_at
     WHERE c.value IS NOT DISTINCT FROM $4::jsonb OR c.step_id = excluded.step_id`,
    [...target, JSON.stringify(value)],
  )
  return rowCount === 1
}

/** The greatest value of the cursor's column in a load, or the one from before where that is greater. Undefined: there is none. */
export async function greatestOf(client: pg.ClientBase, table: TableSpec, source: string, from: Json): Promise<string | undefined> {
  const type = typeOf(table)
  const column = quoteIdentifier(table.cursor?.column ?? '')
  const real = isTime(type) ? `isfinite(value)` : type.startsWith('numeric') ? `value NOT IN ('NaN', 'Infinity', '-Infinity')` : 'true'
  const { rows } = await client.query<{ value: string | null }>(
    `SELECT ${textOf(type, `max(value${isText(type) ? ' COLLATE "C"' : ''})`)} AS value
     FROM (SELECT ${column} AS value FROM ${source} UNION ALL SELECT $1::text::${type}) v WHERE ${real}`,
    [typeof from === 'string' ? from : null],
  )
  return rows[0]?.value ?? undefined
}

async function lessLag(client: pg.ClientBase, table: TableSpec, column: string, stored: string): Promise<string> {
  const type = typeOf(table)
  const lag = table.cursor?.lag ?? 0
  const value = `$1::text::${type}`
  const less = lag === 0 ? value : isTime(type) ? `(${value} - $2::float8 * interval '1 ms')::${type}` : `(${value} - $2::text::numeric)`
  try {
    const { rows } = await client.query<{ value: string }>(`SELECT ${textOf(type, less)} AS value`, lag === 0 ? [stored] : [stored, lag])
    return rows[0]?.value ?? stored
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (!code.startsWith('22')) throw error
    throw new DataError(`The cursor of ${table.schema}.${table.name} is ${JSON.stringify(stored)}, which is no ${type} as its column ${column} is now.`, {
      code: 'CURSOR_TYPE',
      hint: 'Run the asset once with `--full-refresh`.',
      cause: error,
    })
  }
}

function typeOf(table: TableSpec): string {
  const column = table.columns.find(({ name }) => name === table.cursor?.column)
  if (column === undefined) throw new Error(`${table.schema}.${table.name} has no column for its cursor`)
  return column.type
}

const isTime = (type: string): boolean => /^(timestamp|date)/.test(type)
const isText = (type: string): boolean => /^(text|character varying)/.test(type)

/** A value as text that reads back as it was, whatever the session's settings. */
function textOf(type: string, value: string): string {
  if (type.startsWith('timestamp with time zone')) return `to_char(${value} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
  if (type.startsWith('timestamp')) return `to_char(${value}, 'YYYY-MM-DD"T"HH24:MI:SS.US')`
  return type === 'date' ? `to_char(${value}, 'YYYY-MM-DD')` : `(${value})::text`
}
