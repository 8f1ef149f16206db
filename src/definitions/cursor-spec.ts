import * as z from 'zod'
import type { ColumnSpec, TableSpec } from './column-spec.ts'
import { DefinitionError } from './definition-error.ts'
import type { TableAsset } from './table.ts'
import { typeOf } from './write-spec.ts'
import type { ColumnOf } from './write-spec.ts'

// Types of which a later value is a greater one, and those that a lag can be taken from.
const sorted = /^(timestamp|date|smallint|integer|bigint|numeric|text|character varying)/
const measured = /^(timestamp|date|smallint|integer|bigint|numeric)/

/** What an asset carries over from run to run, with columns for fields. @throws DefinitionError when it cannot be */
export function cursorSpecOf(asset: TableAsset, columnOf: ColumnOf): Pick<TableSpec, 'cursor'> {
  const { cursor, key } = asset
  if (cursor === undefined) return {}
  if (cursor === true) return { cursor: {} }
  const column = columnOf(cursor.field, 'The cursor')
  refuse(asset, column, cursor.lag ?? 0, key)
  return {
    cursor: {
      column: column.name,
      ...(cursor.initial === undefined ? {} : { initial: z.json().parse(cursor.initial) }),
      ...(cursor.lag === undefined || cursor.lag === 0 ? {} : { lag: cursor.lag }),
    },
  }
}

function refuse({ write, primaryKey }: TableAsset, column: ColumnSpec, lag: number, key: string): void {
  if (column.array || !sorted.test(column.type)) {
    throw new DefinitionError(
      `The cursor of ${key} names ${column.field}, a column of type ${typeOf(column)}; it must be a time, a date, a whole or decimal number, or text that sorts.`,
    )
  }
  if (write.disposition === 'append' && write.publish === 'each-batch') {
    throw new DefinitionError(
      `${key} is published batch by batch, so its cursor cannot be the greatest ${column.field} of a whole load: say \`cursor: true\`, and have its pages carry one.`,
    )
  }
  if (!Number.isFinite(lag) || lag < 0) throw new DefinitionError(`The lag of the cursor of ${key} is ${String(lag)}; it must be 0 or more.`)
  if (lag === 0) return
  if (!measured.test(column.type))
    throw new DefinitionError(`The cursor of ${key} has a lag, which ${column.field}, a column of type ${column.type}, cannot have.`)
  if (write.disposition === 'append' && primaryKey.length === 0) {
    throw new DefinitionError(`The cursor of ${key} has a lag, so runs overlap: give the asset a primary key, by which records that came before are left out.`)
  }
}
