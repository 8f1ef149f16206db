import { optionError } from './postgres-error.ts'

/** A name as SQL writes it, always in quotes. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Text as SQL writes it; the same whatever `standard_conforming_strings` says. */
export function quoteText(text: string): string {
  if (text.includes('\0')) throw optionError('POSTGRES_VALUE', 'A value holds a NUL character, for which Postgres has no place.', 'Take it out.')
  return text.includes('\\') ? `E'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'` : `'${text.replaceAll("'", "''")}'`
}

/** What may be handed to a query as a value. Other objects go as JSON. */
export type PostgresValue = string | number | bigint | boolean | Date | Uint8Array | null | readonly PostgresValue[] | { readonly [key: string]: unknown }

/** The same in quotes, or NULL. */
export function literalOf(value: PostgresValue): string {
  return value === null ? 'NULL' : quoteText(textOf(value))
}

/** A value as Postgres' text input takes it. */
export function textOf(value: Exclude<PostgresValue, null>): string {
  if (typeof value === 'string') return value
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
  if (isList(value))
    return `{${value.map((one) => (one === null ? 'NULL' : isList(one) ? textOf(one) : `"${textOf(one).replaceAll(/["\\]/g, '\\$&')}"`)).join(',')}}`
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

const isList = (value: PostgresValue): value is readonly PostgresValue[] => Array.isArray(value)
