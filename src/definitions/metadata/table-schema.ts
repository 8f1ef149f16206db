import * as z from 'zod'
import { mostDescribed } from './limits.ts'
import { anObject, listOf } from '../option-kinds.ts'
import { required } from '../option-shape.ts'
import type { OptionShape } from '../option-shape.ts'
import { made, refuseWrongOptions } from './made.ts'

const Column = z.strictObject({
  name: z.string().max(500),
  type: z.string().max(500),
  nullable: z.boolean().optional(),
  description: z.string().max(2000).optional(),
})

export const TableSchemaMetadata = z.strictObject({
  type: z.literal('tableSchema'),
  value: z.strictObject({ columns: z.array(Column).max(mostDescribed), cutFrom: z.int().optional() }),
})
export type TableSchemaMetadata = z.infer<typeof TableSchemaMetadata>

export interface TableSchemaOptions {
  readonly columns: readonly { readonly name: string; readonly type: string; readonly nullable?: boolean; readonly description?: string }[]
}

const shape: OptionShape<TableSchemaOptions> = {
  columns: required(listOf(anObject("{ name: 'day', type: 'date' }"), "a list of columns, as [{ name: 'day', type: 'date' }]")),
}

/** Columns and their types. Of more than 1000 columns the first are kept. */
export function tableSchema(options: TableSchemaOptions): TableSchemaMetadata {
  refuseWrongOptions('tableSchema', options, shape)
  const { columns } = options
  const value = { columns: columns.slice(0, mostDescribed).map((one) => ({ ...one })), ...(columns.length > mostDescribed ? { cutFrom: columns.length } : {}) }
  return made(TableSchemaMetadata, { type: 'tableSchema', value })
}
