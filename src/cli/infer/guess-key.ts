import { columnNameOf } from '../../definitions/columns.ts'
import type { InferredColumn } from './columns.ts'

const keyKinds: readonly InferredColumn['kind'][] = ['int32', 'int', 'bigint', 'uuid', 'guid', 'text']

/** The column that looks like the primary key: each row has another value, and its name or its type says so. A wrong guess would fail a later load. */
export function guessKey(columns: readonly InferredColumn[], rows: number, table: string): InferredColumn | undefined {
  if (rows < 2) return undefined
  const ranked = columns
    .filter((one) => one.unique && keyKinds.includes(one.kind))
    .map((one) => ({ one, rank: rankOf(one, table, one === columns[0]) }))
    .filter(({ rank }) => rank > 0)
    .toSorted((a, b) => b.rank - a.rank)
  return ranked[0]?.one
}

function rankOf({ field, kind }: InferredColumn, table: string, first: boolean): number {
  const name = columnNameOf(field)
  if (name === 'id' || name === 'uuid' || name === 'guid') return 5
  if ([table, table.replace(/s$/, '')].some((one) => name === `${one}_id` || name === `${one}_key`)) return 4
  if (/_(id|key|uuid|guid)$/.test(name)) return 3
  if (/(^|_)(code|sku|isbn|number|no|nr)$/.test(name)) return 2
  return first && kind !== 'text' ? 1 : 0
}
