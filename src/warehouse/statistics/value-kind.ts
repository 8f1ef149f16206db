import type { ColumnSpec } from '../../definitions/column-spec.ts'
import { baseTypeOf } from '../../definitions/postgres-type.ts'

/**
 * How a column's values are looked at. `counted`: whether they are NULL, and no more. `opaque`: they are told apart too, and not put in order.
 * The others are put in order: `int8` are 64-bit integers, among them times in microseconds; `text` goes by its bytes, which in UTF-8 is by the
 * characters' numbers, as in the collation "C".
 */
export type ValueKind = 'counted' | 'opaque' | 'int2' | 'int4' | 'int8' | 'float4' | 'float8' | 'boolean' | 'text' | 'numeric'

const kindOfType: Readonly<Record<string, ValueKind>> = {
  smallint: 'int2',
  integer: 'int4',
  date: 'int4',
  bigint: 'int8',
  'timestamp with time zone': 'int8',
  'time without time zone': 'int8',
  real: 'float4',
  'double precision': 'float8',
  boolean: 'boolean',
  text: 'text',
  'character varying': 'text',
  citext: 'text',
  numeric: 'numeric',
  json: 'counted',
  jsonb: 'counted',
  bytea: 'counted',
  xml: 'counted',
}

/** How the values of a column are looked at: by its type in binary COPY. */
export function kindOf({ type, array }: Pick<ColumnSpec, 'type' | 'array'>): ValueKind {
  return array ? 'counted' : (kindOfType[baseTypeOf(type)] ?? 'opaque')
}
