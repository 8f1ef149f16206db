import type { TableCheckSpec } from './check-spec.ts'
import type { TableSpec } from './column-spec.ts'

/**
 * Whether a check is asked of the target, after the rows were applied and before the commit; else of staging, before anything is locked that readers need.
 * What a load says of its own rows is all there is to say where it is the table, or stands in it beside others of its kind.
 */
export function isAskedOfTable(check: TableCheckSpec, table: TableSpec): boolean {
  if (table.eachBatch === true) return true
  if (check.kind === 'schema-unchanged' || (table.disposition === 'replace' && table.by === undefined)) return false
  if (check.of !== undefined) return check.of === 'table'
  const stands = table.disposition === 'snapshot' || table.disposition === 'scd2'
  return !stands && (check.kind === 'unique' || check.kind === 'references' || check.kind === 'fresh')
}
