import type { ColumnSpec } from '../../definitions/column-spec.ts'
import { baseTypeOf } from '../../definitions/postgres-type.ts'
import { bytea } from './bytea.ts'
import type { CellWriter } from './cell-writer.ts'
import { boolean, float } from './float.ts'
import { bigint, integer, smallint } from './integer.ts'
import { json } from './json.ts'
import { date, time, timestamp } from './moment.ts'
import { network } from './network.ts'
import { numeric } from './numeric.ts'
import { text, varchar } from './text.ts'
import { uuid } from './uuid.ts'

interface BuiltInType {
  readonly oid: number
  readonly arrayOid: number
  /** Takes whatever JavaScript value has a meaning as this type. Absent where we write the type as text only. */
  readonly writer?: (type: string) => CellWriter
}

const anyMoment = timestamp('any', { offset: true, local: true, lenient: true })

// The numbers are pg_type.dat's and never change.
const builtIn: Readonly<Record<string, BuiltInType>> = {
  boolean: { oid: 16, arrayOid: 1000, writer: () => boolean },
  bytea: { oid: 17, arrayOid: 1001, writer: () => bytea },
  bigint: { oid: 20, arrayOid: 1016, writer: () => bigint('any') },
  smallint: { oid: 21, arrayOid: 1005, writer: () => smallint('any') },
  integer: { oid: 23, arrayOid: 1007, writer: () => integer('any') },
  text: { oid: 25, arrayOid: 1009, writer: () => text },
  json: { oid: 114, arrayOid: 199, writer: () => json(false) },
  cidr: { oid: 650, arrayOid: 651, writer: () => network('cidr') },
  real: { oid: 700, arrayOid: 1021, writer: () => float(4, false) },
  'double precision': { oid: 701, arrayOid: 1022, writer: () => float(8, false) },
  inet: { oid: 869, arrayOid: 1041, writer: () => network('inet') },
  'character varying': { oid: 1043, arrayOid: 1015, writer: varchar },
  date: { oid: 1082, arrayOid: 1182, writer: () => date },
  'time without time zone': { oid: 1083, arrayOid: 1183, writer: () => time },
  'timestamp with time zone': { oid: 1184, arrayOid: 1185, writer: () => anyMoment },
  numeric: { oid: 1700, arrayOid: 1231, writer: numeric },
  uuid: { oid: 2950, arrayOid: 2951, writer: () => uuid('any') },
  jsonb: { oid: 3802, arrayOid: 3807, writer: () => json(true) },
  money: { oid: 790, arrayOid: 791 },
  macaddr: { oid: 829, arrayOid: 1040 },
  character: { oid: 1042, arrayOid: 1014 },
  'timestamp without time zone': { oid: 1114, arrayOid: 1115 },
  interval: { oid: 1186, arrayOid: 1187 },
  'time with time zone': { oid: 1266, arrayOid: 1270 },
  xml: { oid: 142, arrayOid: 143 },
  point: { oid: 600, arrayOid: 1017 },
  tsvector: { oid: 3614, arrayOid: 3643 },
}

/** The writer of a type's values; undefined where only Postgres can read them. */
export function writerOf(type: string): CellWriter | undefined {
  return builtIn[baseTypeOf(type)]?.writer?.(type)
}

/** A type that comes with Postgres; undefined for an extension's or a user's. */
export function builtInType(type: string): BuiltInType | undefined {
  return builtIn[baseTypeOf(type)]
}

/** The OID of a type that has a fixed one, else 0. */
export function oidOf(type: string): number {
  return builtInType(type)?.oid ?? 0
}

/** Whether a column can go by binary COPY. citext is an extension's type whose receive function is text's own; its array needs an OID that we cannot know. */
export function hasBinaryForm(column: ColumnSpec): boolean {
  return writerOf(column.type) !== undefined || (column.type === 'citext' && !column.array)
}
