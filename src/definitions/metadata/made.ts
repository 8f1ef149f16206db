import type * as z from 'zod'
import { DataError } from '../../errors.ts'
import { unknownOptions } from '../known-options.ts'

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
  throw invalid(`This ${type} cannot be metadata: ${wrong.join('; ')}.`)
}

const invalid = (message: string): DataError => new DataError(message, { code: 'METADATA_INVALID', hint: 'Mend what the function hands to `metadata`.' })

/** @throws DataError `METADATA_INVALID` for an option that there is not */
export function refuseUnknownOption(what: string, options: object, known: object): void {
  const unknown = unknownOptions(what, options, known)
  if (unknown !== undefined) throw invalid(unknown)
}

/** Whether a value was made by one of our functions. */
export function isMade(value: unknown): value is object {
  return typeof value === 'object' && value !== null && mark in value
}
