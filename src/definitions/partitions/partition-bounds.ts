import type { TableSpec } from '../column-spec.ts'
import { isTime } from './partition-mapping.ts'
import { dimensionSeparator } from './partition-set.ts'
import type { OneDimensionSpec, PartitionsSpec, TimePartitionsSpec } from './partitions-spec.ts'
import { timePartitions, windowFrom } from './time-partitions.ts'
import { zoneClock } from './zone-clock.ts'

/** What a column holds in the rows of a partition: one value, or what lies from `from` (in) to `to` (out). All as text that Postgres reads as the column's type. */
export type ColumnBounds =
  | { readonly column: string; readonly type: string; readonly equals: string }
  | { readonly column: string; readonly type: string; readonly from: string; readonly to: string }

/** How the rows of a partition are found in a table that is replaced by the columns that say which partition a row is of. */
export interface PartitionBounds {
  readonly key: string
  /** All of them hold. */
  readonly columns: readonly ColumnBounds[]
}

/** @param spec the partitions of the table, which `checkPartitionColumns` has accepted */
export function boundsOf(spec: PartitionsSpec, table: Pick<TableSpec, 'by' | 'columns'>, key: string): PartitionBounds {
  const by = table.by ?? []
  const typeOf = (column: string): string => table.columns.find(({ name }) => name === column)?.type ?? 'text'
  if (spec.kind !== 'multi') {
    const [column = ''] = by
    return { key, columns: [columnBounds(spec, column, typeOf(column), key)] }
  }
  const place = key.indexOf(dimensionSeparator)
  const halves = [key.slice(0, place), key.slice(place + 1)]
  return {
    key,
    columns: spec.dimensions.map(({ name, partitions }, at) => {
      const column = table.columns.find((one) => one.field === name || one.name === name)
      return columnBounds(partitions, column?.name ?? name, column?.type ?? 'text', halves[at] ?? '')
    }),
  }
}

function columnBounds(spec: OneDimensionSpec, column: string, type: string, key: string): ColumnBounds {
  if (!isTime(spec)) return { column, type, equals: key }
  const time = timePartitions(spec as TimePartitionsSpec)
  const boundary = time.cadence.parse(key)
  if (boundary === undefined) return { column, type, equals: key }
  const { start, end } = windowFrom(time, boundary)
  const clock = zoneClock((spec as TimePartitionsSpec).timeZone)
  const textOf = (at: Date): string => {
    if (type.includes('with time zone')) return at.toISOString()
    const local = new Date(clock.toLocal(at.getTime())).toISOString()
    return type === 'date' ? local.slice(0, 10) : local.slice(0, 23)
  }
  return { column, type, from: textOf(start), to: textOf(end) }
}

/** The same partitions by as few bounds as can be: windows that follow each other become one. */
export function joinBounds(all: readonly PartitionBounds[]): readonly (readonly ColumnBounds[])[] {
  const joined: ColumnBounds[][] = []
  for (const { columns } of all) {
    const [last, next] = [joined.at(-1), columns[0]]
    const [before] = last ?? []
    if (columns.length === 1 && next !== undefined && before !== undefined && 'to' in before && 'from' in next && before.to === next.from) {
      joined[joined.length - 1] = [{ ...before, to: next.to }]
    } else joined.push([...columns])
  }
  return joined
}
