import type { ClientBase } from 'pg'
import * as z from 'zod'
import { allowedConstraintName } from './create-table.ts'
import type { QualifiedName } from './identifier.ts'

/** A column as a table in the destination has it. */
export interface ExistingColumn {
  readonly name: string
  /** As `format_type` prints it, without array brackets. */
  readonly type: string
  readonly array: boolean
  readonly nullable: boolean
  /** A default, an identity or a generation expression fills it when an INSERT does not name it. */
  readonly hasDefault: boolean
  /** The values that our CHECK constraint allows. */
  readonly allowed?: readonly string[]
  readonly description?: string
  /** Whether the table's primary key has it. */
  readonly primaryKey?: boolean
}

const Row = z.object({
  name: z.string(),
  type: z.string(),
  not_null: z.boolean(),
  has_default: z.boolean(),
  description: z.string().nullable(),
  primary_key: z.boolean(),
  checks: z.record(z.string(), z.string()),
})

const columnsQuery = `
  SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
    a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL AS has_default,
    col_description(c.oid, a.attnum) AS description,
    EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)) AS primary_key,
    coalesce((
      SELECT json_object_agg(k.conname, pg_get_constraintdef(k.oid))
      FROM pg_constraint k
      WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum]
    ), '{}') AS checks
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid
  JOIN pg_type t ON t.oid = a.atttypid
  WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY a.attnum`

/** The text literals of an expression as Postgres prints it. */
function literalsOf(expression: string): string[] {
  return [...expression.matchAll(/(E?)'((?:[^']|'')*)'/g)].map(([, escaped, body = '']) => {
    const text = body.replaceAll("''", "'")
    return escaped === 'E' ? text.replaceAll('\\\\', '\\') : text
  })
}

/** The columns of a table, in its order; none when there is no such table. */
export async function readExistingColumns(client: Pick<ClientBase, 'query'>, table: QualifiedName): Promise<ExistingColumn[]> {
  const { rows } = await client.query(columnsQuery, [table.schema, table.name])
  return rows.map((row: unknown) => {
    const { name, type, not_null: notNull, has_default: hasDefault, description, primary_key: primaryKey, checks } = Row.parse(row)
    const check = checks[allowedConstraintName(name)]
    const array = type.endsWith('[]')
    return {
      name,
      type: array ? type.slice(0, -2) : type,
      array,
      nullable: !notNull,
      hasDefault,
      ...(check === undefined ? {} : { allowed: literalsOf(check) }),
      ...(description === null ? {} : { description }),
      ...(primaryKey ? { primaryKey } : {}),
    }
  })
}
