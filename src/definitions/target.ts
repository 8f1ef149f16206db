import type { ColumnSpec, TableSpec } from './column-spec.ts'

const time = (name: string, nullable: boolean, description: string): ColumnSpec => ({
  name,
  field: name,
  type: 'timestamp with time zone',
  array: false,
  nullable,
  description,
})

/** Whether an append leaves out what has a key that is there already: runs that go by a cursor may overlap. */
export function leavesKnownOut({ disposition, primaryKey, cursor }: TableSpec): boolean {
  return disposition === 'append' && cursor !== undefined && primaryKey.length > 0
}

/** The target as it is: the columns of a load, and those that its publishing adds. A key holds once in each snapshot, and once at a time. */
export function targetOf(table: TableSpec): TableSpec {
  const { snapshot, scd2 } = table
  if (snapshot !== undefined) {
    const primaryKey = table.primaryKey.length === 0 ? [] : [...table.primaryKey, snapshot.at]
    return { ...table, columns: [...table.columns, time(snapshot.at, false, 'When the run began that gave this row.')], primaryKey }
  }
  if (scd2 === undefined) return table
  const added = [
    time(scd2.from, false, 'When the run began that first gave the row so.'),
    time(scd2.to, true, 'When the run began that no longer did; NULL while it holds.'),
  ]
  return { ...table, columns: [...table.columns, ...added], primaryKey: [...table.primaryKey, scd2.from] }
}
