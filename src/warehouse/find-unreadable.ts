import pg from 'pg'
import type { ColumnSpec } from '../definitions/column-spec.ts'
import { storableText } from '../errors.ts'
import { copy } from './copy.ts'
import { rowsOf } from './encoded-rows.ts'
import { hasBinaryForm } from './encoder/postgres-types.ts'
import type { Refusal } from './refusal.ts'
import { quoteLiteral, quoteTable } from './identifier.ts'
import type { LoadBatchRequest } from './load-batch.ts'
import { stagingTable } from './staging.ts'

const probe = 'millrace_values'

// As much of a value as is kept of it.
const shownCharacters = 200

const [tab, newline] = [0x09, 0x0a]

/** A column whose values our encoder hands on without having read them. */
interface UnreadColumn {
  readonly spec: ColumnSpec
  /** Of a row's cells. */
  readonly index: number
  /** Whether the stream has a NULL in it. */
  hasNull: boolean
}

/**
 * The rows of a stream whose values Postgres cannot read, by sending it only the columns that our encoder has not read, and asking it of all of them at once.
 * Undefined where that does not say: for servers before 16, tables that may refuse more than values, and types that end the query rather than say no.
 */
export async function findUnreadable(client: pg.ClientBase, request: LoadBatchRequest): Promise<Refusal[] | undefined> {
  // A target of the user's may have constraints of his own.
  if (request.format !== 'text' || request.direct !== undefined) return undefined
  const columns = request.columns.flatMap((spec, index): UnreadColumn[] => (hasBinaryForm(spec) ? [] : [{ spec, index, hasNull: false }]))
  if (columns.length === 0) return undefined
  const values = valuesOf(request, columns)
  await client.query('BEGIN')
  try {
    const types = await typesOf(client, request, columns)
    if (types === undefined) return undefined
    await client.query(`CREATE TEMP TABLE ${probe} (row bigint, ${columns.map((_, at) => `v${String(at)} text`).join(', ')}) ON COMMIT DROP`)
    await copy(client, `COPY ${probe} FROM STDIN`, values)
    const questions = types.map((type, at) => {
      const [value, literal] = [`v${String(at)}`, quoteLiteral(type)]
      return `SELECT row::float8, ${String(at)} AS at, left(${value}, ${String(shownCharacters)}) AS value, (pg_input_error_info(${value}, ${literal})).message
        FROM ${probe} WHERE NOT pg_input_is_valid(${value}, ${literal})`
    })
    const { rows } = await client.query<{ row: number; at: number; value: string; message: string }>(`${questions.join(' UNION ALL ')} ORDER BY row, at`)
    return rows.map(({ row, at, value, message }) => ({
      row,
      column: columns[at]?.spec.name ?? '(row)',
      message: storableText(message),
      value: JSON.stringify(value.toWellFormed()),
    }))
  } catch (error) {
    // Of a type that raises instead of answering.
    if (error instanceof pg.DatabaseError) return undefined
    throw error
  } finally {
    await client.query('ROLLBACK')
  }
}

/** Their types, with modifiers, as this session reads them. */
async function typesOf(client: pg.ClientBase, request: LoadBatchRequest, columns: readonly UnreadColumn[]): Promise<string[] | undefined> {
  const { rows } = await client.query<{ types: (string | null)[]; domains: boolean[]; version: number }>(
    `SELECT array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY n.at) AS types, array_agg(t.typtype = 'd' ORDER BY n.at) AS domains,
       current_setting('server_version_num')::int AS version
     FROM unnest($2::text[]) WITH ORDINALITY AS n (name, at)
     LEFT JOIN pg_attribute a ON a.attrelid = to_regclass($1) AND a.attname = n.name AND a.attnum > 0 AND NOT a.attisdropped
     LEFT JOIN pg_type t ON t.oid = a.atttypid`,
    [quoteTable(stagingTable(request.stepId, request.generation)), columns.map(({ spec }) => spec.name)],
  )
  const [found] = rows
  if (found === undefined || found.version < 160_000) return undefined
  // A domain may refuse NULL, of which the question says nothing.
  if (columns.some(({ hasNull }, index) => hasNull && found.domains[index] !== false)) return undefined
  const types = found.types.flatMap((type) => type ?? [])
  return types.length === columns.length ? types : undefined
}

/** The columns' values as they stand in the stream, behind the row's number. */
function valuesOf(request: LoadBatchRequest, columns: readonly UnreadColumn[]): Buffer {
  const { count, view, start } = rowsOf(request)
  const lines: string[] = []
  for (let row = 0; row < count; row += 1) {
    let line = String(row)
    let at = start(row)
    let cell = 0
    for (const column of columns) {
      for (; cell < column.index; at += 1) if (view[at] === tab) cell += 1
      let end = at
      while (view[end] !== tab && view[end] !== newline) end += 1
      const value = view.toString('utf8', at, end)
      if (value === '\\N') column.hasNull = true
      line += `\t${value}`
    }
    lines.push(line, '\n')
  }
  return Buffer.from(lines.join(''))
}
