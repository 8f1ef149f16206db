import type * as z from 'zod'
import type { ColumnSpec } from '../../definitions/column-spec.ts'
import type { ColumnLimit } from '../column-limits.ts'
import { typeSql } from '../create-table.ts'
import { compileCell, throughZod } from './cell.ts'
import type { Cell, CellFormat } from './cell.ts'
import type { Sink } from './sink.ts'

export interface LimitedCellRequest {
  readonly schema: z.core.$ZodType
  /** As the table has it. */
  readonly column: ColumnSpec
  readonly limit: ColumnLimit
  readonly format: CellFormat
  /** Told of each value that is left out. */
  readonly onDiscard: (column: string) => void
}

/** A cell whose table takes less than its definition allows: what does not fit is refused, or left out, as the contract says. */
export function limitedCell({ schema, column, limit, format, onDiscard }: LimitedCellRequest): Cell {
  const cell = compileCell(schema, column, format)
  const allowed = column.allowed === undefined ? undefined : new Set<unknown>(column.allowed)
  const isAllowed = (value: unknown): boolean => {
    if (allowed === undefined || value === null || value === undefined) return true
    return Array.isArray(value) ? value.every((one) => one === null || allowed.has(one)) : allowed.has(value)
  }
  const writeParsed = (sink: Sink, value: unknown): boolean => {
    const start = sink.at
    if (isAllowed(value) && cell.writeParsed(sink, value)) return true
    sink.at = start
    if (limit.discard === 'row' || !column.nullable) return false
    format.writeNull(sink)
    onDiscard(column.name)
    return true
  }
  const explainParsed = (value: unknown): string => {
    const why = isAllowed(value) ? cell.explainParsed(value) : `is none of ${column.allowed?.join(', ') ?? ''}`
    return `${why}; the table’s column is ${typeSql(column)}, and the contract keeps it so`
  }
  return throughZod(schema, { column, writeParsed, explainParsed })
}
