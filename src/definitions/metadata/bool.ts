import * as z from 'zod'
import { made } from './made.ts'

export const BoolMetadata = z.strictObject({ type: z.literal('bool'), value: z.boolean() })
export type BoolMetadata = z.infer<typeof BoolMetadata>

/** True or false. */
export const bool = (value: boolean): BoolMetadata => made(BoolMetadata, { type: 'bool', value })
