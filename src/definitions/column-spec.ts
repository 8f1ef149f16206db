import * as z from 'zod'
import { SchemaContract } from './schema-contract.ts'
import { PartitionBy, StatisticsSpec, TableGrants, TableStorage } from './table-options.ts'

/** A column as data: what the manifest carries, what DDL, encoder and docs are made from. */
export const ColumnSpec = z.object({
  /** In Postgres, snake_case. */
  name: z.string(),
  /** In the record, as the zod object names it. */
  field: z.string(),
  /** The Postgres type as `format_type` prints it, without array brackets: `text`, `bigint`, `numeric(12,4)`, `timestamp with time zone`, `citext`. */
  type: z.string(),
  array: z.boolean(),
  nullable: z.boolean(),
  /** The values a CHECK constraint allows (enum, literal). */
  allowed: z.array(z.string()).optional(),
  description: z.string().optional(),
})
export type ColumnSpec = z.infer<typeof ColumnSpec>

/** A table as data. `primaryKey` and `indexes` name columns, not fields. */
export const TableSpec = z.object({
  schema: z.string(),
  name: z.string(),
  columns: z.array(ColumnSpec).min(1),
  primaryKey: z.array(z.string()),
  indexes: z.array(z.array(z.string()).min(1)),
  comment: z.string().optional(),
  disposition: z.enum(['append', 'replace', 'merge', 'snapshot', 'scd2']),
  /** Of an append: each batch goes into the table by itself. */
  eachBatch: z.literal(true).optional(),
  /** Of a replace: the columns whose values name the part that a row is of. */
  by: z.array(z.string()).min(1).optional(),
  /** What carries over from run to run: a column's greatest value, or what pages carry. */
  cursor: z.object({ column: z.string().optional(), initial: z.json().optional(), lag: z.number().optional() }).optional(),
  /** Of a merge: the columns that say which of two records is the newer, and which are gone. */
  merge: z.object({ newestBy: z.string().optional(), deletedBy: z.string().optional() }).optional(),
  /** Of a snapshot: the column that publishing adds, for the time of the load. */
  snapshot: z.object({ at: z.string() }).optional(),
  /** Of scd2: the columns that publishing adds, for the time from which and up to which a row holds. */
  scd2: z.object({ from: z.string(), to: z.string(), missing: z.enum(['close', 'keep']), deletedBy: z.string().optional() }).optional(),
  /** Absent: everything evolves. */
  contract: SchemaContract.optional(),
  storage: TableStorage.optional(),
  partitionBy: PartitionBy.optional(),
  grants: TableGrants.optional(),
  /** Absent: of every column. */
  statistics: StatisticsSpec.optional(),
})
export type TableSpec = z.infer<typeof TableSpec>
