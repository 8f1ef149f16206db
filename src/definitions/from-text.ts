import * as z from 'zod'
import { shapeOf } from './column-shape.ts'
import { anObject, anObjectSchema, aText, texts } from './option-kinds.ts'
import { refuseWrong, refuseWrongValue } from './option-shape.ts'
import type { OptionShape } from './option-shape.ts'
import { readBigInt, readBoolean, readJson, readMoment, readNumber, readWhole } from './text-values.ts'
import type { TextReader } from './text-values.ts'

export interface FromTextOptions<Columns extends z.ZodObject> {
  /** What the record calls a field, where it is another name: `{ shipMode: 'Ship Mode' }`. */
  readonly names?: { readonly [Field in keyof z.input<Columns>]?: string }
  /** Texts that mean NULL besides the empty one, in columns that may be NULL and are not text: `['NA']`. */
  readonly nulls?: readonly string[]
}

const optionShape: OptionShape<FromTextOptions<z.ZodObject>> = { names: anObject("{ shipMode: 'Ship Mode' }"), nulls: texts('NA') }

/** What records may call the fields of columns. */
const namesShape = ({ shape }: z.ZodObject) => Object.fromEntries(Object.keys(shape).map((field) => [field, aText('Ship Mode')]))

/** How a column is read from the text of a record. */
export interface TextReading {
  /** What the record calls it. */
  readonly name: string
  readonly read: TextReader
  /** Whether a text is the value itself, but for the empty one, white space around it and how it is written. */
  readonly asItIs: boolean
}

/** What the transforms of `fromText` do, by field, for whoever reads texts without making records of them. */
export const textReadings = new WeakMap<object, ReadonlyMap<string, TextReading>>()

/**
 * A transform for records whose values are all text, as those of CSV are: each is read as its column's type wants it.
 * Nothing is guessed: what is no number, date or boolean stays text, and the record goes where records go that do not fit, with that column named.
 * The empty text is NULL where the column may be NULL. Values that are not text pass through.
 * @throws DefinitionError for options that cannot be, and for the name of a field that is no column
 */
export function fromText<Columns extends z.ZodObject>(
  columns: Columns,
  options: FromTextOptions<Columns> = {},
): (record: Readonly<Record<string, unknown>>) => z.input<Columns> {
  refuseWrongValue('The columns of fromText()', columns, anObjectSchema)
  refuseWrong('fromText()', options, optionShape)
  const { names = {}, nulls = [] } = options
  refuseWrong('The names of fromText()', names, namesShape(columns))
  const nothing = new Set(nulls)
  const given = new Map<string, string | undefined>(Object.entries(names))
  const fields = Object.entries<z.core.$ZodType>(columns.shape).map(([field, schema]) => ({
    field,
    name: given.get(field) ?? field,
    read: readerOf(schema, nothing),
  }))
  const transform = (record: Readonly<Record<string, unknown>>): z.input<Columns> => {
    const row: Record<string, unknown> = {}
    for (const { field, name, read } of fields) {
      const value = record[name]
      row[field] = typeof value === 'string' ? read(value) : value
    }
    return row as z.input<Columns>
  }
  textReadings.set(transform, new Map(fields.map(({ field, name, read }) => [field, { name, read, asItIs: nothing.size === 0 }])))
  return transform
}

/**
 * A transform for records whose fields go by other names than the columns': `fromNames(Order, { shipMode: 'Ship Mode' })`. Values stay as they are.
 * @throws DefinitionError for the name of a field that is no column
 */
export function fromNames<Columns extends z.ZodObject>(
  columns: Columns,
  names: { readonly [Field in keyof z.input<Columns>]?: string },
): (record: Readonly<Record<string, unknown>>) => z.input<Columns> {
  refuseWrongValue('The columns of fromNames()', columns, anObjectSchema)
  refuseWrong('fromNames()', names, namesShape(columns))
  const given = new Map<string, string | undefined>(Object.entries(names))
  const fields = Object.keys(columns.shape).map((field) => [field, given.get(field) ?? field] as const)
  return (record) => Object.fromEntries(fields.map(([field, name]) => [field, record[name]])) as z.input<Columns>
}

/** How the text of one column is read. */
export function readerOf(schema: z.core.$ZodType, nulls: ReadonlySet<string> = new Set()): TextReader {
  const { type, array, null: takesNull, undefined: takesNothing } = shapeOf(schema)
  const empty = takesNull ? null : takesNothing ? undefined : ''
  const inner = innerOf(schema)
  const read = array ? arrayReader : readerOfType(type, inner)
  if (read === undefined) return (text) => (text === '' ? empty : text)
  const mayBeNothing = takesNull || takesNothing
  return (text) => {
    const trimmed = text.trim()
    if (trimmed === '') return empty
    if (mayBeNothing && nulls.has(trimmed)) return empty
    return read(trimmed) ?? text
  }
}

function innerOf(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodPipe) return innerOf(schema.def.in)
  const wraps =
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodReadonly ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodCatch ||
    schema instanceof z.ZodNonOptional
  return wraps ? innerOf(schema.def.innerType) : schema
}

const same: TextReader = (text) => text
const arrayReader: TextReader = (text) => (text.startsWith('[') ? readJson(text) : undefined)

/** Undefined for columns of text, whose every character counts. */
function readerOfType(type: string, schema: z.core.$ZodType): TextReader | undefined {
  if (schema instanceof z.ZodNumber) return /^(?:integer|bigint|smallint)$/.test(type) ? readWhole : readNumber
  if (schema instanceof z.ZodBigInt) return readBigInt
  if (schema instanceof z.ZodBoolean) return readBoolean
  if (schema instanceof z.ZodDate) return readDate
  if (type.startsWith('timestamp')) return readMoment
  if (type === 'jsonb' || type === 'json') return readJson
  return /^(?:text|citext|character|name\b)/.test(type) ? undefined : same
}

function readDate(text: string): Date | undefined {
  const date = new Date(readMoment(text) ?? text)
  return Number.isNaN(date.getTime()) ? undefined : date
}
