import * as z from 'zod'
import { made } from './made.ts'

export const NullMetadata = z.strictObject({ type: z.literal('null'), value: z.null() })
export type NullMetadata = z.infer<typeof NullMetadata>

/** That there is nothing. */
export const nothing = (): NullMetadata => made(NullMetadata, { type: 'null', value: null })
