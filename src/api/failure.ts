import * as z from 'zod'

/** An error of a step or a tick, with its chain of causes. */
export const Failure = z
  .object({
    name: z.string(),
    code: z.string(),
    message: z.string(),
    hint: z.string().optional().meta({ description: 'What to do next.' }),
    stack: z.string().optional(),
    get cause() {
      return Failure.optional()
    },
  })
  .meta({ id: 'Failure' })
export type Failure = z.output<typeof Failure>
