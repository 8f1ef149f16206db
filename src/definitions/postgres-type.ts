import { DefinitionError } from './definition-error.ts'

const aliases: Readonly<Record<string, string>> = {
  bool: 'boolean',
  char: 'character',
  bpchar: 'character',
  decimal: 'numeric',
  float: 'double precision',
  float4: 'real',
  float8: 'double precision',
  int: 'integer',
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  time: 'time without time zone',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  timetz: 'time with time zone',
  varbit: 'bit varying',
  varchar: 'character varying',
}

// A name, perhaps qualified or of several words, and a modifier of numbers or words. It goes into DDL as it stands.
const typeName = /^([A-Za-z_][\w$]*(?:[ .][A-Za-z_][\w$]*)*)\s*(\(\s*\w+(?:\s*,\s*\w+)*\s*\))?((?: [a-z]+)*)(\[\])?$/

/** A Postgres type taken apart. */
export interface PostgresType {
  /** As `format_type` prints it, without array brackets. */
  readonly type: string
  readonly array: boolean
}

/**
 * A type as a user writes it (`timestamptz`, `varchar(20)`, `text[]`), as Postgres itself prints it.
 * @throws DefinitionError when it is not the name of a type.
 */
export function postgresType(written: string): PostgresType {
  const found = typeName.exec(written.trim().replaceAll(/\s+/g, ' '))
  if (found === null) throw new DefinitionError(`${JSON.stringify(written)} is not the name of a Postgres type.`)
  const [, name = '', modifier = '', suffix = '', brackets] = found
  const lower = name.toLowerCase()
  const base = aliases[lower] ?? lower
  let sizes = modifier.replaceAll(/\s/g, '')
  // `numeric(12)` is printed with its scale.
  if (base === 'numeric' && /^\(\d+\)$/.test(sizes)) sizes = sizes.replace(')', ',0)')
  if (base === 'character' && sizes === '') sizes = '(1)'
  // A precision stands inside: `timestamp(3) with time zone`.
  const [head = base, ...tail] = /^(?:time|timestamp)\b/.test(base) ? base.split(' ') : [base]
  const rest = suffix === '' ? tail.map((word) => ` ${word}`).join('') : suffix
  return { type: `${head}${sizes}${rest}`, array: brackets !== undefined }
}

/** The type without its modifier: `numeric` of `numeric(12,4)`. */
export function baseTypeOf(type: string): string {
  return type.replace(/\([^)]*\)/, '')
}

/** The numbers of a type's modifier: `[12, 4]` of `numeric(12,4)`. */
export function modifiersOf(type: string): readonly number[] {
  const inside = /\(([^)]*)\)/.exec(type)?.[1]
  return inside === undefined ? [] : inside.split(',').map(Number)
}
