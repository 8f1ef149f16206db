import type pg from 'pg'
import type { TableName } from '../definitions/asset-key.ts'
import type { TableSpec } from '../definitions/column-spec.ts'
import { quoteIdentifier, quoteTable } from './identifier.ts'
import { comparable, hasKeysTwice, keyOf, refuseDifferent } from './keys.ts'
import { countsOf } from './merge.ts'
import type { CountsRow, MergeCounts } from './merge.ts'

export interface HistoryRequest {
  readonly asset: string
  readonly table: TableSpec
  readonly staging: TableName
  /** When the load's run began, ISO 8601. */
  readonly at: string
}

/**
 * Writes staging into a history, inside the caller's transaction: a row that differs, is flagged or is missing is closed; what is new or
 * differs begins now. `updated` counts rows closed for another of their key, `deleted` those closed for none.
 * @throws DataError `KEY_TWICE`
 */
export async function addToHistory(client: pg.ClientBase, { asset, table, staging, at }: HistoryRequest): Promise<MergeCounts> {
  const source = quoteTable(staging)
  const twice = await hasKeysTwice(client, table, source)
  if (twice) await refuseDifferent(client, asset, table, source)
  const key = keyOf(table).join(', ')
  const { rows } = await client.query<CountsRow>(
    historySql(table, twice ? `MATERIALIZED (SELECT DISTINCT ON (${key}) * FROM ${source} ORDER BY ${key})` : `NOT MATERIALIZED (TABLE ${source})`),
    [at],
  )
  await client.query(`DROP TABLE ${source}`)
  return countsOf(rows[0])
}

/** @param source how the CTE of the rows begins */
function historySql(table: TableSpec, source: string): string {
  const { from = '', to = '', missing, deletedBy } = table.scd2 ?? {}
  const target = quoteTable(table)
  const [begins, ends] = [quoteIdentifier(from), quoteIdentifier(to)]
  const names = table.columns.map((column) => quoteIdentifier(column.name))
  const same = keyOf(table)
    .map((name) => `s.${name} = t.${name}`)
    .join(' AND ')
  const alike = table.columns
    .filter((column) => !table.primaryKey.includes(column.name))
    .map((column) => ` AND ${comparable(column, 's.')} IS NOT DISTINCT FROM ${comparable(column, 't.')}`)
    .join('')
  const there = deletedBy === undefined ? 'true' : `NOT coalesce(s.${quoteIdentifier(deletedBy)}, false)`
  // Runs are put in order by their loads, not by their clocks: a history never goes back.
  const now = `(SELECT greatest($1::timestamptz, max(${begins}) + interval '1 microsecond') FROM ${target})`
  return `WITH source AS ${source},
     closed AS (UPDATE ${target} t SET ${ends} = ${now} WHERE t.${ends} IS NULL
       AND NOT EXISTS (SELECT FROM source s WHERE ${same} AND ${there}${alike})
       ${missing === 'keep' ? `AND EXISTS (SELECT FROM source s WHERE ${same})` : ''}
       RETURNING EXISTS (SELECT FROM source s WHERE ${same}) AS given, EXISTS (SELECT FROM source s WHERE ${same} AND ${there}) AS followed),
     begun AS (INSERT INTO ${target} (${[...names, begins].join(', ')}) SELECT ${names.map((name) => `s.${name}`).join(', ')}, ${now} FROM source s
       WHERE ${there} AND NOT EXISTS (SELECT FROM ${target} t WHERE t.${ends} IS NULL AND ${same}${alike}) RETURNING 1),
     counts AS (SELECT (SELECT count(*) FROM begun) AS begun, (SELECT count(*) FROM source) AS given, count(*) FILTER (WHERE followed) AS updated,
       count(*) FILTER (WHERE NOT followed) AS deleted, count(*) FILTER (WHERE given AND NOT followed) AS flagged FROM closed)
   SELECT begun - updated AS inserted, updated, deleted, given - begun - flagged AS unchanged FROM counts`
}
