import * as z from 'zod'

const common = {
  name: z.string(),
  /** A blocking check that fails keeps what it was asked about from being published, and stops what is downstream. */
  blocking: z.boolean(),
  /** Absent: `error`. */
  severity: z.enum(['warn', 'error']).optional(),
  description: z.string().optional(),
}

const ofTable = {
  ...common,
  /** Which rows it is asked of. Absent: what its kind says, see `isAskedOfTable`. */
  of: z.enum(['load', 'table']).optional(),
}

const columns = z.array(z.string()).min(1)

/** A check of a table or SQL asset as data: load workers run it without the user's code. */
export const TableCheckSpec = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('not-empty'), ...ofTable }),
  z.object({ kind: z.literal('unique'), ...ofTable, columns }),
  z.object({ kind: z.literal('not-null'), ...ofTable, columns }),
  z.object({ kind: z.literal('row-count'), ...ofTable, min: z.int().nonnegative().optional(), max: z.int().nonnegative().optional() }),
  /** The newest value of its one column is at most so old. */
  z.object({ kind: z.literal('fresh'), ...ofTable, columns: columns.max(1), maxAgeMs: z.number().positive() }),
  /** Bounds of its one column, both included, as decimal text. */
  z.object({ kind: z.literal('in-range'), ...ofTable, columns: columns.max(1), min: z.string().optional(), max: z.string().optional() }),
  z.object({
    kind: z.literal('references'),
    ...ofTable,
    columns,
    /** `table` is there in a manifest. */
    to: z.object({ asset: z.string(), columns, table: z.object({ schema: z.string(), name: z.string() }).optional() }),
  }),
  z.object({ kind: z.literal('schema-unchanged'), ...common }),
  /** One `SELECT` of the offending rows; `{{table}}` in it stands for the rows that it is asked of. */
  z.object({ kind: z.literal('custom-sql'), ...ofTable, query: z.string(), timeoutMs: z.number().positive() }),
])
export type TableCheckSpec = z.infer<typeof TableCheckSpec>

/** What a manifest says of a function asset's check; its function stays with the workers of the location. */
const FunctionCheckSpec = z.object({ kind: z.literal('function'), ...common })

/** A check in a manifest. */
export const CheckSpec = z.discriminatedUnion('kind', [...TableCheckSpec.options, FunctionCheckSpec])
export type CheckSpec = z.infer<typeof CheckSpec>
