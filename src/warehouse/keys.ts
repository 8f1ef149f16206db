import type pg from 'pg'
import type { ColumnSpec, TableSpec } from '../definitions/column-spec.ts'
import { DataError } from '../errors.ts'
import { quoteIdentifier, quoteTable } from './identifier.ts'

/** Whether the target has a unique index of its asset's key. */
export async function hasKeyIndex(client: pg.ClientBase, table: TableSpec): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT 1 FROM pg_index i WHERE i.indrelid = $1::regclass AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
       AND (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
         = (SELECT array_agg(name ORDER BY name) FROM unnest($2::text[]) name)`,
    [quoteTable(table), table.primaryKey],
  )
  return rows.length > 0
}

/** Whether a load has several records with one key. */
export async function hasKeysTwice(client: pg.ClientBase, table: TableSpec, source: string): Promise<boolean> {
  // Of a table without statistics Postgres expects few keys, and lets its workers count, sort and merge them: of many, that takes thrice as long as one process does.
  await client.query('SET LOCAL max_parallel_workers_per_gather = 0')
  const { rows } = await client.query(`SELECT 1 FROM ${source} GROUP BY ${keyOf(table).join(', ')} HAVING count(*) > 1 LIMIT 1`)
  await client.query('SET LOCAL max_parallel_workers_per_gather TO DEFAULT')
  return rows.length > 0
}

/** @throws DataError `KEY_TWICE` where records with one key differ */
export async function refuseDifferent(client: pg.ClientBase, asset: string, table: TableSpec, source: string): Promise<void> {
  const key = keyOf(table)
  const all = table.columns.map((column) => comparable(column))
  const { rows } = await client.query<{ value: unknown; n: string }>(
    `SELECT jsonb_build_array(${key.map((name) => `${name}::text`).join(', ')}) AS value, count(*) AS n
     FROM (SELECT DISTINCT ${[...key, ...all.map((one, index) => `${one} AS c${String(index)}`)].join(', ')} FROM ${source}) s
     GROUP BY ${key.join(', ')} HAVING count(*) > 1 ORDER BY 1 LIMIT 3`,
  )
  if (rows.length === 0) return
  throw new DataError(
    `${asset} gives different records for one key (${table.primaryKey.join(', ')}): ${rows.map((row) => `${JSON.stringify(row.value)} ${row.n} times`).join(', ')}.`,
    {
      code: 'KEY_TWICE',
      hint: 'Give each key once, or write by merge and say by `newestBy` which record counts. Nothing of this run was published.',
    },
  )
}

/** Leaves the first row of each key. */
export async function keepOneOfEachKey(client: pg.ClientBase, table: TableSpec, source: string): Promise<void> {
  await client.query(
    `DELETE FROM ${source} s USING (SELECT ctid, row_number() OVER (PARTITION BY ${keyOf(table).join(', ')} ORDER BY ctid) AS n FROM ${source}) d WHERE d.ctid = s.ctid AND d.n > 1`,
  )
}

/** The key's columns, quoted. */
export const keyOf = (table: TableSpec): string[] => table.primaryKey.map(quoteIdentifier)

// Types that Postgres itself cannot compare, or that only somebody's extension knows, are compared by how they are written.
const comparableType =
  /^(text|character varying|uuid|boolean|smallint|integer|bigint|real|double precision|numeric|timestamp|date|time|interval|jsonb|bytea|inet|cidr|citext)/

/** A column as it is compared. */
export function comparable(column: ColumnSpec, prefix = ''): string {
  const name = `${prefix}${quoteIdentifier(column.name)}`
  return comparableType.test(column.type) ? name : `${name}::text`
}
