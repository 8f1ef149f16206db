import { createHash } from 'node:crypto'
import type { TableSpec } from './column-spec.ts'

/**
 * A short hash of what makes two versions of a table the same to a running load: target, columns, key and disposition, but not descriptions, indexes or the fields' names in the record.
 * 16 hexadecimal digits.
 */
export function fingerprintOf(spec: TableSpec): string {
  const facts = [
    spec.schema,
    spec.name,
    spec.columns.map((column) => [column.name, column.type, column.array, column.nullable, column.allowed?.toSorted() ?? null]),
    spec.primaryKey,
    spec.disposition,
    ...[spec.merge, spec.snapshot, spec.scd2, spec.eachBatch, spec.by].filter((one) => one !== undefined),
  ]
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 16)
}
