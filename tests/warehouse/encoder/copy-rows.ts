import { once } from 'node:events'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import * as z from 'zod'
import type { ColumnSpec, TableSpec } from '../../../src/definitions/column-spec.ts'
import { columnsOf } from '../../../src/definitions/columns.ts'
import { createTableSql } from '../../../src/warehouse/ddl.ts'
import { compileEncoder } from '../../../src/warehouse/encoder/compile-encoder.ts'
import { typeOidsOf } from '../../../src/warehouse/encoder/type-oids.ts'
import { quoteIdentifier, quoteTable } from '../../../src/warehouse/identifier.ts'

export type Row = Readonly<Record<string, unknown>>

/** A column that has no binary form: it turns the whole table to text COPY. */
const textOnly = { forcesText: z.string().meta({ postgres: 'interval' }).optional() }

const specOf = (name: string, columns: ColumnSpec[]): TableSpec => ({ schema: 'public', name, columns, primaryKey: [], indexes: [], disposition: 'append' })

async function create(pool: pg.Pool, spec: TableSpec): Promise<void> {
  await pool.query(`DROP TABLE IF EXISTS ${quoteTable(spec)}`)
  for (const statement of createTableSql(spec, spec)) await pool.query(statement)
}

/** Makes a table, encodes the rows and COPYs them. Throws when a row is refused or a type is another than its OID says. */
export async function copyRows(pool: pg.Pool, name: string, schema: z.ZodObject, rows: readonly unknown[], format: 'binary' | 'text'): Promise<void> {
  const whole = format === 'text' ? z.object({ ...schema.shape, ...textOnly }) : schema
  const columns = columnsOf(whole)
  const spec = specOf(name, columns)
  await create(pool, spec)
  const { rows: attributes } = await pool.query<{ oid: number }>(
    `SELECT atttypid::int AS oid FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum`,
    [quoteTable(spec)],
  )
  for (const [index, oid] of typeOidsOf(columns).entries()) {
    if (oid !== null && oid !== attributes[index]?.oid)
      throw new Error(`${columns[index]?.name ?? ''}: OID ${String(oid)} is not ${String(attributes[index]?.oid)}`)
  }
  const encoder = compileEncoder(columns, whole)
  if (encoder.format !== format) throw new Error(`the encoder chose ${encoder.format}`)
  const chunks: Uint8Array[] = []
  for (const row of rows) {
    const issues = encoder.encode(row)
    if (issues !== null) throw new Error(JSON.stringify(issues))
    if (encoder.bufferedBytes > 1000) chunks.push(encoder.take())
  }
  chunks.push(encoder.finish())
  await copyBytes(pool, spec, chunks, format)
}

async function copyBytes(pool: pg.Pool, spec: TableSpec, chunks: readonly Uint8Array[], format: 'binary' | 'text'): Promise<void> {
  const client = await pool.connect()
  try {
    const names = spec.columns.map((column) => quoteIdentifier(column.name)).join(', ')
    const stream = client.query(copyFrom(`COPY ${quoteTable(spec)} (${names}) FROM STDIN (FORMAT ${format})`))
    const done = once(stream, 'finish')
    for (const chunk of chunks) stream.write(chunk)
    stream.end()
    await done
  } finally {
    client.release()
  }
}

function asParameter(column: ColumnSpec, value: unknown): unknown {
  // JSON's own null, where SQL's is not allowed.
  if (value === null && column.type === 'jsonb' && !column.nullable) return 'null'
  if (value === null || value === undefined) return null
  if (column.array && Array.isArray(value)) return value.map((one: unknown) => asParameter({ ...column, array: false }, one))
  if (column.type === 'jsonb') return JSON.stringify(value)
  if (column.type === 'bytea' && typeof value === 'string') return Buffer.from(value, 'base64')
  if (Object.is(value, -0)) return '-0'
  return value
}

/** Makes a table and INSERTs the rows as anybody would. */
export async function insertRows(pool: pg.Pool, name: string, schema: z.ZodObject, rows: readonly Row[]): Promise<void> {
  const columns = columnsOf(schema)
  await create(pool, specOf(name, columns))
  const client = await pool.connect()
  try {
    await client.query(`SET timezone = 'UTC'`)
    const values = columns.map((column, index) => `$${String(index + 1)}::${column.type}${column.array ? '[]' : ''}`).join(', ')
    const names = columns.map((column) => quoteIdentifier(column.name)).join(', ')
    for (const row of rows) {
      await client.query(
        `INSERT INTO ${quoteIdentifier(name)} (${names}) VALUES (${values})`,
        columns.map((column) => asParameter(column, row[column.field])),
      )
    }
  } finally {
    client.release()
  }
}

/** Every column as Postgres prints it. */
export async function printedRows(pool: pg.Pool, name: string, schema: z.ZodObject): Promise<Row[]> {
  const names = columnsOf(schema)
    .map((column) => `${quoteIdentifier(column.name)}::text`)
    .join(', ')
  const { rows } = await pool.query<Row>(`SELECT ${names} FROM ${quoteIdentifier(name)} ORDER BY id`)
  return rows
}
