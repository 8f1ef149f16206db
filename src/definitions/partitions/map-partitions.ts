import type { PartitionRange } from './choose-partitions.ts'
import type { PartitionMapping } from './partition-mapping.ts'
import { dimensionSeparator } from './partition-set.ts'
import type { DimensionSet, PartitionSet } from './partition-set.ts'

/** Partitions of the asset at the other end of a dependency. */
export interface MappedPartitions {
  /** In order, none of them empty, none touching another. */
  readonly ranges: readonly PartitionRange[]
  /** There is not (or not yet) all that the mapping asks for. */
  readonly incomplete: boolean
}

/** The partitions of the upstream asset that a partition of the downstream one is made from. */
export function upstreamOf(mapping: PartitionMapping, downstream: PartitionSet, key: string, upstream: PartitionSet): MappedPartitions {
  if (mapping.kind === 'all') return all(upstream)
  if (mapping.kind === 'last') return single(upstream.count - 1)
  if (mapping.kind === 'dimension') return byDimension(mapping.dimension, downstream, key, upstream)
  if (mapping.kind === 'same') return same(downstream, key, upstream)
  const window = downstream.windowOf(key)
  if (window === undefined || upstream.time === undefined) return nothing
  const { atOrBefore, atOrAfter, step } = upstream.time.cadence
  return between(upstream, step(atOrBefore(window.start.getTime()), mapping.start), step(atOrAfter(window.end.getTime()), mapping.end))
}

/** The partitions of the downstream asset that a partition of the upstream one goes into. */
export function downstreamOf(mapping: PartitionMapping, upstream: PartitionSet, key: string, downstream: PartitionSet): MappedPartitions {
  if (mapping.kind === 'all') return all(downstream)
  if (mapping.kind === 'last') return upstream.indexOf(key) === upstream.count - 1 ? all(downstream) : { ranges: [], incomplete: false }
  if (mapping.kind === 'dimension') return byDimension(mapping.dimension, upstream, key, downstream)
  if (mapping.kind === 'same') return same(upstream, key, downstream)
  const window = upstream.windowOf(key)
  if (window === undefined || upstream.time === undefined || downstream.time === undefined) return nothing
  const { step } = upstream.time.cadence
  const { atOrBefore, atOrAfter } = downstream.time.cadence
  // It goes into those that end after the one and begin before the other.
  const endAfter = step(window.end.getTime(), -mapping.end - 1)
  const beginBefore = step(window.start.getTime(), 1 - mapping.start)
  return between(downstream, atOrBefore(endAfter), atOrAfter(beginBefore))
}

const nothing: MappedPartitions = { ranges: [], incomplete: true }
const single = (index: number): MappedPartitions => (index < 0 ? nothing : { ranges: [{ from: index, to: index + 1 }], incomplete: false })
const all = ({ count }: PartitionSet): MappedPartitions => (count === 0 ? nothing : { ranges: [{ from: 0, to: count }], incomplete: false })

/** The same key, or the same time. */
function same(near: PartitionSet, key: string, far: PartitionSet): MappedPartitions {
  if (near.dimensions !== undefined && far.dimensions !== undefined) {
    const [nearSets, farSets, halves] = [setsOf(near.dimensions), setsOf(far.dimensions), halvesOf(key)]
    return product(farSets[1].count, same(nearSets[0], halves[0], farSets[0]), same(nearSets[1], halves[1], farSets[1]))
  }
  if (near.time === undefined || far.time === undefined) return single(far.indexOf(key))
  const window = near.windowOf(key)
  if (window === undefined) return nothing
  const { atOrBefore, atOrAfter } = far.time.cadence
  return between(far, atOrBefore(window.start.getTime()), atOrAfter(window.end.getTime()))
}

/** One of the two sides has a dimension that the whole other side is about. */
function byDimension(name: string, near: PartitionSet, key: string, far: PartitionSet): MappedPartitions {
  if (near.dimensions !== undefined) {
    const [sets, halves] = [setsOf(near.dimensions), halvesOf(key)]
    return near.dimensions[0].name === name ? same(sets[0], halves[0], far) : same(sets[1], halves[1], far)
  }
  if (far.dimensions === undefined) return nothing
  const [outer, inner] = setsOf(far.dimensions)
  return far.dimensions[0].name === name ? product(inner.count, same(near, key, outer), all(inner)) : product(inner.count, all(outer), same(near, key, inner))
}

const setsOf = ([outer, inner]: readonly [DimensionSet, DimensionSet]): readonly [PartitionSet, PartitionSet] => [outer.set, inner.set]

function halvesOf(key: string): readonly [string, string] {
  const place = key.indexOf(dimensionSeparator)
  return [key.slice(0, place), key.slice(place + 1)]
}

/** Each of the outer with each of the inner dimension, of which there are `width`, as ranges of the whole. */
function product(width: number, outer: MappedPartitions, inner: MappedPartitions): MappedPartitions {
  const incomplete = outer.incomplete || inner.incomplete
  const [whole] = inner.ranges
  if (whole !== undefined && whole.from === 0 && whole.to === width) {
    return { ranges: outer.ranges.map(({ from, to }) => ({ from: from * width, to: to * width })), incomplete }
  }
  const bases = outer.ranges.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, n) => (from + n) * width))
  return { ranges: bases.flatMap((base) => inner.ranges.map(({ from, to }) => ({ from: base + from, to: base + to }))), incomplete }
}

/** The windows from a boundary to another one, as far as they are there. */
function between(set: PartitionSet, from: number, to: number): MappedPartitions {
  if (set.time === undefined) return nothing
  const { cadence, first } = set.time
  const [begin, end] = [Math.max(0, cadence.between(first, Math.max(first, from))), Math.min(set.count, cadence.between(first, Math.max(first, to)))]
  const incomplete = from < first || cadence.between(first, to) > set.count
  return begin < end ? { ranges: [{ from: begin, to: end }], incomplete } : nothing
}
