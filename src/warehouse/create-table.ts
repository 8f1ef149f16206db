import { createHash } from 'node:crypto'
import { longestIdentifier } from '../definitions/asset-key.ts'
import type { ColumnSpec, TableSpec } from '../definitions/column-spec.ts'
import type { TableStorage } from '../definitions/table-options.ts'
import { quoteIdentifier, quoteLiteral, quoteTable } from './identifier.ts'
import type { QualifiedName } from './identifier.ts'

/** A column's type with its brackets, as `format_type` prints it. */
export function typeSql({ type, array }: Pick<ColumnSpec, 'type' | 'array'>): string {
  return array ? `${type}[]` : type
}

/** Whether the table's column refuses NULL: a key's columns always do. */
export function isNotNull(column: ColumnSpec, { primaryKey }: TableSpec): boolean {
  return !column.nullable || primaryKey.includes(column.name)
}

/** The name of the constraint that holds a column to its allowed values. Unique within the table. */
export function allowedConstraintName(column: string): string {
  const name = `${column}_allowed`
  if (Buffer.byteLength(name) <= longestIdentifier) return name
  return `allowed_${createHash('sha256').update(column).digest('hex').slice(0, 32)}`
}

/** `CONSTRAINT … CHECK (…)` for a column that allows only some values. */
export function allowedConstraintSql({ name, array }: ColumnSpec, allowed: readonly string[]): string {
  const values = allowed.map((value) => `${quoteLiteral(value)}::text`).join(', ')
  const column = quoteIdentifier(name)
  // A NULL among the elements would make `<@` false.
  const check = array ? `array_remove(${column}::text[], NULL) <@ ARRAY[${values}]` : `${column}::text = ANY (ARRAY[${values}])`
  return `CONSTRAINT ${quoteIdentifier(allowedConstraintName(name))} CHECK (${check})`
}

/** What `CREATE TABLE` and `ADD COLUMN` say of a column. */
export function columnSql(column: ColumnSpec, spec: TableSpec): string {
  const parts = [quoteIdentifier(column.name), typeSql(column)]
  if (isNotNull(column, spec)) parts.push('NOT NULL')
  if (column.allowed !== undefined) parts.push(allowedConstraintSql(column, column.allowed))
  return parts.join(' ')
}

export function columnCommentSql(target: QualifiedName, { name, description }: ColumnSpec): string[] {
  return description === undefined ? [] : [`COMMENT ON COLUMN ${quoteTable(target)}.${quoteIdentifier(name)} IS ${quoteLiteral(description)}`]
}

export interface CreateTableOptions {
  /** How it is kept; default: as Postgres does. */
  readonly storage?: TableStorage | undefined
  /** Whether it is divided as its spec says. Default false. */
  readonly partitioned?: boolean
}

/** ` WITH (…) TABLESPACE …`, as far as a table's storage says something. */
export function storageSql({ tablespace, fillfactor }: TableStorage): string {
  return `${fillfactor === undefined ? '' : ` WITH (fillfactor=${String(fillfactor)})`}${tablespace === undefined ? '' : ` TABLESPACE ${quoteIdentifier(tablespace)}`}`
}

/** Statements that create the table with its columns, NOT NULL, CHECKs and comments, but without key and indexes, which are quicker built once the rows are in. */
export function createTableSql(spec: TableSpec, target: QualifiedName, options: CreateTableOptions = {}): string[] {
  const columns = spec.columns.map((column) => `  ${columnSql(column, spec)}`).join(',\n')
  const { storage = {}, partitioned = false } = options
  const { partitionBy } = spec
  const divided = partitioned && partitionBy !== undefined
  const unlogged = storage.unlogged === true && !divided ? 'UNLOGGED ' : ''
  const kept = divided ? ` PARTITION BY RANGE (${quoteIdentifier(partitionBy.column)})` : storageSql(storage)
  return [
    `CREATE ${unlogged}TABLE ${quoteTable(target)} (\n${columns}\n)${kept}`,
    ...(spec.comment === undefined ? [] : [`COMMENT ON TABLE ${quoteTable(target)} IS ${quoteLiteral(spec.comment)}`]),
    ...spec.columns.flatMap((column) => columnCommentSql(target, column)),
  ]
}

const columnList = (columns: readonly string[]): string => columns.map(quoteIdentifier).join(', ')

/** The statement that adds the primary key; none where the table has none. */
export function createPrimaryKeySql({ primaryKey }: TableSpec, target: QualifiedName): string[] {
  return primaryKey.length === 0 ? [] : [`ALTER TABLE ${quoteTable(target)} ADD PRIMARY KEY (${columnList(primaryKey)})`]
}

/** As much of a name as fits before a suffix: whole characters of at most 63 bytes together. */
export function nameWithSuffix(name: string, suffix: string): string {
  const room = longestIdentifier - Buffer.byteLength(suffix)
  let kept = ''
  for (const character of name) {
    if (Buffer.byteLength(kept) + Buffer.byteLength(character) > room) break
    kept += character
  }
  return `${kept}${suffix}`
}

/** The name of an asset's index: it tells ours from somebody else's, and the hash two of one schema from each other. */
export function indexName({ schema, name }: QualifiedName, columns: readonly string[]): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([schema, name, columns]))
    .digest('hex')
    .slice(0, 8)
  return nameWithSuffix(`${name}_${columns.join('_')}`, `_${hash}_idx`)
}

/** Statements that add the indexes. */
export function createIndexesSql({ indexes }: TableSpec, target: QualifiedName): string[] {
  return indexes.map((columns) => `CREATE INDEX ${quoteIdentifier(indexName(target, columns))} ON ${quoteTable(target)} (${columnList(columns)})`)
}
