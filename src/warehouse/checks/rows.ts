import type pg from 'pg'
import type { JsonObject } from '../../definitions/json.ts'
import { quoteIdentifier } from '../identifier.ts'

/** The rows that checks are asked of. */
export interface CheckedRows {
  /** Quoted name of the table or view that holds them. */
  readonly relation: string
  /** How many they are, where it is known already. */
  readonly count?: number
  /** Columns that name an offending row. */
  readonly key?: readonly string[]
  /** Columns whose values are nobody's to see but the table's readers'. */
  readonly hidden?: readonly string[]
  /** A boolean column: where it is true, the row says that another goes, and its values are not asked about. */
  readonly ignored?: string | undefined
}

export interface Verdict {
  readonly passed: boolean
  readonly message: string
  readonly metadata: JsonObject
}

/** How many offending values a result shows. */
export const mostExamples = 5

// jsonb_build_object takes 100 arguments, and nobody reads more columns than these.
const mostShown = 20

/** Columns as a JSON object of their values as text, long ones cut; without those that nobody may see. Undefined where none is left. */
function shownSql(rows: CheckedRows, columns: readonly string[], alias = ''): string | undefined {
  const shown = columns.filter((column) => rows.hidden?.includes(column) !== true).slice(0, mostShown)
  if (shown.length === 0) return undefined
  return `jsonb_build_object(${shown.map((column) => `'${column.replaceAll("'", "''").replaceAll('\\', '\\\\')}', left(${alias}${quoteIdentifier(column)}::text, 100)`).join(', ')})`
}

/** Some rows of which a predicate holds, by their key and the columns in question. */
export async function findExamples(client: pg.ClientBase, rows: CheckedRows, predicate: string, columns: readonly string[]): Promise<JsonObject> {
  const shown = shownSql(rows, [...new Set([...(rows.key ?? []), ...columns])])
  if (shown === undefined) return {}
  const found = await client.query<{ example: JsonObject }>(`SELECT ${shown} AS example FROM ${rows.relation} WHERE ${predicate} LIMIT ${String(mostExamples)}`)
  return { examples: found.rows.map(({ example }) => example) }
}

/** The columns of a relation with their types, as `format_type` prints them without modifiers. */
export async function readTypes(client: pg.ClientBase, relation: string): Promise<Map<string, string>> {
  const { rows } = await client.query<{ name: string; type: string }>(
    `SELECT a.attname AS name, format_type(CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END, NULL) AS type
     FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [relation],
  )
  return new Map(rows.map(({ name, type }) => [name, type]))
}

/** `1 row`, `2 rows`. */
export const countOf = (rows: number | string): string => `${String(rows)} ${Number(rows) === 1 ? 'row' : 'rows'}`
