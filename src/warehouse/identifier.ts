import { ConfigError } from '../errors.ts'

/** The name of a table with its schema, both as Postgres stores them. */
export interface QualifiedName {
  readonly schema: string
  readonly name: string
}

function refuseNul(text: string, what: string): void {
  if (text.includes('\0')) {
    throw new ConfigError(`${what} holds a NUL byte: ${JSON.stringify(text)}`, { code: 'SQL_NUL_BYTE', hint: 'Postgres has no place for one; take it out.' })
  }
}

/**
 * A name as SQL writes it, always in quotes.
 * @throws ConfigError `SQL_NUL_BYTE`
 */
export function quoteIdentifier(name: string): string {
  refuseNul(name, 'A name')
  return `"${name.replaceAll('"', '""')}"`
}

/** `"schema"."table"`. */
export function quoteTable({ schema, name }: QualifiedName): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`
}

/**
 * Text as SQL writes it; the same whatever `standard_conforming_strings` says.
 * @throws ConfigError `SQL_NUL_BYTE`
 */
export function quoteLiteral(text: string): string {
  refuseNul(text, 'A text')
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
  return text.includes('\\') ? `E${quoted}` : quoted
}
