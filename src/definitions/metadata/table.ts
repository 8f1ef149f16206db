import * as z from 'zod'
import { isSecretKey, redacted } from '../../redact.ts'
import type { Json } from '../json.ts'
import { beginning, mostCell, mostColumns, mostRows } from './limits.ts'
import { anObject, listOf, texts } from '../option-kinds.ts'
import { required } from '../option-shape.ts'
import type { OptionShape } from '../option-shape.ts'
import { made, refuseWrongOptions } from './made.ts'

const Cell = z.union([z.string(), z.number(), z.boolean(), z.null()])
type Cell = z.infer<typeof Cell>

export const TableMetadata = z.strictObject({
  type: z.literal('table'),
  value: z.strictObject({
    columns: z.array(z.string().max(mostCell)).max(mostColumns),
    rows: z.array(z.array(Cell)).max(mostRows),
    /** How many rows and columns there were, where not all are kept. */
    cutFrom: z.strictObject({ rows: z.int(), columns: z.int() }).optional(),
  }),
})
export type TableMetadata = z.infer<typeof TableMetadata>

export interface TableMetadataOptions {
  /** Default: the fields of the first row. */
  readonly columns?: readonly string[]
  readonly rows: readonly Readonly<Record<string, Json | undefined>>[]
}

const shape: OptionShape<TableMetadataOptions> = {
  columns: texts('day'),
  rows: required(listOf(anObject("{ day: '2026-01-01', rows: 10 }"), "a list of rows, as [{ day: '2026-01-01', rows: 10 }]")),
}

/** Rows, shown as a table. Of more than 100 rows or 50 columns the first are kept, and of long text in a cell 500 characters. A column with the name of a secret is hidden. */
export function table(options: TableMetadataOptions): TableMetadata {
  refuseWrongOptions('table', options, shape)
  const { rows, columns = Object.keys(rows[0] ?? {}) } = options
  const kept = columns.slice(0, mostColumns)
  const isCut = rows.length > mostRows || columns.length > mostColumns
  return made(TableMetadata, {
    type: 'table',
    value: {
      columns: kept.map((name) => beginning(name, mostCell)),
      rows: rows.slice(0, mostRows).map((row) => kept.map((name) => (isSecretKey(name) ? redacted : cellOf(Object.hasOwn(row, name) ? row[name] : undefined)))),
      ...(isCut ? { cutFrom: { rows: rows.length, columns: columns.length } } : {}),
    },
  })
}

function cellOf(value: Json | undefined): Cell {
  if (value === undefined || value === null) return null
  if (typeof value === 'number' || typeof value === 'boolean') return value
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length <= mostCell ? text : `${beginning(text, mostCell - 1)}…`
}
