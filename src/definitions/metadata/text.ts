import * as z from 'zod'
import { cutText } from './limits.ts'
import { made } from './made.ts'

export const TextMetadata = z.strictObject({ type: z.literal('text'), value: z.string(), cutFrom: z.int().optional() })
export type TextMetadata = z.infer<typeof TextMetadata>

/** Text, shown as it is. Of more than 20,000 characters the beginning is kept. */
export const text = (value: string): TextMetadata => made(TextMetadata, { type: 'text', ...cutText(value) })
