import * as z from 'zod'
import { keyOf, referenceKind } from '../dependency.ts'
import type { AssetReference } from '../dependency.ts'
import { made, refuseWrongArgument } from './made.ts'

export const AssetMetadata = z.strictObject({ type: z.literal('asset'), value: z.string().min(1).max(500) })
export type AssetMetadata = z.infer<typeof AssetMetadata>

/** Another asset, or its key. */
export function asset(value: AssetReference): AssetMetadata {
  refuseWrongArgument('asset', value, referenceKind)
  return made(AssetMetadata, { type: 'asset', value: keyOf(value) })
}
