import { MillraceError } from '../errors.ts'

/**
 * Values that are given by partition.
 * @param what whose they are, for the message
 * @throws MillraceError `TEST_VALUE_PARTITIONS` for what is no object
 */
export function byPartition(values: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof values === 'object' && values !== null && !Array.isArray(values)) return values as Readonly<Record<string, unknown>>
  throw new MillraceError(`${what} is no object of values by partition.`, {
    code: 'TEST_VALUE_PARTITIONS',
    hint: "Give one, as { '2026-01-01': 3 }.",
  })
}
