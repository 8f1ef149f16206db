import type { ColumnSpec, TableSpec } from '../../definitions/column-spec.ts'
import { isSecretKey } from '../../redact.ts'

/**
 * Whose values are looked at, in the order of the table's columns; undefined where nobody's are. Columns whose names say that they hold secrets
 * are left out as those that the definition leaves out.
 */
export function watchedColumns({ columns, statistics }: Pick<TableSpec, 'columns' | 'statistics'>): readonly (ColumnSpec | undefined)[] | undefined {
  if (statistics === false) return undefined
  const excluded = new Set(statistics?.exclude)
  return columns.map((column) => (excluded.has(column.name) || isSecretKey(column.name) || isSecretKey(column.field) ? undefined : column))
}
