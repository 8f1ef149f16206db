import { SourceError } from '../../errors.ts'
import { optionError } from './postgres-error.ts'
import type { Session } from './session.ts'

/** A table as Postgres knows it. */
export interface FoundTable {
  /** Qualified and quoted. */
  readonly name: string
  /** The columns of the key by which it is read in order; none where it has no key. */
  readonly key: readonly string[]
}

/**
 * Finds a table and the key to read it by: the one that `chunkBy` names, else its primary key.
 * @param table as SQL writes it: `sales.orders`, `"Orders"`
 * @throws SourceError `POSTGRES_TABLE_MISSING`; ConfigError `POSTGRES_NO_KEY`, where no unique index over columns that allow no NULL is on `chunkBy`
 */
export async function findTable(session: Session, table: string, chunkBy?: readonly string[]): Promise<FoundTable> {
  const { rows } = await session.query<{ oid: number; name: string }>(
    `SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)`,
    [table],
  )
  const [found] = rows
  if (found === undefined) {
    throw new SourceError(`${session.place.name} has no table ${table}, or its user may not see it.`, {
      code: 'POSTGRES_TABLE_MISSING',
      retryable: false,
      hint: 'Write it as SQL does: with its schema, and a name with capitals in double quotes.',
    })
  }
  const { rows: keys } = await session.query<{ primary: boolean; columns: string[] }>(
    `SELECT i.indisprimary AS primary, array_agg(a.attname::text ORDER BY k.n) AS columns
     FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n)
     JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
     WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND k.n <= i.indnkeyatts
     GROUP BY i.indexrelid, i.indisprimary HAVING bool_and(a.attnotnull) ORDER BY i.indisprimary DESC, i.indexrelid`,
    [found.oid],
  )
  if (chunkBy === undefined) return { name: found.name, key: keys.find(({ primary }) => primary)?.columns ?? [] }
  const wanted = new Set(chunkBy)
  const key = keys.find(({ columns }) => columns.length === wanted.size && columns.every((column) => wanted.has(column)))
  if (key === undefined) {
    throw optionError(
      'POSTGRES_NO_KEY',
      `The table ${table} in ${session.place.name} has no unique index over just ${chunkBy.join(', ')}, none of them NULL.`,
      'Name the columns of its primary key or of a unique index, all of them NOT NULL; else rows would be left out or read twice.',
    )
  }
  return { name: found.name, key: key.columns }
}
