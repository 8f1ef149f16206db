import * as z from 'zod'

export const CheckResult = z
  .object({
    asset: z.string(),
    name: z.string(),
    runId: z.uuid(),
    passed: z.boolean(),
    blocking: z.boolean(),
    message: z.string(),
    at: z.iso.datetime(),
  })
  .meta({ id: 'CheckResult' })
export type CheckResult = z.output<typeof CheckResult>
