import * as z from 'zod'

/** A row that Postgres does not take. */
export const Refusal = z.object({
  /** In its stream, from 0. */
  row: z.int(),
  /** `(row)` where Postgres does not say. */
  column: z.string(),
  message: z.string(),
  /** The value as Postgres quotes it. */
  value: z.string(),
})
export type Refusal = z.output<typeof Refusal>
