import * as z from 'zod'
import { made } from './made.ts'

/** Beyond 2⁵³ as text: JSON's numbers would be another. */
export const IntMetadata = z.strictObject({ type: z.literal('int'), value: z.union([z.int(), z.string().regex(/^-?\d{1,1000}$/)]) })
export type IntMetadata = z.infer<typeof IntMetadata>

/** A whole number, exact whatever its size. */
export function int(value: number | bigint): IntMetadata {
  return made(IntMetadata, { type: 'int', value: typeof value !== 'bigint' ? value : Number.isSafeInteger(Number(value)) ? Number(value) : String(value) })
}
