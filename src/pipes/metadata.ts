import * as z from 'zod'
import type { Json, JsonObject } from '../definitions/json.ts'

/** The kinds of metadata that the protocol names; `infer` where the script gave a plain value. */
export type MetadataType = string

/** Metadata as plain JSON, and the type of each that was given one. */
export interface PlainMetadata {
  readonly metadata: JsonObject
  readonly metadataTypes: Readonly<Record<string, MetadataType>>
}

const toBeInferred = '__infer__'

const TypedValue = z.object({ raw_value: z.unknown(), type: z.string() })

/** The metadata of a message: by name, each with its type. */
export const PipesMetadata = z.record(z.string(), TypedValue)

/** The one place that knows how the protocol's metadata becomes ours. */
export function plainMetadata(typed: z.infer<typeof PipesMetadata>): PlainMetadata {
  const entries = Object.entries(typed)
  return {
    metadata: Object.fromEntries(entries.map(([name, { raw_value: value }]) => [name, (value ?? null) as Json])),
    metadataTypes: Object.fromEntries(entries.flatMap(([name, { type }]) => (type === toBeInferred ? [] : [[name, type]]))),
  }
}
