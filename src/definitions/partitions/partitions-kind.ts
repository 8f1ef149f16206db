import { isObject } from '../describe-value.ts'
import { aKind } from '../option-kinds.ts'
import type { Kind } from '../option-shape.ts'
import { OneDimensionSpec, PartitionsSpec } from './partitions-spec.ts'

/** Partitions that were looked at: many assets share them, and times and zones take long to read. */
const right = new WeakSet<object>()

export const partitionsKind: Kind = aKind("partitions, as dailyPartitions({ start: '2026-01-01' }) answers them", (value) => {
  if (!isObject(value)) return false
  if (!right.has(value) && !PartitionsSpec.safeParse(value).success) return false
  right.add(value)
  return true
})

/** One of two dimensions. */
export const dimensionKind: Kind = aKind(
  "partitions of one dimension, as staticPartitions(['eu', 'us']) answers them",
  (value) => OneDimensionSpec.safeParse(value).success,
)
