import * as z from 'zod'
import { keyOf } from '../dependency.ts'
import type { AssetReference } from '../dependency.ts'
import { made } from './made.ts'

export const AssetMetadata = z.strictObject({ type: z.literal('asset'), value: z.string().min(1).max(500) })
export type AssetMetadata = z.infer<typeof AssetMetadata>

/** Another asset, or its key. */
export const asset = (value: AssetReference): AssetMetadata => made(AssetMetadata, { type: 'asset', value: keyOf(value) })
