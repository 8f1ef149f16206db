import * as z from 'zod'
import { made } from './made.ts'

/** What is no finite number is text, for JSON has no word for it. */
export const FloatMetadata = z.strictObject({ type: z.literal('float'), value: z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]) })
export type FloatMetadata = z.infer<typeof FloatMetadata>

/** A number; NaN and the infinite ones too. */
export function float(value: number): FloatMetadata {
  return made(FloatMetadata, { type: 'float', value: Number.isFinite(value) ? value : (String(value) as 'NaN' | 'Infinity' | '-Infinity') })
}
