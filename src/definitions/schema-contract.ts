import * as z from 'zod'

/**
 * What happens where definition, table and records differ.
 * `evolve`: the table is changed where nothing can be lost by it. `freeze`: the run stops. `discard_row`: the table stays, and a record that
 * it cannot take goes to quarantine. `discard_value`: the table stays, and a value that it cannot take is left out, and counted.
 */
export const SchemaMode = z.enum(['evolve', 'freeze', 'discard_row', 'discard_value'])
export type SchemaMode = z.infer<typeof SchemaMode>

/** A mode for each kind of difference. */
export const SchemaContract = z.strictObject({
  /** The definition has a field for which the table has no column. */
  newColumns: SchemaMode,
  /** A column has another type in the table, allows other values, or allows no NULL. */
  types: SchemaMode,
  /** The table has a column for which the definition has no field. */
  droppedColumns: SchemaMode,
  /** A record, as the transform gave it, has a field that the definition does not have. */
  unknownFields: SchemaMode,
})
export type SchemaContract = z.infer<typeof SchemaContract>

/** One mode for all, or some modes; what is left out evolves. */
export type SchemaContractOption = SchemaMode | Partial<SchemaContract>

/** A contract in full. @throws ZodError when it cannot be */
export function schemaContractOf(option: SchemaContractOption | undefined): SchemaContract {
  if (typeof option === 'string') return SchemaContract.parse({ newColumns: option, types: option, droppedColumns: option, unknownFields: option })
  return SchemaContract.parse({ newColumns: 'evolve', types: 'evolve', droppedColumns: 'evolve', unknownFields: 'evolve', ...option })
}
