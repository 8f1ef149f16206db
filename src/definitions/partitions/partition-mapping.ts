import * as z from 'zod'
import { DefinitionError } from '../definition-error.ts'
import { aText, fitting } from '../option-kinds.ts'
import { refuseWrong, refuseWrongValue } from '../option-shape.ts'
import type { OptionShape } from '../option-shape.ts'
import type { PartitionsSpec } from './partitions-spec.ts'

/** Which partitions of an upstream asset a partition of a downstream one is made from. */
export const PartitionMapping = z.discriminatedUnion('kind', [
  /** The one with the same key; of windows of time, those that share time with it. */
  z.object({ kind: z.literal('same') }),
  z.object({ kind: z.literal('all') }),
  z.object({ kind: z.literal('last') }),
  /** Those that share time with it, and as many more as the offsets say, in windows of the upstream: `start: -6` has the six before as well. */
  z.object({ kind: z.literal('window'), start: z.int(), end: z.int() }),
  /** Of two dimensions on one side: those whose key in this dimension is that of the other side. */
  z.object({ kind: z.literal('dimension'), dimension: z.string() }),
])
export type PartitionMapping = z.infer<typeof PartitionMapping>

interface WindowOffsets {
  readonly start?: number
  readonly end?: number
}

const offset = fitting(z.int(), 'a whole number, as -6')
const offsetShape: OptionShape<WindowOffsets> = { start: offset, end: offset }

/** The mappings, for `deps: [{ asset: sales, partitions: mapPartitions.window({ start: -6 }) }]`. They throw DefinitionError for what cannot be. */
export const mapPartitions = {
  same: (): PartitionMapping => ({ kind: 'same' }),
  all: (): PartitionMapping => ({ kind: 'all' }),
  last: (): PartitionMapping => ({ kind: 'last' }),
  window(offsets: WindowOffsets): PartitionMapping {
    refuseWrong('mapPartitions.window()', offsets, offsetShape)
    const { start = 0, end = 0 } = offsets
    return PartitionMapping.parse({ kind: 'window', start, end })
  },
  dimension(dimension: string): PartitionMapping {
    refuseWrongValue('What mapPartitions.dimension() is handed', dimension, aText('region'))
    return { kind: 'dimension', dimension }
  },
} as const

/** Whether its partitions are windows of time. */
export const isTime = (spec: PartitionsSpec): boolean => 'timeZone' in spec

/** How an upstream is mapped where nobody says. */
export function defaultMapping(upstream: PartitionsSpec | undefined, downstream: PartitionsSpec | undefined): PartitionMapping {
  return upstream === undefined || downstream === undefined ? { kind: 'all' } : { kind: 'same' }
}

/**
 * Refuses a mapping that can never find anything.
 * @throws DefinitionError that says what the two sides have
 */
export function checkMapping(mapping: PartitionMapping, upstream: PartitionsSpec | undefined, downstream: PartitionsSpec | undefined, edge: string): void {
  const refuse = (why: string): never => {
    throw new DefinitionError(`The partitions of ${edge} cannot be mapped by "${mapping.kind}": ${why}`)
  }
  if (mapping.kind === 'all' || mapping.kind === 'last') return
  if (upstream === undefined || downstream === undefined) return refuse('one of the two has no partitions. Use "all" or "last".')
  if (mapping.kind === 'window' && !(isTime(upstream) && isTime(downstream))) return refuse('both must be windows of time.')
  if (mapping.kind === 'dimension') {
    const names = [upstream, downstream].flatMap((one) => (one.kind === 'multi' ? [one.dimensions.map(({ name }) => name)] : []))
    if (names.length !== 1) return refuse('one of the two must have two dimensions, and the other one.')
    if (!names.flat().includes(mapping.dimension)) return refuse(`there is no dimension ${mapping.dimension}, only ${names.flat().join(' and ')}.`)
  }
  if (mapping.kind === 'same' && (upstream.kind === 'multi' || downstream.kind === 'multi')) {
    const shape = (one: PartitionsSpec): string => (one.kind === 'multi' ? one.dimensions.map(({ name }) => name).join('|') : '')
    if (shape(upstream) !== shape(downstream)) refuse('they have not the same dimensions. Use "dimension".')
  }
  if (mapping.kind === 'same' && isTime(upstream) !== isTime(downstream)) refuse('only one of the two is windows of time. Use "all" or "last".')
}
