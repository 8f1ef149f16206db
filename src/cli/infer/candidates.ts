import * as z from 'zod'
import type { ColumnSpec } from '../../definitions/column-spec.ts'
import { shapeOf } from '../../definitions/column-shape.ts'
import { inet } from '../../definitions/column-types.ts'
import { readDecimal } from '../../definitions/decimal-text.ts'
import { readerOf } from '../../definitions/from-text.ts'
import { nativeWriter } from '../../warehouse/encoder/native-writer.ts'
import { createSink } from '../../warehouse/encoder/sink.ts'
import type { ValueKind } from './profile.ts'

export type CandidateKind =
  | 'boolean'
  | 'int32'
  | 'int'
  | 'bigint'
  | 'decimal'
  | 'number'
  | 'date'
  | 'moment'
  | 'time'
  | 'uuid'
  | 'guid'
  | 'inet'
  | 'json'
  | 'text'

/** A type that a column may have, and what its values were as that type. */
export interface Candidate {
  readonly kind: CandidateKind
  /** Whether the value is one of the type: asked of the very code that will read and write it. */
  readonly take: (value: unknown) => boolean
  /** Values that were none. */
  misses: number
  /** The row of the first of them. */
  firstMiss: number | undefined
  readonly facts: Facts
}

/** What matters of the values for how the type is written down. */
export interface Facts {
  min: number | bigint | string | undefined
  max: number | bigint | string | undefined
  /** Most digits before and after the point. */
  whole: number
  scale: number
  exponent: boolean
  /** Of dates with a time: some had an offset besides `Z`, some had neither. */
  offset: boolean
  local: boolean
  /** Of JSON: some were objects, some arrays. */
  objects: boolean
  arrays: boolean
  /** Of decimals: some came as text, some of them with a point. */
  texts: boolean
  points: boolean
}

const schemas: Readonly<Partial<Record<CandidateKind, z.core.$ZodType>>> = {
  boolean: z.boolean(),
  int32: z.int32(),
  int: z.int(),
  bigint: z.bigint(),
  number: z.number(),
  date: z.iso.date(),
  moment: z.iso.datetime({ offset: true, local: true }),
  time: z.iso.time(),
  uuid: z.uuid(),
  guid: z.guid(),
  inet: inet(),
  json: z.json(),
  text: z.string(),
}

const kinds: readonly CandidateKind[] = [
  'boolean',
  'int32',
  'int',
  'bigint',
  'decimal',
  'number',
  'date',
  'moment',
  'time',
  'uuid',
  'guid',
  'inet',
  'json',
  'text',
]

/** Every type, from the narrowest. */
export function candidatesOf(values: ValueKind): Candidate[] {
  return kinds.map((kind) => {
    const facts: Facts = {
      min: undefined,
      max: undefined,
      whole: 0,
      scale: 0,
      exponent: false,
      offset: false,
      local: false,
      objects: false,
      arrays: false,
      texts: false,
      points: false,
    }
    return { kind, facts, take: takerOf(kind, values, facts), misses: 0, firstMiss: undefined }
  })
}

function takerOf(kind: CandidateKind, values: ValueKind, facts: Facts): Candidate['take'] {
  if (kind === 'decimal') return decimalTaker(values, facts)
  const schema = schemas[kind] ?? z.string()
  const { type } = shapeOf(schema)
  const column: ColumnSpec = { name: kind, field: kind, type, array: false, nullable: true }
  const writer = nativeWriter(schema, column)
  const read = values === 'text' ? readerOf(schema) : undefined
  const sink = createSink()
  const note = noteOf(kind, facts)
  return (value) => {
    sink.at = 0
    const one = read === undefined || typeof value !== 'string' ? value : read(value)
    if (kind === 'json' && (typeof one !== 'object' || one === null)) return false
    if (writer?.write(sink, one) !== true) return false
    note(one, value)
    return true
  }
}

function noteOf(kind: CandidateKind, facts: Facts): (read: unknown, given: unknown) => void {
  if (kind === 'json') {
    return (read) => {
      if (Array.isArray(read)) facts.arrays = true
      else facts.objects = true
    }
  }
  if (kind === 'moment') {
    return (read) => {
      const zone = /(?:Z|([+-]\d{2}:?\d{2}))$/.exec(String(read).slice(16))
      if (zone === null) facts.local = true
      else if (zone[1] !== undefined) facts.offset = true
      extend(facts, String(read))
    }
  }
  if (['int32', 'int', 'bigint', 'number', 'date'].includes(kind)) {
    return (read, given) => {
      if (kind === 'number' && /e/i.test(String(given))) facts.exponent = true
      if (typeof read === 'number' || typeof read === 'bigint' || typeof read === 'string') extend(facts, read)
    }
  }
  return () => undefined
}

function extend(facts: Facts, value: number | bigint | string): void {
  if (facts.min === undefined || value < facts.min) facts.min = value
  if (facts.max === undefined || value > facts.max) facts.max = value
}

// A number as people and programs write one: no leading zeros, no exponent.
const plainNumber = /^[+-]?(?:0|[1-9]\d*)?(?:\.\d+)?$/

function decimalTaker(values: ValueKind, facts: Facts): Candidate['take'] {
  return (value) => {
    if (typeof value !== 'string' && (typeof value !== 'number' || values === 'text')) return false
    const given = typeof value === 'string' && values === 'text' ? value.trim() : value
    if (typeof given === 'string' && !plainNumber.test(given)) return false
    const read = readDecimal(given)
    if (typeof read === 'string') return false
    facts.whole = Math.max(facts.whole, read.whole.length)
    facts.scale = Math.max(facts.scale, read.fraction.length)
    if (typeof given === 'number' && String(given).includes('e')) facts.exponent = true
    if (typeof given === 'string') facts.texts = true
    if (String(given).includes('.')) facts.points = true
    extend(facts, Number(given))
    return true
  }
}
