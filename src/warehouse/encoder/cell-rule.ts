import * as z from 'zod'
import { shapeOf } from '../../definitions/column-shape.ts'
import type { ColumnSpec } from '../../definitions/column-spec.ts'
import { nativeWriter } from './native-writer.ts'
import { oidOf } from './postgres-types.ts'

/** Whether a binary value of a column's own type, at `at`, is one that the schema takes as well. */
export type CellRule = (bytes: Buffer, at: number, length: number) => boolean

const yes: CellRule = () => true
const ofLength =
  (size: number): CellRule =>
  (_, __, length) =>
    length === size

// Microseconds, and days, since 2000-01-01: the years 1 to 9999, which are all that ISO 8601 text has.
const firstDay = -730_119
const endDay = 2_921_940
const dayMicros = 86_400_000_000
// The upper halves of such moments. What lies between the last of them and the end is left to the parser.
const firstHigh = Math.ceil((firstDay * dayMicros) / 4_294_967_296)
const lastHigh = Math.floor((endDay * dayMicros) / 4_294_967_296) - 1

const moment: CellRule = (bytes, at, length) => {
  if (length !== 8) return false
  const high = bytes.readInt32BE(at)
  return high >= firstHigh && high <= lastHigh
}
const date: CellRule = (bytes, at, length) => {
  if (length !== 4) return false
  const days = bytes.readInt32BE(at)
  return days >= firstDay && days < endDay
}
/** Not 24:00, which ISO 8601 text of zod does not have. */
const time: CellRule = (bytes, at, length) => length === 8 && bytes.readUInt32BE(at) * 4_294_967_296 + bytes.readUInt32BE(at + 4) < dayMicros
/** Neither NaN nor an infinity: not all bits of the exponent set. */
const finite: CellRule = (bytes, at, length) => length === 8 && (bytes.readUInt16BE(at) & 0x7ff0) !== 0x7ff0
/** A number: not NaN or an infinity, which the sign says. */
const decimal: CellRule = (bytes, at, length) => length >= 8 && (bytes.readUInt16BE(at + 4) & 0xbfff) === 0
/** Of RFC 9562 and a version, or of any; nil and max are left to the parser. */
const uuidOf =
  (version: number | undefined): CellRule =>
  (bytes, at, length) => {
    if (length !== 16 || (bytes[at + 8] ?? 0) >> 6 !== 2) return false
    const found = (bytes[at + 6] ?? 0) >> 4
    return version === undefined ? found >= 1 && found <= 8 : found === version
  }
const boolean: CellRule = (bytes, at, length) => length === 1 && (bytes[at] ?? 2) < 2
const inet: CellRule = (bytes, at, length) => (length === 8 && bytes[at] === 2) || (length === 20 && bytes[at] === 3)
// Postgres reads JSON by recursion. Text this short cannot nest deeper than it is long; longer, which may, is left to the parser.
const longestJson = 2000
const jsonb = (nullable: boolean): CellRule => {
  // A JSON null where SQL's is allowed becomes SQL's on the way through JavaScript, so here too.
  const isNull = (bytes: Buffer, at: number, length: number) => length === 5 && bytes.readUInt32BE(at + 1) === 0x6e756c6c
  return (bytes, at, length) => length > 1 && bytes[at] === 1 && length <= longestJson && !(nullable && isNull(bytes, at, length))
}

/** The schema without what only says that a value may be missing. */
function bare(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodReadonly ? bare(schema.def.innerType) : schema
}

function scalarRule(schema: z.core.$ZodType, { type, nullable }: ColumnSpec): CellRule | undefined {
  // Of z.int() a bigint is none, and of z.date() text: what the parser reads would be refused.
  if (type === 'bigint') return schema instanceof z.ZodBigInt ? ofLength(8) : undefined
  if (type === 'timestamp with time zone') return schema instanceof z.ZodISODateTime ? moment : undefined
  if (type === 'integer') return ofLength(4)
  if (type === 'double precision') return finite
  if (type === 'boolean') return boolean
  if (type === 'date') return date
  if (type === 'time without time zone') return time
  if (type === 'uuid') return schema instanceof z.ZodUUID ? uuidOf(versionOf(schema)) : ofLength(16)
  if (type === 'text' || type.startsWith('character varying') || type === 'bytea') return yes
  if (type.startsWith('numeric(')) return decimal
  if (type === 'inet') return inet
  return type === 'jsonb' ? jsonb(nullable) : undefined
}

function versionOf(schema: z.ZodUUID): number | undefined {
  const { version } = schema._zod.def
  return version === undefined ? undefined : Number(version.slice(1))
}

function arrayRule(element: CellRule, elementOid: number, nulls: boolean): CellRule {
  return (bytes, start, length) => {
    if (length < 12 || bytes.readUInt32BE(start + 8) !== elementOid) return false
    const dimensions = bytes.readInt32BE(start)
    if (dimensions === 0) return length === 12
    // As JavaScript's arrays are: of one dimension, counted from one.
    if (dimensions !== 1 || length < 20 || bytes.readInt32BE(start + 16) !== 1) return false
    const end = start + length
    let at = start + 20
    for (let left = bytes.readInt32BE(start + 12); left > 0; left -= 1) {
      if (at + 4 > end) return false
      const size = bytes.readInt32BE(at)
      at += 4
      if (size < 0) {
        if (!nulls) return false
      } else if (size > end - at || !element(bytes, at, size)) return false
      else at += size
    }
    return at === end
  }
}

/**
 * The rule of a column whose values may go from one binary COPY into another as they are: Postgres' type is all that its schema asks for, but for what the rule checks.
 * Undefined where the schema asks for more: refinements, enums, formats, transforms.
 */
export function cellRule(schema: z.core.$ZodType, column: ColumnSpec): CellRule | undefined {
  if (nativeWriter(schema, column) === undefined || column.allowed !== undefined) return undefined
  const inner = bare(schema)
  if (!column.array) return scalarRule(inner, column)
  if (!(inner instanceof z.ZodArray)) return undefined
  const { element } = inner.def
  const rule = scalarRule(bare(element), column)
  return rule === undefined ? undefined : arrayRule(rule, oidOf(column.type), shapeOf(element).null)
}
