import * as z from 'zod'
import { made } from './made.ts'

export const TimestampMetadata = z.strictObject({ type: z.literal('timestamp'), value: z.iso.datetime() })
export type TimestampMetadata = z.infer<typeof TimestampMetadata>

/** A moment: a Date, or ISO 8601 with a `Z` or an offset. Kept to the millisecond. */
export function timestamp(value: Date | string): TimestampMetadata {
  const at = typeof value === 'string' && !z.iso.datetime({ offset: true }).safeParse(value).success ? new Date(Number.NaN) : new Date(value)
  return made(TimestampMetadata, { type: 'timestamp', value: Number.isNaN(at.getTime()) ? String(value) : at.toISOString() })
}
