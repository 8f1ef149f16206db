import * as z from 'zod'
import { cutText } from './limits.ts'
import { made } from './made.ts'

export const MarkdownMetadata = z.strictObject({ type: z.literal('markdown'), value: z.string(), cutFrom: z.int().optional() })
export type MarkdownMetadata = z.infer<typeof MarkdownMetadata>

/** Text in Markdown. HTML in it is shown as text. Of more than 20,000 characters the beginning is kept. */
export const markdown = (value: string): MarkdownMetadata => made(MarkdownMetadata, { type: 'markdown', ...cutText(value) })
