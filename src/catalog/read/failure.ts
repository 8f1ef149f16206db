import * as z from 'zod'
import type { StoredError } from '../../errors.ts'
import { redactText } from '../../redact.ts'

const text = z.string().transform(redactText)

/** An error as a row keeps it, with its chain of causes. Secrets that slipped into its texts are taken out here. */
const StoredFailure: z.ZodType<StoredError> = z.object({
  name: z.string().catch('Error'),
  code: z.string().catch('UNKNOWN'),
  message: text,
  hint: text.optional().catch(undefined),
  stack: text.optional().catch(undefined),
  get cause() {
    return StoredFailure.optional().catch(undefined)
  },
}) as unknown as z.ZodType<StoredError>

/** An error column: whatever is in it can be shown, also what an older version wrote. */
export const failure = z.unknown().transform((value): StoredError | null => {
  if (value === null || value === undefined) return null
  const parsed = StoredFailure.safeParse(value)
  return parsed.success ? parsed.data : { name: 'Error', code: 'UNKNOWN', message: redactText(typeof value === 'string' ? value : JSON.stringify(value)) }
})
