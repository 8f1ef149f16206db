import * as z from 'zod'
import type { Json } from '../json.ts'
import { cutText, mostText } from './limits.ts'
import { made } from './made.ts'
import { TextMetadata } from './text.ts'

export const JsonMetadata = z.strictObject({ type: z.literal('json'), value: z.json() })
export type JsonMetadata = z.infer<typeof JsonMetadata>

/** JSON, shown over several lines. Of more than 20,000 characters the beginning is kept, as text. */
export function json(value: Json): JsonMetadata | TextMetadata {
  const plain = made(JsonMetadata, { type: 'json', value: value as JsonMetadata['value'] })
  const whole = JSON.stringify(plain.value)
  return whole.length <= mostText ? plain : made(TextMetadata, { type: 'text', ...cutText(whole) })
}
