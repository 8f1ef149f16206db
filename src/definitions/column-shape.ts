import * as z from 'zod'
import { DefinitionError } from './definition-error.ts'
import { postgresType } from './postgres-type.ts'

/** A zod type as a column sees it. */
export interface ColumnShape {
  readonly type: string
  readonly array: boolean
  /** What may come out of the schema. */
  readonly undefined: boolean
  readonly null: boolean
  readonly allowed?: readonly string[]
}

const formatTypes: Readonly<Record<string, string>> = {
  uuid: 'uuid',
  guid: 'uuid',
  datetime: 'timestamp with time zone',
  date: 'date',
  time: 'time without time zone',
}

const scalar = (type: string, allowed?: readonly string[]): ColumnShape => ({
  type,
  array: false,
  undefined: false,
  null: false,
  ...(allowed === undefined ? {} : { allowed }),
})

function shapeOfNumber(schema: z.ZodNumber): ColumnShape {
  const formats = [schema.def, ...(schema.def.checks ?? []).map((check) => check._zod.def)].map((def) => ('format' in def ? def.format : undefined))
  if (formats.includes('int32')) return scalar('integer')
  return scalar(formats.includes('safeint') || formats.includes('uint32') ? 'bigint' : 'double precision')
}

function shapeOfValues(values: readonly unknown[]): ColumnShape {
  const given = values.filter((value) => value !== null && value !== undefined)
  const nulls = { undefined: values.includes(undefined), null: values.includes(null) }
  const all = (type: string): boolean => given.length > 0 && given.every((value) => typeof value === type)
  if (all('string')) return { ...scalar('text', given.map(String)), ...nulls }
  if (all('boolean')) return { ...scalar('boolean'), ...nulls }
  if (all('bigint') || (all('number') && given.every((value) => Number.isSafeInteger(value)))) return { ...scalar('bigint'), ...nulls }
  if (all('number')) return { ...scalar('double precision'), ...nulls }
  return { ...scalar('jsonb'), ...nulls }
}

function shapeOfUnion(options: readonly z.core.$ZodType[]): ColumnShape {
  const others = options.filter((option) => !(option instanceof z.ZodNull) && !(option instanceof z.ZodUndefined))
  const nulls = { undefined: options.some((one) => one instanceof z.ZodUndefined), null: options.some((one) => one instanceof z.ZodNull) }
  const [only] = others
  if (others.length !== 1 || only === undefined) return { ...scalar('jsonb'), ...nulls }
  const shape = shapeOf(only)
  return { ...shape, undefined: nulls.undefined || shape.undefined, null: nulls.null || shape.null }
}

function shapeOfArray(element: z.core.$ZodType): ColumnShape {
  const inner = shapeOf(element)
  // Postgres' arrays are rectangular; arrays of arrays need not be.
  return inner.array || inner.type === 'jsonb' ? scalar('jsonb') : { ...scalar(inner.type, inner.allowed), array: true }
}

function shapeOfKind(schema: z.core.$ZodType): ColumnShape {
  if (schema instanceof z.ZodOptional) return { ...shapeOf(schema.def.innerType), undefined: true }
  if (schema instanceof z.ZodNullable) return { ...shapeOf(schema.def.innerType), null: true }
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodNonOptional) {
    return { ...shapeOf(schema.def.innerType), undefined: false }
  }
  if (schema instanceof z.ZodReadonly || schema instanceof z.ZodCatch) return shapeOf(schema.def.innerType)
  if (schema instanceof z.ZodPipe) return shapeOf(schema.def.out)
  if (schema instanceof z.ZodNumber) return shapeOfNumber(schema)
  if (schema instanceof z.ZodBigInt) return scalar('bigint')
  if (schema instanceof z.ZodBoolean) return scalar('boolean')
  if (schema instanceof z.ZodDate) return scalar('timestamp with time zone')
  if (schema instanceof z.ZodEnum) return shapeOfValues(schema.options)
  if (schema instanceof z.ZodLiteral) return shapeOfValues([...schema.values])
  if (schema instanceof z.ZodTemplateLiteral) return scalar('text')
  if (schema instanceof z.ZodArray) return shapeOfArray(schema.def.element)
  if (schema instanceof z.ZodUnion) return shapeOfUnion(schema.def.options)
  if (schema instanceof z.ZodAny || schema instanceof z.ZodUnknown) return { ...scalar('jsonb'), undefined: true, null: true }
  if (
    schema instanceof z.ZodObject ||
    schema instanceof z.ZodRecord ||
    schema instanceof z.ZodTuple ||
    schema instanceof z.ZodIntersection ||
    schema instanceof z.ZodLazy
  ) {
    return scalar('jsonb')
  }
  if (schema instanceof z.core.$ZodStringFormat) return scalar(formatTypes[schema._zod.def.format] ?? 'text')
  if (schema instanceof z.core.$ZodString) return scalar('text')
  throw new DefinitionError(
    `is a ${schema._zod.def.type}, which has no column type. Say one with .meta({ postgres: '…' }), or pipe it to a schema that has one.`,
  )
}

function metaOf(schema: z.core.$ZodType): { readonly postgres?: unknown; readonly description?: unknown } {
  return z.globalRegistry.get(schema) ?? {}
}

function unknownShape(schema: z.core.$ZodType): ColumnShape {
  try {
    return shapeOfKind(schema)
  } catch (error) {
    if (error instanceof DefinitionError) return scalar('text')
    throw error
  }
}

/**
 * What column a schema needs.
 * @throws DefinitionError, without the field's name, when it has none.
 */
export function shapeOf(schema: z.core.$ZodType): ColumnShape {
  const { postgres } = metaOf(schema)
  if (postgres === undefined) return shapeOfKind(schema)
  if (typeof postgres !== 'string') throw new DefinitionError(`says .meta({ postgres: … }) with something that is not text.`)
  const said = postgresType(postgres)
  const { undefined: missing, null: none, allowed } = unknownShape(schema)
  return { ...said, undefined: missing, null: none, ...(allowed === undefined ? {} : { allowed }) }
}

/** The outermost description in a schema and what it wraps. */
export function descriptionOf(schema: z.core.$ZodType): string | undefined {
  const { description } = metaOf(schema)
  if (typeof description === 'string') return description
  const def: object = schema._zod.def
  const inner = 'innerType' in def ? def.innerType : 'out' in def ? def.out : undefined
  return inner instanceof z.core.$ZodType ? descriptionOf(inner) : undefined
}
