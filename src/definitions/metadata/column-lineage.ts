import * as z from 'zod'
import { keyOf } from '../dependency.ts'
import type { AssetReference } from '../dependency.ts'
import { mostDescribed } from './limits.ts'
import { made } from './made.ts'

const Source = z.strictObject({ asset: z.string().max(500), column: z.string().max(500) })

// A list: as keys of an object, columns with names of secrets would be hidden.
export const ColumnLineageMetadata = z.strictObject({
  type: z.literal('columnLineage'),
  value: z.strictObject({
    columns: z.array(z.strictObject({ column: z.string().max(500), from: z.array(Source).max(mostDescribed) })).max(mostDescribed),
    cutFrom: z.int().optional(),
  }),
})
export type ColumnLineageMetadata = z.infer<typeof ColumnLineageMetadata>

/** What each column is made from: `columnLineage({ total: [{ asset: sales, column: 'amount' }] })`. Of more than 1000 columns the first are kept. */
export function columnLineage(
  columns: Readonly<Record<string, readonly { readonly asset: AssetReference; readonly column: string }[]>>,
): ColumnLineageMetadata {
  const all = Object.entries(columns).map(([column, from]) => ({ column, from: from.map((one) => ({ asset: keyOf(one.asset), column: one.column })) }))
  return made(ColumnLineageMetadata, {
    type: 'columnLineage',
    value: { columns: all.slice(0, mostDescribed), ...(all.length > mostDescribed ? { cutFrom: all.length } : {}) },
  })
}
