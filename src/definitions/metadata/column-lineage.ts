import * as z from 'zod'
import { isObject } from '../describe-value.ts'
import { keyOf, referenceKind } from '../dependency.ts'
import type { AssetReference } from '../dependency.ts'
import { mostDescribed } from './limits.ts'
import { aKind, listOf, recordOf } from '../option-kinds.ts'
import { made, refuseWrongArgument } from './made.ts'

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

const source = aKind(
  "an asset and its column, as { asset: 'shop/orders', column: 'amount' }",
  (value) => isObject(value) && referenceKind.wrongIn(value['asset'], '') === undefined,
)
const example = "{ total: [{ asset: 'shop/orders', column: 'amount' }] }"
const sources = recordOf(listOf(source, "a list, as [{ asset: 'shop/orders', column: 'amount' }]"), `an object by column, as ${example}`)

/** What each column is made from: `columnLineage({ total: [{ asset: sales, column: 'amount' }] })`. Of more than 1000 columns the first are kept. */
export function columnLineage(
  columns: Readonly<Record<string, readonly { readonly asset: AssetReference; readonly column: string }[]>>,
): ColumnLineageMetadata {
  refuseWrongArgument('columnLineage', columns, sources)
  const all = Object.entries(columns).map(([column, from]) => ({ column, from: from.map((one) => ({ asset: keyOf(one.asset), column: one.column })) }))
  return made(ColumnLineageMetadata, {
    type: 'columnLineage',
    value: { columns: all.slice(0, mostDescribed), ...(all.length > mostDescribed ? { cutFrom: all.length } : {}) },
  })
}
