import { SourceError } from '../../../errors.ts'
import { readerOf } from '../../formats/pgcopy-values.ts'
import { optionError } from '../postgres-error.ts'
import type { Session } from '../session.ts'

/** A table of a publication. */
export interface PublishedTable {
  /** `schema.name`, as the log has it. */
  readonly name: string
  /** Quoted. */
  readonly sql: string
  readonly columns: readonly string[]
  /** Of its primary key. */
  readonly key: readonly string[]
  /** The publication's condition. */
  readonly where: string | null
}

export interface Published {
  readonly tables: readonly PublishedTable[]
  /** The OID by which a type's values are read: of a domain its base type's, of an enum text's. */
  readonly typeOf: (oid: number) => number
  /** By the table's name. */
  readonly keyOf: (table: string) => readonly string[]
}

/**
 * The tables of a publication, and how their values are read.
 * @param wanted as `schema.name`; undefined: all of them
 * @throws ConfigError `POSTGRES_PUBLICATION`: there is no such one, or a table is not in it; `POSTGRES_CHANGE_TYPE`: a column has a type whose binary form we do not read
 */
export async function findPublished(session: Session, publication: string, wanted: readonly string[] | undefined): Promise<Published> {
  // Columns and conditions are of PostgreSQL 15 and later.
  const { rows } = await session.query<PublishedTable>(
    `SELECT p.schemaname || '.' || p.tablename AS name, format('%I.%I', p.schemaname, p.tablename) AS sql, to_jsonb(p) ->> 'rowfilter' AS where,
       array(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = format('%I.%I', p.schemaname, p.tablename)::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
             AND (to_jsonb(p) -> 'attnames' IS NULL OR to_jsonb(p) -> 'attnames' ? a.attname::text) ORDER BY a.attnum) AS columns,
       array(SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
             WHERE i.indisprimary AND i.indrelid = format('%I.%I', p.schemaname, p.tablename)::regclass) AS key
     FROM pg_publication_tables p WHERE p.pubname = $1 ORDER BY 1`,
    [publication],
  )
  const absent = (wanted ?? []).find((name) => rows.every((row) => row.name !== name))
  if (rows.length === 0 || absent !== undefined) {
    throw optionError(
      'POSTGRES_PUBLICATION',
      `${session.place.name} has no publication ${publication}${absent === undefined ? ' with a table' : ` with the table ${absent}`}.`,
      `Run CREATE PUBLICATION or ALTER PUBLICATION … ADD TABLE at the source; tables are named with their schema.`,
    )
  }
  const tables = rows.filter(({ name }) => wanted === undefined || wanted.includes(name))
  return { tables, typeOf: await readableTypes(session, tables), keyOf: (table) => tables.find(({ name }) => name === table)?.key ?? [] }
}

async function readableTypes(session: Session, tables: readonly PublishedTable[]): Promise<Published['typeOf']> {
  const { rows } = await session.query<{ oid: number; reads: number; type: string; column: string }>(
    `WITH RECURSIVE used AS (
       SELECT a.atttypid AS oid, a.atttypid AS base, t.sql || '.' || a.attname AS name
       FROM unnest($1::text[], $2::text[]) t (sql, columns) JOIN pg_attribute a ON a.attrelid = t.sql::regclass AND a.attname = ANY (t.columns::text[])
       UNION ALL SELECT u.oid, y.typbasetype, u.name FROM used u JOIN pg_type y ON y.oid = u.base WHERE y.typtype = 'd')
     SELECT u.oid::int8::int AS oid, (CASE WHEN y.typtype = 'e' THEN 25 ELSE y.oid END)::int8::int AS reads, format_type(y.oid, NULL) AS type, u.name AS column
     FROM used u JOIN pg_type y ON y.oid = u.base WHERE y.typtype <> 'd'`,
    [tables.map(({ sql }) => sql), tables.map(({ columns }) => `{${columns.map((column) => JSON.stringify(column)).join(',')}}`)],
  )
  const unread = rows.find(({ reads }) => readerOf(reads) === undefined)
  if (unread !== undefined) {
    throw optionError(
      'POSTGRES_CHANGE_TYPE',
      `The column ${unread.column} in ${session.place.name} is a ${unread.type}, whose changes cannot be read.`,
      'Leave it out by a column list: ALTER PUBLICATION … SET TABLE name (columns), from PostgreSQL 15 on.',
    )
  }
  const reads = new Map(rows.map((row) => [row.oid, row.reads]))
  return (oid) => reads.get(oid) ?? oid
}

/** @throws SourceError `POSTGRES_WAL_LEVEL` */
export async function needLogicalLog(session: Session): Promise<void> {
  const { rows } = await session.query<{ level: string }>(`SELECT current_setting('wal_level') AS level`)
  if (rows[0]?.level === 'logical') return
  throw new SourceError(`${session.place.name} does not write what logical replication needs: its wal_level is ${rows[0]?.level ?? 'unknown'}.`, {
    code: 'POSTGRES_WAL_LEVEL',
    retryable: false,
    hint: 'Set wal_level = logical there, and restart it.',
  })
}
