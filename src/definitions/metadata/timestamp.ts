import * as z from 'zod'
import { made } from './made.ts'

export const TimestampMetadata = z.strictObject({ type: z.literal('timestamp'), value: z.iso.datetime() })
export type TimestampMetadata = z.infer<typeof TimestampMetadata>

/** A moment: a Date, or ISO 8601 with a `Z` or an offset. Kept to the millisecond. */
export function timestamp(value: Date | string): TimestampMetadata {
  const isTime = value instanceof Date || z.iso.datetime({ offset: true }).safeParse(value).success
  const at = new Date(isTime ? value : Number.NaN)
  return made(TimestampMetadata, { type: 'timestamp', value: Number.isNaN(at.getTime()) ? String(value) : at.toISOString() })
}
