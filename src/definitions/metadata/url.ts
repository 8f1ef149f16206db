import * as z from 'zod'
import { aKind } from '../option-kinds.ts'
import { made, refuseWrongArgument } from './made.ts'

export const UrlMetadata = z.strictObject({ type: z.literal('url'), value: z.string().min(1).max(4096) })
export type UrlMetadata = z.infer<typeof UrlMetadata>

const address = aKind("an address, as 'https://example.com'", (value) => typeof value === 'string' || value instanceof URL)

/** An address, shown as a link if it is http or https. */
export function url(value: string | URL): UrlMetadata {
  refuseWrongArgument('url', value, address)
  return made(UrlMetadata, { type: 'url', value: String(value) })
}
