import type { CopyColumn } from '../../definitions/page.ts'
import { readerOf } from '../formats/pgcopy-values.ts'
import { optionError } from './postgres-error.ts'
import type { Session } from './session.ts'

/** What a query gives, and how to ask for it so that every column can be read. */
export interface Described {
  readonly columns: readonly CopyColumn[]
  /** Behind SELECT, of a relation whose columns are written as asked: those of types without a reader as text. */
  readonly select: string
}

/** An array of any type as Postgres keeps it, and not one of its vectors. */
const isArray = `t.typcategory = 'A' AND t.typlen = -1 AND t.typname LIKE '\\_%'`

/**
 * Asks Postgres what columns a query has, without running it.
 * @param written how SQL names a column
 * @throws ConfigError `POSTGRES_COLUMN_TWICE`, `POSTGRES_COLUMNS`; SourceError as the session does
 */
export async function describe(session: Session, query: string, written: (name: string, index: number) => string): Promise<Described> {
  const { fields } = await session.query(`SELECT * FROM (\n${query}\n) AS q LIMIT 0`)
  const found = fields.map(({ name }) => name)
  const twice = found.find((name, index) => found.indexOf(name) !== index)
  if (twice !== undefined) {
    throw optionError('POSTGRES_COLUMN_TWICE', `The query for ${session.place.name} has two columns ${JSON.stringify(twice)}.`, 'Name one of them anew by AS.')
  }
  if (found.length === 0) throw optionError('POSTGRES_COLUMNS', `The query for ${session.place.name} has no columns.`, 'Select at least one.')
  const { rows } = await session.query<{ type: string; array: boolean }>(
    `SELECT format_type(f.oid, nullif(f.modifier, -1)) AS type, ${isArray} AS array
     FROM unnest($1::oid[], $2::int[]) WITH ORDINALITY f (oid, modifier, n) JOIN pg_type t ON t.oid = f.oid ORDER BY f.n`,
    [fields.map(({ dataTypeID }) => dataTypeID), fields.map(({ dataTypeModifier }) => dataTypeModifier)],
  )
  const columns: CopyColumn[] = []
  const selected = fields.map(({ name, dataTypeID }, index) => {
    const { type = 'text', array = false } = rows[index] ?? {}
    if (readerOf(dataTypeID) !== undefined) {
      columns.push({ name, type, oid: dataTypeID })
      return written(name, index)
    }
    columns.push({ name, ...(array ? { type: 'text[]', oid: 1009 } : { type: 'text', oid: 25 }) })
    return `${written(name, index)}::${array ? 'text[]' : 'text'}`
  })
  return { columns, select: selected.join(', ') }
}
