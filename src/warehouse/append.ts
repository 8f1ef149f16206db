import type pg from 'pg'
import { leavesKnownOut } from '../definitions/target.ts'
import { becomeTarget } from './become-target.ts'
import { quoteIdentifier, quoteTable } from './identifier.ts'
import { keyOf } from './keys.ts'
import { holdsNothing } from './merge.ts'
import type { MergeCounts } from './merge.ts'
import type { ReplaceRequest } from './replace.ts'
import { isSwappable } from './swap-obstacles.ts'

export interface AppendRequest extends ReplaceRequest {
  /** How many rows staging holds. */
  readonly rows: number
  /** When the run began, ISO 8601: what a snapshot's rows are marked with. */
  readonly at: string
}

/** Adds what staging holds to the target, inside the caller's transaction; of keys that it has already, nothing where loads overlap. */
export async function appendToTarget(client: pg.ClientBase, request: AppendRequest): Promise<Partial<MergeCounts> & { readonly how?: string }> {
  const { table, staging, rows } = request
  const source = quoteTable(staging)
  const names = table.columns.map((column) => quoteIdentifier(column.name)).join(', ')
  const known = leavesKnownOut(table)
  const how = (await mayBecomeTarget(client, request)) ? await becomeTarget(client, request) : undefined
  if (how !== undefined) {
    return known ? { inserted: rows, updated: 0, deleted: 0, unchanged: 0, how } : { how }
  }
  const onConflict = known ? ` ON CONFLICT (${keyOf(table).join(', ')}) DO NOTHING` : ''
  const at = table.snapshot?.at
  const { rowCount } =
    at === undefined
      ? await client.query(`INSERT INTO ${quoteTable(table)} (${names}) SELECT ${names} FROM ${source}${onConflict}`)
      : await client.query(`INSERT INTO ${quoteTable(table)} (${names}, ${quoteIdentifier(at)}) SELECT ${names}, $1::timestamptz FROM ${source}`, [request.at])
  await client.query(`DROP TABLE ${source}`)
  return known ? { inserted: rowCount ?? 0, updated: 0, deleted: 0, unchanged: rows - (rowCount ?? 0) } : {}
}

/** Whether the load may become the table as it is: the first of a table, and mostly the largest, need not be written twice. */
async function mayBecomeTarget(client: pg.ClientBase, { table, staging, rows }: AppendRequest): Promise<boolean> {
  if (rows === 0 || table.snapshot !== undefined || !(await holdsNothing(client, table))) return false
  return isSwappable(client, table, staging)
}
