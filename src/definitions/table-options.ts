import * as z from 'zod'
import { anObject, aText, either, fitting, listOf, oneOf, textOrTexts, trueOrFalse } from './option-kinds.ts'
import type { Kind, OptionShape } from './option-shape.ts'
import { SchemaContract, SchemaMode } from './schema-contract.ts'
import type { SchemaContractOption } from './schema-contract.ts'

/** How a table is kept on disk. What is left out is as it is in an existing table, and Postgres' default in a new one. */
export const TableStorage = z.strictObject({
  /** Faster to write, and empty after a crash of Postgres. */
  unlogged: z.boolean().optional(),
  tablespace: z.string().min(1).optional(),
  /** How full pages are written, in per cent: room for updates. */
  fillfactor: z.int().min(10).max(100).optional(),
})
export type TableStorage = z.infer<typeof TableStorage>

/** Partitions by time, in UTC. They are not the partitions of runs. */
export const PartitionBy = z.strictObject({
  column: z.string(),
  every: z.enum(['day', 'month', 'year']),
  /** How many partitions after the present one are made ahead. */
  ahead: z.int().min(0).max(400),
  /** How many partitions before the present one are kept; older ones are dropped. Absent: all. */
  keep: z.int().min(1).optional(),
})
export type PartitionBy = z.infer<typeof PartitionBy>

/** Who may read the table, besides those to whom somebody else granted it. */
export const TableGrants = z.strictObject({ select: z.array(z.string().min(1)) })
export type TableGrants = z.infer<typeof TableGrants>

/** Columns whose values are not looked at, nor shown in a run's preview; `false`: no column's values are looked at. */
export const StatisticsSpec = z.union([z.literal(false), z.strictObject({ exclude: z.array(z.string()) })])
export type StatisticsSpec = z.infer<typeof StatisticsSpec>

/** What a `table()` may say of its table beyond columns, keys and indexes. */
export interface TableSettings {
  /** What happens where definition, table and records differ. Default `evolve`. */
  readonly schemaContract?: SchemaContractOption
  /** Faster to write, and empty after a crash of Postgres. */
  readonly unlogged?: boolean
  /** A tablespace that is there already. */
  readonly tablespace?: string
  /** How full pages are written, in per cent, from 10 to 100: room for updates. */
  readonly fillfactor?: number
  /** Partitions by a time or date field, or by the time that a snapshot or history adds; in UTC. Only where the table is made new. */
  readonly partitionBy?: {
    readonly field: string
    readonly every: 'day' | 'month' | 'year'
    /** How many partitions after the present one are made ahead. Default 1. */
    readonly ahead?: number
    /** How many partitions before the present one are kept; older ones are dropped with their rows. Default: all. */
    readonly keep?: number
  }
  /** Roles that may read the table; `public` is everybody. */
  readonly grants?: { readonly select: readonly string[] }
  /**
   * Each load counts its columns' NULLs and distinct values, and keeps their least and greatest value. `exclude` leaves out fields with personal data, also from
   * the preview of a run's rows; fields whose names say that they are secrets are left out anyway. `false`: no column's.
   */
  readonly statistics?: false | { readonly exclude: readonly string[] }
}

/** Each entry is an index: one field, or several. */
export const indexesKind: Kind = listOf(textOrTexts('day'), "a list of fields, or of lists of fields, as ['day', ['shop', 'day']]")

const modes = SchemaMode.options.map((one) => `'${one}'`).join(', ')
/** What is in them is asked where they are read. */
export const settingShape: OptionShape<TableSettings> = {
  schemaContract: fitting(z.union([SchemaMode, SchemaContract.partial()]), `${modes}, or an object, as { types: 'freeze' }`),
  unlogged: trueOrFalse,
  tablespace: aText('fast'),
  fillfactor: fitting(TableStorage.shape.fillfactor, 'a whole number from 10 to 100'),
  partitionBy: anObject("{ field: 'day', every: 'month' }"),
  grants: anObject("{ select: ['analysts'] }"),
  statistics: either(oneOf(false), anObject("{ exclude: ['email'] }")),
}
