import type { AssetReference } from './dependency.ts'
import type { MetadataFields } from './metadata/fields.ts'

/** What was seen of an asset. */
export interface Observation {
  /** Plain JSON, or values of `metadata.…`. */
  readonly metadata?: MetadataFields
  /** Of an asset that has partitions. Default, of what the function itself makes: the one that it is called for. */
  readonly partition?: string
}

/**
 * Notes that something was seen of an asset of the location. It is written down once, with the success of the step; an attempt that fails leaves nothing.
 * Call it before the function answers. @throws DataError for an asset that there is not, metadata that cannot be stored, and partitions where none belong or one is needed
 */
export interface Observe {
  (asset: AssetReference, seen?: Observation): void
  /** Of the asset that the function makes, where that is one. */
  (seen: Observation): void
}
