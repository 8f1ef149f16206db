import * as z from 'zod'
import type { ColumnSpec } from '../../definitions/column-spec.ts'
import { shapeOf } from '../../definitions/column-shape.ts'
import { ownTypes } from '../../definitions/column-types.ts'
import { array } from './array.ts'
import { bytea } from './bytea.ts'
import type { CellWriter } from './cell-writer.ts'
import { boolean, float } from './float.ts'
import { bigint, integer } from './integer.ts'
import { isJsonSchema, plainJson } from './json-schema.ts'
import { json } from './json.ts'
import { date, time, timestamp } from './moment.ts'
import { network } from './network.ts'
import { numeric } from './numeric.ts'
import { opaqueText } from './opaque.ts'
import { oidOf, writerOf } from './postgres-types.ts'
import { oneOf, text, varchar } from './text.ts'
import { uuid } from './uuid.ts'
import type { UuidRule } from './uuid.ts'

const timestamptz = 'timestamp with time zone'

function ofString(schema: z.core.$ZodString, column: ColumnSpec): CellWriter | undefined {
  const { def } = schema._zod
  if (def.coerce === true) return undefined
  const { type } = column
  if (!(schema instanceof z.core.$ZodStringFormat)) {
    if (type === 'text' || type === 'citext') return text
    if (writerOf(type) === undefined) return opaqueText(type)
    return type.startsWith('character varying') ? varchar(type) : undefined
  }
  if (schema instanceof z.ZodUUID && type === 'uuid') return uuid(uuidRule(schema._zod.def))
  if (schema instanceof z.ZodGUID && type === 'uuid') return uuid('any')
  if (schema instanceof z.ZodISODate && type === 'date') return date
  if (schema instanceof z.ZodISOTime && type === 'time without time zone') return typeof schema._zod.def.precision === 'number' ? undefined : time
  return schema instanceof z.ZodISODateTime && type === timestamptz ? ofDateTime(schema._zod.def) : undefined
}

function ofDateTime(def: z.core.$ZodISODateTimeDef): CellWriter | undefined {
  if (typeof def.precision === 'number') return undefined
  return timestamp('text', { offset: def.offset, local: def.local, lenient: false })
}

function uuidRule({ version }: z.core.$ZodUUIDDef): UuidRule {
  return version === undefined ? 'rfc' : Number(version.slice(1))
}

function ofNumber(schema: z.ZodNumber, type: string): CellWriter | undefined {
  if (schema.def.coerce === true) return undefined
  const checks = schema.def.checks ?? []
  const only = checks[0]?._zod.def
  const format = 'format' in schema.def ? schema.def.format : only !== undefined && 'format' in only ? only.format : undefined
  if (checks.length > (format === undefined || 'format' in schema.def ? 0 : 1)) return undefined
  if (format === 'int32' && type === 'integer') return integer('number')
  if (format === 'safeint' && type === 'bigint') return bigint('number')
  return format === undefined && type === 'double precision' ? float(8, true) : undefined
}

function ofBigInt(schema: z.ZodBigInt, type: string): CellWriter | undefined {
  const plain = schema.def.coerce !== true && (!('format' in schema.def) || schema.def.format === 'int64')
  return plain && type === 'bigint' ? bigint('bigint') : undefined
}

function ofCustom(schema: z.ZodCustom, type: string): CellWriter | undefined {
  const own = ownTypes.get(schema.def.fn)
  if (own === 'decimal' && type.startsWith('numeric(')) return numeric(type)
  if (own === 'bytes' && type === 'bytea') return bytea
  return own === 'inet' && type === 'inet' ? network('inet') : undefined
}

function ofArray(schema: z.ZodArray, column: ColumnSpec): CellWriter | undefined {
  const element = schema.def.element
  if (!column.array) return undefined
  const { field, name, type, allowed } = column
  const writer = nativeWriter(element, { field, name, type, array: false, nullable: true, ...(allowed === undefined ? {} : { allowed }) })
  return writer === undefined ? undefined : array(writer, oidOf(type), shapeOf(element))
}

/**
 * A writer whose own check says yes and no exactly where the schema would, and whose value is the schema's output:
 * then zod need not be called. Undefined where the schema does more (refinements, transforms, defaults, coercion, formats that we don't read).
 * Null and undefined are the caller's.
 */
export function nativeWriter(schema: z.core.$ZodType, column: ColumnSpec): CellWriter | undefined {
  const { checks } = schema._zod.def
  if (schema instanceof z.ZodNumber) return column.array ? undefined : ofNumber(schema, column.type)
  if (checks !== undefined && checks.length > 0) return undefined
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodReadonly) {
    return nativeWriter(schema.def.innerType, column)
  }
  if (schema instanceof z.ZodArray) return ofArray(schema, column)
  if (column.array) return undefined
  if (schema instanceof z.core.$ZodString) return ofString(schema, column)
  if (schema instanceof z.ZodBigInt) return ofBigInt(schema, column.type)
  if (schema instanceof z.ZodBoolean) return schema.def.coerce !== true && column.type === 'boolean' ? boolean : undefined
  if (schema instanceof z.ZodDate) {
    const plain = schema.def.coerce !== true && column.type === timestamptz
    return plain ? timestamp('date', { offset: false, local: false, lenient: false }) : undefined
  }
  if (schema instanceof z.ZodEnum || schema instanceof z.ZodLiteral) {
    return column.allowed !== undefined && column.type === 'text' ? oneOf(column.allowed) : undefined
  }
  if (schema instanceof z.ZodCustom) return ofCustom(schema, column.type)
  if (column.type !== 'jsonb') return undefined
  if (isJsonSchema(schema)) return plainJson
  return schema instanceof z.ZodAny || schema instanceof z.ZodUnknown ? json(true) : undefined
}
