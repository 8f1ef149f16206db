import type { OneDimensionSpec, PartitionsSpec, TimePartitionsSpec } from './partitions-spec.ts'
import { timePartitions, windowFrom } from './time-partitions.ts'
import type { TimePartitions, TimeWindow } from './time-partitions.ts'

/** What the partitions that there are depend on, besides their definition. */
export interface PartitionMoment {
  readonly now: Date
  /** The keys of dynamic partitions by their name, in the order in which they were added. */
  readonly dynamic: (name: string) => readonly string[]
}

/** The partitions that there are at one time, in their order. None of them is made before it is asked for, so that 100,000 of them cost nothing. */
export interface PartitionSet {
  readonly count: number
  /** Where a key is, from 0; -1 where there is no such partition. */
  readonly indexOf: (key: string) => number
  /** @throws RangeError beyond the last */
  readonly at: (index: number) => string
  /** The window of time that a partition is about, or that a dimension of it is; undefined where none is. */
  readonly windowOf: (key: string) => TimeWindow | undefined
  /** Set where the partitions are windows of time. */
  readonly time?: TimePartitions
  /** Set where there are two dimensions, in the order in which their keys stand in a key: `2026-11-22|eu`. */
  readonly dimensions?: readonly [DimensionSet, DimensionSet]
}

export interface DimensionSet {
  readonly name: string
  readonly set: PartitionSet
}

export const dimensionSeparator = '|'

export function partitionSet(spec: PartitionsSpec, moment: PartitionMoment): PartitionSet {
  if (spec.kind !== 'multi') return oneDimension(spec, moment)
  const [one, other] = spec.dimensions
  return twoDimensions([
    { name: one.name, set: oneDimension(one.partitions, moment) },
    { name: other.name, set: oneDimension(other.partitions, moment) },
  ])
}

function oneDimension(spec: OneDimensionSpec, { now, dynamic }: PartitionMoment): PartitionSet {
  if (spec.kind === 'static') return listed(spec.keys)
  if (spec.kind === 'dynamic') return listed(dynamic(spec.name))
  const { time, places } = knownTime(spec)
  const { cadence, first } = time
  const end = time.endAt(now.getTime())
  const count = cadence.between(first, end)
  const boundaryOf = (key: string): number | undefined => {
    const boundary = cadence.parse(key)
    return boundary !== undefined && boundary >= first && boundary < end ? boundary : undefined
  }
  return {
    count,
    time,
    indexOf(key) {
      const place = places.get(key)
      if (place !== undefined) return place < count ? place : -1
      const boundary = boundaryOf(key)
      if (boundary === undefined) return -1
      const found = cadence.between(first, boundary)
      if (places.size < mostPlaces) places.set(key, found)
      return found
    },
    at: (index) => cadence.format(cadence.step(first, within(index, count))),
    windowOf(key) {
      const boundary = boundaryOf(key)
      return boundary === undefined ? undefined : windowFrom(time, boundary)
    },
  }
}

interface KnownTime {
  readonly time: TimePartitions
  /** Where keys are that were asked for: a key is read once, as 100,000 of them take a while. */
  readonly places: Map<string, number>
}

const known = new Map<string, KnownTime>()
const mostKnown = 100
const mostPlaces = 250_000

function knownTime(spec: TimePartitionsSpec): KnownTime {
  const id = JSON.stringify(spec)
  const found = known.get(id)
  if (found !== undefined) return found
  if (known.size >= mostKnown) known.clear()
  const made = { time: timePartitions(spec), places: new Map<string, number>() }
  known.set(id, made)
  return made
}

function listed(keys: readonly string[]): PartitionSet {
  const places = new Map(keys.map((key, index) => [key, index]))
  return {
    count: keys.length,
    indexOf: (key) => places.get(key) ?? -1,
    at: (index) => keys[within(index, keys.length)] as string,
    windowOf: () => undefined,
  }
}

function twoDimensions(dimensions: readonly [DimensionSet, DimensionSet]): PartitionSet {
  const [{ set: outer }, { set: inner }] = dimensions
  const count = outer.count * inner.count
  const halvesOf = (key: string): readonly [string, string] => {
    const place = key.indexOf(dimensionSeparator)
    return place < 0 ? [key, ''] : [key.slice(0, place), key.slice(place + 1)]
  }
  return {
    count,
    dimensions,
    indexOf(key) {
      const [one, other] = halvesOf(key)
      const [row, column] = [outer.indexOf(one), inner.indexOf(other)]
      return row < 0 || column < 0 ? -1 : row * inner.count + column
    },
    at: (index) => `${outer.at(Math.floor(within(index, count) / inner.count))}${dimensionSeparator}${inner.at(index % inner.count)}`,
    windowOf(key) {
      const [one, other] = halvesOf(key)
      return outer.windowOf(one) ?? inner.windowOf(other)
    },
  }
}

function within(index: number, count: number): number {
  if (Number.isInteger(index) && index >= 0 && index < count) return index
  throw new RangeError(`There are ${String(count)} partitions, and so none with the number ${String(index)}`)
}
