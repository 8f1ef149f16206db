import type { MetadataFields } from './metadata/fields.ts'

/** What a value is stored under. */
export interface ValuePlace {
  readonly asset: string
  /** Undefined where the asset has no partitions. */
  readonly partition: string | undefined
}

export interface IoContext {
  /** Aborted when the run is canceled, the step takes too long, or the worker loses its claim. */
  readonly signal: AbortSignal
}

/**
 * Stores the values of function assets and loads them for what is made from them. It is a resource: `start` answers it, once per worker.
 * Storing the same again must leave the same, for a step that dies behind it is run again.
 */
export interface IoManager {
  /** Puts a value in the place of the one that is there, whole or not at all, so that nobody loads half. Answers metadata, such as where it is. */
  readonly store: (place: ValuePlace, value: unknown, context: IoContext) => Promise<MetadataFields>
  /** @throws DataError `VALUE_MISSING` where there is none */
  readonly load: (place: ValuePlace, context: IoContext) => Promise<unknown>
  /** Removes a value; nothing where there is none. */
  readonly remove: (place: ValuePlace, context: IoContext) => Promise<void>
}
