import { DefinitionError } from '../definition-error.ts'
import { checkMapping, defaultMapping, isTime } from './partition-mapping.ts'
import type { PartitionMapping } from './partition-mapping.ts'
import type { OneDimensionSpec, PartitionsSpec } from './partitions-spec.ts'

interface Partitioned {
  readonly key: string
  readonly deps: readonly string[]
  readonly mappings: Readonly<Record<string, PartitionMapping>>
  readonly partitions: PartitionsSpec | undefined
}

/** How a dependency is mapped: as it says, or as is plain to see. */
export function mappingOf(downstream: Pick<Partitioned, 'mappings' | 'partitions'>, upstream: Pick<Partitioned, 'key' | 'partitions'>): PartitionMapping {
  return downstream.mappings[upstream.key] ?? defaultMapping(upstream.partitions, downstream.partitions)
}

/** @throws DefinitionError for a dependency whose partitions can never be found */
export function checkDependency(downstream: Partitioned, upstream: Partitioned): void {
  checkMapping(mappingOf(downstream, upstream), upstream.partitions, downstream.partitions, `${upstream.key} for ${downstream.key}`)
}

/**
 * Refuses an input of one value where there may be several.
 * @throws DefinitionError that says how several are asked for
 */
export function checkSingleInput(name: string, downstream: Partitioned, upstream: Partitioned): void {
  if (upstream.partitions === undefined) return
  const mapping = mappingOf(downstream, upstream)
  if (mapping.kind === 'last') return
  if (downstream.partitions !== undefined && mapping.kind === 'same' && isAlike(upstream.partitions, downstream.partitions)) return
  if (mapping.kind === 'dimension' && upstream.partitions.kind !== 'multi') return
  throw new DefinitionError(
    `The input ${name} of ${downstream.key} may be several partitions of ${upstream.key}. Hand it partitionsOf(…), and the function gets their values by their keys; or name the last one with mapPartitions.last() in deps.`,
  )
}

/** Whether each partition of the one stands for one of the other. */
function isAlike(one: PartitionsSpec, other: PartitionsSpec): boolean {
  if (one.kind === 'multi' || other.kind === 'multi') {
    return (
      one.kind === 'multi' &&
      other.kind === 'multi' &&
      one.dimensions.every((dimension, at) => isAlike(dimension.partitions, other.dimensions[at]?.partitions ?? dimension.partitions))
    )
  }
  return isTime(one) === isTime(other) && (!isTime(one) || cadenceOf(one) === cadenceOf(other))
}

/** What windows are like, wherever they begin and end. */
function cadenceOf(spec: OneDimensionSpec): string {
  const { start: _, end: __, endOffset: ___, ...cadence } = spec as OneDimensionSpec & { start?: string; end?: string; endOffset?: number }
  return JSON.stringify(cadence)
}
