import * as z from 'zod'
import { made } from './made.ts'

export const PathMetadata = z.strictObject({ type: z.literal('path'), value: z.string().min(1).max(4096) })
export type PathMetadata = z.infer<typeof PathMetadata>

/** Where a file is. */
export const path = (value: string): PathMetadata => made(PathMetadata, { type: 'path', value })
