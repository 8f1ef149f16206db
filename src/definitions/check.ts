import * as z from 'zod'

/** A check as data: load workers run it without the user's code. */
export const CheckSpec = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('not-empty'), name: z.string(), blocking: z.boolean() }),
  z.object({ kind: z.literal('unique'), name: z.string(), blocking: z.boolean(), columns: z.array(z.string()).min(1) }),
])
export type CheckSpec = z.infer<typeof CheckSpec>

export interface CheckOptions {
  /** A blocking check that fails keeps the load from being published. Default true. */
  readonly blocking?: boolean
}

/** The load brings at least one row. */
export function notEmpty(options: CheckOptions = {}): CheckSpec {
  return { kind: 'not-empty', name: 'not_empty', blocking: options.blocking ?? true }
}

/** No two rows of the table have the same values in these fields (named as in the schema, or as columns). NULLs are distinct, as in a unique index. */
export function unique(fields: string | readonly string[], options: CheckOptions = {}): CheckSpec {
  const columns = typeof fields === 'string' ? [fields] : [...fields]
  return { kind: 'unique', name: `unique_${columns.join('_')}`, blocking: options.blocking ?? true, columns }
}
