import type { ColumnSpec } from '../column-spec.ts'
import { DefinitionError } from '../definition-error.ts'
import type { TableAsset } from '../table.ts'
import { typeOf } from '../write-spec.ts'
import type { ColumnOf } from '../write-spec.ts'
import { isTime } from './partition-mapping.ts'
import type { OneDimensionSpec } from './partitions-spec.ts'

const timeTypes = /^(date|timestamp)/

/**
 * Refuses a table whose partitions could not be materialized again: what one made must be found among the others.
 * @throws DefinitionError that says what to write
 */
export function checkPartitionColumns({ key, partitions, write, cursor }: TableAsset, columnOf: ColumnOf): void {
  if (partitions === undefined) return
  if (cursor !== undefined) throw new DefinitionError(`${key} has partitions and a cursor: a run fetches what its partitions say. Leave one of the two out.`)
  if (write.disposition === 'merge') return
  const by = write.disposition === 'replace' ? [write.by ?? []].flat() : []
  if (by.length === 0) {
    throw new DefinitionError(
      `${key} has partitions and is written by ${write.disposition}: a partition that is materialized again could not take the place of what it was. Write it by \`merge\`, or by \`replace\` with \`by\`, the field that says which partition a row is of.`,
    )
  }
  if (partitions.kind !== 'multi') {
    const [field = ''] = by
    if (by.length > 1) throw new DefinitionError(`${key} has partitions of one dimension, and is replaced by ${by.join(' and ')}. Name one field.`)
    return checkColumn(key, columnOf(field, '`by`'), partitions)
  }
  const names = partitions.dimensions.map(({ name }) => name)
  if (by.toSorted().join() !== names.join()) {
    throw new DefinitionError(`${key} has the dimensions ${names.join(' and ')}, and is replaced by ${by.join(' and ')}. Name the fields as the dimensions.`)
  }
  for (const dimension of partitions.dimensions) checkColumn(key, columnOf(dimension.name, '`by`'), dimension.partitions)
  return undefined
}

function checkColumn(key: string, column: ColumnSpec, spec: OneDimensionSpec): void {
  if (!isTime(spec)) return
  if (column.array || !timeTypes.test(column.type)) {
    throw new DefinitionError(
      `The partitions of ${key} are windows of time, and ${column.field}, by which it is replaced, is of type ${typeOf(column)}; it must be a date or a time.`,
    )
  }
  if (column.type === 'date' && !areDays(spec)) {
    throw new DefinitionError(`The partitions of ${key} do not begin at midnight, and ${column.field}, by which it is replaced, is a date; it must be a time.`)
  }
}

function areDays(spec: OneDimensionSpec): boolean {
  return (spec.kind === 'daily' || spec.kind === 'weekly' || spec.kind === 'monthly') && spec.hourOffset === 0 && spec.minuteOffset === 0
}
