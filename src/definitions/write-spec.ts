import { longestIdentifier } from './asset-key.ts'
import type { ColumnSpec, TableSpec } from './column-spec.ts'
import { DefinitionError } from './definition-error.ts'
import type { TableAsset } from './table.ts'

/** Finds a column by its field. @throws DefinitionError when there is none; `where` says who asked */
export type ColumnOf = (field: string, where: string) => ColumnSpec

type WriteSpec = Pick<TableSpec, 'disposition' | 'eachBatch' | 'by' | 'merge' | 'snapshot' | 'scd2'>

/** What a table's disposition needs, with columns for fields. @throws DefinitionError when it cannot be */
export function writeSpecOf(asset: TableAsset, columns: readonly ColumnSpec[], columnOf: ColumnOf): WriteSpec {
  const { write, key } = asset
  if (write.disposition === 'append') {
    if (write.publish !== 'each-batch') return { disposition: 'append' }
    if (asset.resumable) return { disposition: 'append', eachBatch: true }
    throw new DefinitionError(
      `${key} is published batch by batch and is not resumable: after a crash its rows would be loaded twice. Give its pages positions, and say \`resumable: true\`.`,
    )
  }
  if (write.disposition === 'replace') {
    if (write.by === undefined) return { disposition: 'replace' }
    const by = typeof write.by === 'string' ? [write.by] : write.by
    if (by.length === 0) throw new DefinitionError(`${key} is replaced by no field: name one, or leave \`by\` out.`)
    return { disposition: 'replace', by: by.map((field) => columnOf(field, '`by`').name) }
  }
  if (write.disposition === 'snapshot') return { disposition: 'snapshot', snapshot: { at: addedColumn(key, columns, 'at', write.at ?? 'snapshot_at') } }
  if (asset.primaryKey.length === 0) throw new DefinitionError(`${key} is written by ${write.disposition} and has no primary key to go by.`)
  const deletedBy = write.deletedBy === undefined ? {} : { deletedBy: flagOf(key, columnOf(write.deletedBy, 'deletedBy')) }
  if (write.disposition === 'merge') {
    const newestBy = write.newestBy === undefined ? {} : { newestBy: growingOf(key, columnOf(write.newestBy, 'newestBy')) }
    return { disposition: 'merge', merge: { ...newestBy, ...deletedBy } }
  }
  const from = addedColumn(key, columns, 'from', write.from ?? 'valid_from')
  const to = addedColumn(key, columns, 'to', write.to ?? 'valid_to')
  if (from === to) throw new DefinitionError(`${key} names one column, ${from}, for both ends of a row’s time.`)
  return { disposition: 'scd2', scd2: { from, to, missing: write.missing ?? 'close', ...deletedBy } }
}

// Types of which a later value is a greater one.
const growing = /^(timestamp|date|smallint|integer|bigint|numeric|real|double precision)/

function growingOf(key: string, column: ColumnSpec): string {
  if (!column.array && growing.test(column.type)) return column.name
  throw new DefinitionError(`newestBy of ${key} names ${column.field}, a column of type ${typeOf(column)}; it must be a time or a number.`)
}

function flagOf(key: string, column: ColumnSpec): string {
  if (!column.array && column.type === 'boolean') return column.name
  throw new DefinitionError(`deletedBy of ${key} names ${column.field}, a column of type ${typeOf(column)}; it must be a boolean.`)
}

/** A column's type as a person reads it. */
export function typeOf({ type, array }: ColumnSpec): string {
  return array ? `${type}[]` : type
}

function addedColumn(key: string, columns: readonly ColumnSpec[], option: string, name: string): string {
  if (!/^[a-z_][a-z0-9_]*$/.test(name) || name.length > longestIdentifier) {
    throw new DefinitionError(
      `The column ${JSON.stringify(name)} that ${key} names by \`${option}\` is not in snake_case, of at most ${String(longestIdentifier)} letters.`,
    )
  }
  if (columns.some((column) => column.name === name)) {
    throw new DefinitionError(`${key} has a column ${name} itself, which publishing would add: give the added one another name by \`${option}\`.`)
  }
  return name
}
