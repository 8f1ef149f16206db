import type * as z from 'zod'
import type { FunctionAsset } from '../definitions/function-asset.ts'
import { DataError } from '../errors.ts'
import { redact } from '../redact.ts'

/** As much of a value as a message shows of it. */
const shownCharacters = 100
const mostIssues = 5

/**
 * Asks an asset's schema about a value, where it has one.
 * @throws DataError `VALUE_INVALID` that says what is wrong, where in the value, and what stands there
 */
export function checkValue({ value: schema }: Pick<FunctionAsset, 'value'>, value: unknown, what: string): void {
  const parsed = schema?.safeParse(value)
  if (parsed === undefined || parsed.success) return
  throw new DataError(`${what} is not as its schema says: ${describeIssues(parsed.error.issues, value)}.`, {
    code: 'VALUE_INVALID',
    hint: 'Mend the function that answers it, or the schema `value` of its asset.',
  })
}

/** What is wrong with a value, where in it, and what stands there. */
export function describeIssues(issues: readonly z.core.$ZodIssue[], value: unknown): string {
  const rest = issues.length > mostIssues ? `; and ${String(issues.length - mostIssues)} more` : ''
  return `${issues
    .slice(0, mostIssues)
    .map((issue) => describeIssue(issue, value))
    .join('; ')}${rest}`
}

function describeIssue({ path, message }: z.core.$ZodIssue, whole: unknown): string {
  const found = path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Readonly<Record<PropertyKey, unknown>>)[key] : undefined),
    whole,
  )
  const shown = JSON.stringify(redact(found)) ?? String(found)
  return `${path.length === 0 ? 'it' : path.map(String).join('.')}: ${message}, but is ${shown.slice(0, shownCharacters)}${shown.length > shownCharacters ? '…' : ''}`
}
