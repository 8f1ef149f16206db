import type * as z from 'zod'
import { DataError } from '../../errors.ts'
import { wrongOptions, wrongValue } from '../option-shape.ts'
import type { AnyShape, Kind } from '../option-shape.ts'

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

/** @throws DataError `METADATA_INVALID` for options that cannot be */
export function refuseWrongOptions(name: string, options: unknown, shape: AnyShape): void {
  const wrong = wrongOptions(`metadata.${name}()`, options, shape)
  if (wrong !== undefined) throw invalid(wrong)
}

/** @throws DataError `METADATA_INVALID` for what cannot be made metadata of that kind */
export function refuseWrongArgument(name: string, value: unknown, kind: Kind): void {
  const wrong = wrongValue(`What metadata.${name}() is handed`, value, kind)
  if (wrong !== undefined) throw invalid(wrong)
}

/** Whether a value was made by one of our functions. */
export function isMade(value: unknown): value is object {
  return typeof value === 'object' && value !== null && mark in value
}
