import * as z from 'zod'
import type { ColumnSpec, TableSpec } from '../definitions/column-spec.ts'

/** What a table cannot take of a column, and what its contract does with it: with the whole record (`row`), or with the value. */
export const ColumnLimit = z.object({
  name: z.string(),
  field: z.string(),
  discard: z.enum(['row', 'value']),
  /** The column as the table has it; null where it has none. */
  found: z.object({ type: z.string(), array: z.boolean(), nullable: z.boolean(), allowed: z.array(z.string()).optional() }).nullable(),
})
export type ColumnLimit = z.infer<typeof ColumnLimit>

/** A table as far as it takes the rows of its definition: without the columns that it lacks, and with its own types. */
export function limitTable(table: TableSpec, limits: readonly ColumnLimit[]): TableSpec {
  if (limits.length === 0) return table
  const byName = new Map(limits.map((limit) => [limit.name, limit]))
  const columns = table.columns.flatMap((column): ColumnSpec[] => {
    const limit = byName.get(column.name)
    if (limit === undefined) return [column]
    if (limit.found === null) return []
    const { allowed: _, ...rest } = column
    const { allowed, ...found } = limit.found
    return [{ ...rest, ...found, ...(allowed === undefined ? {} : { allowed }) }]
  })
  const known = new Set(columns.map(({ name }) => name))
  return { ...table, columns, indexes: table.indexes.filter((names) => names.every((name) => known.has(name))) }
}
