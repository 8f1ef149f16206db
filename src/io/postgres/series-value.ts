import { readDecimal } from '../../definitions/decimal-text.ts'
import type { ValuePlace } from '../../definitions/io-manager.ts'
import { DataError } from '../../errors.ts'
import { wordsOf } from '../value-missing.ts'

/**
 * A value as the text of a numeric; null for none.
 * @throws DataError `VALUE_NOT_NUMERIC`
 */
export function numericText(place: ValuePlace, value: unknown): string | null {
  if (value === null) return null
  const isNumber = typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string'
  const text = isNumber ? String(value) : undefined
  const read = isNumber ? readDecimal(value) : `it is ${kindOf(value)}`
  if (typeof read !== 'string') return text ?? null
  const shown = text === undefined ? '' : `${JSON.stringify(text.slice(0, 100))} `
  throw new DataError(`The value of ${wordsOf(place)} cannot be stored as a number: ${shown}${read}.`, {
    code: 'VALUE_NOT_NUMERIC',
    hint: 'Answer a bigint, a decimal number as text ("14567.3222"), a number of at most 15 digits (`toFixed(2)` makes one text), or null where the day has none.',
  })
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'undefined'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/**
 * The partition key as a date.
 * @throws DataError `PARTITION_NOT_A_DATE`
 */
export function dateOf({ asset, partition }: ValuePlace): string {
  if (partition !== undefined && isDate(partition)) return partition
  const found = partition === undefined ? 'has no partitions' : `has the partition ${JSON.stringify(partition)}`
  throw new DataError(`${asset} cannot be stored with one value a day: it ${found}.`, {
    code: 'PARTITION_NOT_A_DATE',
    hint: 'Partition the asset by day, so that its partition keys are dates as 2026-11-22, or choose another I/O manager.',
  })
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || text.startsWith('0000')) return false
  const at = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text)
}
