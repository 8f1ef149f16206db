import type { ColumnSpec } from '../../definitions/column-spec.ts'
import { builtInType } from './postgres-types.ts'

/**
 * The OIDs that `pg_attribute.atttypid` must hold for binary COPY to be read as it was meant, in the order of the columns;
 * null for a type without a fixed one.
 */
export function typeOidsOf(columns: readonly ColumnSpec[]): (number | null)[] {
  return columns.map((column) => {
    const type = builtInType(column.type)
    return type === undefined ? null : column.array ? type.arrayOid : type.oid
  })
}
