import type * as z from 'zod'
import { DataError } from '../../errors.ts'

// The same for two copies of the package: one of the project, and one that runs it.
const mark = Symbol.for('millrace.metadata')

/**
 * A metadata value that is known to be one of ours, whatever plain JSON may look like it.
 * @throws DataError `METADATA_INVALID`
 */
export function made<T extends object>(schema: z.ZodType<T>, value: NoInfer<T>): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return Object.freeze(Object.defineProperty(parsed.data, mark, { value: true }))
  const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'it'}: ${issue.message}`).slice(0, 5)
  const type = 'type' in value ? String(value.type) : 'value'
  throw new DataError(`This ${type} cannot be metadata: ${wrong.join('; ')}.`, {
    code: 'METADATA_INVALID',
    hint: 'Mend what the function hands to `metadata`.',
  })
}

/** Whether a value was made by one of our functions. */
export function isMade(value: unknown): value is object {
  return typeof value === 'object' && value !== null && mark in value
}
