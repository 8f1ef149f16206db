import * as z from 'zod'

/**
 * How many records of a load may go to quarantine: at most so many, at most so many in a hundred, or with neither any number.
 * What goes beyond fails the step, and nothing of its load is published. A number is judged with each batch; a share with each batch that has bad
 * records, once 1,000 records were read, and of the whole load at its end.
 */
export const QuarantineContract = z.strictObject({
  atMost: z.int().min(0).optional(),
  atMostPercent: z.number().min(0).max(100).optional(),
})
export type QuarantineContract = z.infer<typeof QuarantineContract>
