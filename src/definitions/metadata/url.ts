import * as z from 'zod'
import { made } from './made.ts'

export const UrlMetadata = z.strictObject({ type: z.literal('url'), value: z.string().min(1).max(4096) })
export type UrlMetadata = z.infer<typeof UrlMetadata>

/** An address, shown as a link if it is http or https. */
export const url = (value: string | URL): UrlMetadata => made(UrlMetadata, { type: 'url', value: String(value) })
