import * as z from 'zod'
import type { ColumnSpec } from '../../definitions/column-spec.ts'
import { shapeOf } from '../../definitions/column-shape.ts'
import { issuesOf } from '../../definitions/issues.ts'
import { array } from './array.ts'
import type { ArrayElements, CellWriter, FromBytes } from './cell-writer.ts'
import { nativeWriter } from './native-writer.ts'
import { opaque } from './opaque.ts'
import { oidOf, writerOf } from './postgres-types.ts'
import type { Sink } from './sink.ts'
import { text } from './text.ts'

/** How one column's values are checked and written. */
export interface Cell {
  readonly column: ColumnSpec
  /** Checks a value of the record and writes it, NULL included. */
  readonly write: (sink: Sink, value: unknown) => boolean
  /** What is wrong with a value that `write` refused. */
  readonly explain: (value: unknown) => string
  /** Writes what zod put out, without asking it again. */
  readonly writeParsed: (sink: Sink, value: unknown) => boolean
  readonly explainParsed: (value: unknown) => string
  /** Whether `write` goes without zod. */
  readonly native: boolean
  /** How values are written as they lie in a source's bytes; absent where a value must be made of them. */
  readonly fromBytes?: FromBytes
  /** What an array's elements are, where the column is one that goes without zod. */
  readonly elements?: ArrayElements
}

/** How a format writes a cell and a NULL. */
export interface CellFormat {
  readonly cell: (writer: CellWriter) => CellWriter['write']
  readonly writeNull: (sink: Sink) => void
  /** How values are written as they lie in a source's bytes. */
  readonly fromBytes: (from: FromBytes) => FromBytes
}

function lenientWriter(column: ColumnSpec): CellWriter {
  const one = column.type === 'citext' ? text : (writerOf(column.type) ?? opaque)
  return column.array ? array(one, oidOf(column.type), { null: true, undefined: true }) : one
}

type Parsed = { readonly success: true; readonly data: unknown } | { readonly success: false; readonly message: string }

/** `safeParse` that a throwing refinement or transform cannot get out of. */
function parseSafely(schema: z.core.$ZodType, value: unknown): Parsed {
  try {
    const result = z.safeParse(schema, value)
    return result.success ? result : { success: false, message: issuesOf(result.error) }
  } catch (error) {
    return { success: false, message: `its schema threw: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** A cell that asks zod of each value. */
export function throughZod(schema: z.core.$ZodType, cell: Pick<Cell, 'column' | 'writeParsed' | 'explainParsed'>): Cell {
  return {
    ...cell,
    native: false,
    write(sink, value) {
      const parsed = parseSafely(schema, value)
      return parsed.success && cell.writeParsed(sink, parsed.data)
    },
    explain(value) {
      const parsed = parseSafely(schema, value)
      return parsed.success ? cell.explainParsed(parsed.data) : parsed.message
    },
  }
}

const missing = 'is null, and the column allows no NULL'

export function compileCell(schema: z.core.$ZodType, column: ColumnSpec, format: CellFormat): Cell {
  const lenient = lenientWriter(column)
  const writeLenient = format.cell(lenient)
  const jsonNull = (column.type === 'jsonb' || column.type === 'json') && !column.array
  const { writeNull } = format

  const writeParsed = (sink: Sink, value: unknown): boolean => {
    if (value === null || value === undefined) {
      if (column.nullable) writeNull(sink)
      // JSON's own null is a value where SQL's is not allowed.
      else return value === null && jsonNull && writeLenient(sink, null)
      return true
    }
    return writeLenient(sink, value)
  }
  const explainParsed = (value: unknown): string => (value === null || value === undefined ? missing : lenient.refusal(value))

  const native = nativeWriter(schema, column)
  if (native === undefined) {
    return throughZod(schema, { column, writeParsed, explainParsed })
  }

  const shape = shapeOf(schema)
  const nullable = column.nullable && shape.null
  const optional = column.nullable && shape.undefined
  const writeNative = format.cell(native)
  return {
    column,
    native: true,
    ...(native.fromBytes === undefined ? {} : { fromBytes: format.fromBytes(native.fromBytes) }),
    ...(native.elements === undefined ? {} : { elements: native.elements }),
    write(sink, value) {
      if (value === null || value === undefined) {
        if (value === null ? nullable : optional) {
          writeNull(sink)
          return true
        }
        // `z.json()` takes null without being nullable.
        return value === null && jsonNull && writeNative(sink, null)
      }
      return writeNative(sink, value)
    },
    explain(value) {
      const parsed = parseSafely(schema, value)
      if (!parsed.success) return parsed.message
      return value === null || value === undefined ? missing : native.refusal(value)
    },
    writeParsed,
    explainParsed,
  }
}
