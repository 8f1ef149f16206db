import pg from 'pg'
import type { ColumnSpec } from '../definitions/column-spec.ts'
import { storableText } from '../errors.ts'
import { hasBinaryForm } from './encoder/postgres-types.ts'
import { putInt32, reserve, writeNull } from './encoder/sink.ts'
import type { Sink } from './encoder/sink.ts'
import { putUnescaped } from './encoder/text-bytes.ts'
import type { Refusal } from './refusal.ts'
import { quoteLiteral, quoteTable } from './identifier.ts'
import type { LoadBatchRequest } from './load-batch.ts'
import { stagingTable } from './staging.ts'

// As much of a value as is kept of it.
const shownCharacters = 200

const [tab, newline] = [0x09, 0x0a]

const firstBytes = 64 * 1024

/** A column whose values our encoder hands on without having read them. */
interface UnreadColumn {
  readonly spec: ColumnSpec
  /** Of a row's cells. */
  readonly index: number
  /** Behind room for an array's header: each with its length, as binary arrays have them. */
  readonly values: Sink
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
  const columns = request.columns.flatMap((spec, index): UnreadColumn[] =>
    hasBinaryForm(spec) ? [] : [{ spec, index, values: { bytes: Buffer.allocUnsafe(firstBytes), at: arrayHeader }, hasNull: false }],
  )
  if (columns.length === 0) return undefined
  takeValues(request, columns)
  const types = await typesOf(client, request, columns)
  if (types === undefined) return undefined
  const questions = types.map((type, at) => {
    const literal = quoteLiteral(type)
    return `SELECT (row - 1)::float8 AS row, ${String(at)} AS at, left(value, ${String(shownCharacters)}) AS value, (pg_input_error_info(value, ${literal})).message
      FROM unnest($${String(at + 1)}::text[]) WITH ORDINALITY AS given (value, row) WHERE NOT pg_input_is_valid(value, ${literal})`
  })
  try {
    const { rows } = await client.query<{ row: number; at: number; value: string; message: string }>(
      `${questions.join(' UNION ALL ')} ORDER BY row, at`,
      columns.map((column) => asArray(column, request.rows)),
    )
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

/** Takes the columns' values out of a stream: of each row from the end that is nearer. */
function takeValues({ bytes, rows, columns: { length } }: LoadBatchRequest, columns: readonly UnreadColumn[]): void {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let row = 0, at = 0; row < rows; row += 1) {
    const end = view.indexOf(newline, at)
    let cell = 0
    for (const column of columns) {
      const [before, behind] = [column.index - cell, length - column.index]
      at = takeValue(column, view, behind < before ? beforeCells(view, end, behind) : afterCells(view, at, before))
      cell = column.index
    }
    at = end + 1
  }
}

/** Where so many cells end, with their tabs. */
function afterCells(view: Buffer, from: number, count: number): number {
  let at = from
  for (let left = count; left > 0 && at < view.length; at += 1) if (view[at] === tab) left -= 1
  return at
}

/** Where the last cells of a row begin. */
function beforeCells(view: Buffer, end: number, count: number): number {
  let at = end
  for (let left = count; left > 0 && at > 0;) if (view[(at -= 1)] === tab) left -= 1
  return at + 1
}

/** Where the value ends that begins at `start`. */
function takeValue(column: UnreadColumn, view: Buffer, start: number): number {
  let end = start
  while (end < view.length && view[end] !== tab && view[end] !== newline) end += 1
  const { values } = column
  if (end - start === 2 && view[start] === 0x5c && view[start + 1] === 0x4e) {
    column.hasNull = true
    writeNull(values)
    return end
  }
  reserve(values, 4 + end - start)
  const first = values.at + 4
  const last = putUnescaped(values.bytes, first, view, start, end)
  putInt32(values.bytes, values.at, last - first)
  values.at = last
  return end
}

// Dimensions, whether it holds NULLs, the type of its elements, how many they are, and the first one's number.
const arrayHeader = 20
const textOid = 25

/** As a parameter of type text[], in binary. */
function asArray({ values, hasNull }: UnreadColumn, count: number): Buffer {
  for (const [index, value] of [1, hasNull ? 1 : 0, textOid, count, 1].entries()) putInt32(values.bytes, index * 4, value)
  return values.bytes.subarray(0, values.at)
}
