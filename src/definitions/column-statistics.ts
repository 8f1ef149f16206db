import * as z from 'zod'

const Extreme = z.union([z.string(), z.number(), z.boolean()])

/** What is known of the values that a load wrote into a column. */
export const ColumnStatistics = z
  .object({
    column: z.string(),
    nulls: z.int(),
    /** Of all rows, from 0 to 1. */
    nullShare: z.number(),
    /** How many distinct values there are, NULL apart: an estimate, of which 95 in 100 are within 6.5 %. Absent for arrays, JSON and bytes. */
    distinct: z.int().optional(),
    /**
     * The least and the greatest value: numbers as such where JSON keeps them exactly, else as text; times in ISO 8601; text in the order of its bytes. Absent where there are
     * none, and for types without an order.
     */
    min: Extreme.optional(),
    max: Extreme.optional(),
    /** Of these, only the first 64 characters are shown. */
    cut: z.array(z.enum(['min', 'max'])).optional(),
  })
  .meta({ id: 'ColumnStatistics' })
export type ColumnStatistics = z.infer<typeof ColumnStatistics>

/** What of a step passed through a stage, and how long its workers were at it, added up: two at once count twice. */
export const StageTotals = z
  .object({
    stage: z.enum(['extract', 'transform', 'load']),
    batches: z.int(),
    /** Records of extract, which are known once they are transformed; rows of the others. */
    rows: z.int(),
    /** Raw ones of extract, those of the COPY stream of the others. */
    bytes: z.int(),
    seconds: z.number(),
    /** Null where nothing took any time. */
    rowsPerSecond: z.int().nullable(),
  })
  .meta({ id: 'StageTotals' })
export type StageTotals = z.infer<typeof StageTotals>
