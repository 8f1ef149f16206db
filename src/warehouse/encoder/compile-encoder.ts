import * as z from 'zod'
import type { ColumnSpec } from '../../definitions/column-spec.ts'
import { issuesOf } from '../../definitions/issues.ts'
import type { SchemaMode } from '../../definitions/schema-contract.ts'
import type { ColumnLimit } from '../column-limits.ts'
import { compileCell } from './cell.ts'
import type { Cell } from './cell.ts'
import { describeValue } from './cell-writer.ts'
import { createJsonRow } from './json-row.ts'
import { limitedCell } from './limited-cell.ts'
import { hasBinaryForm } from './postgres-types.ts'
import type { ColumnIssue, RowEncoder, RowMark } from './row-encoder.ts'
import { createRowGuard } from './row-guard.ts'
import type { RowGuard } from './row-guard.ts'
import { createSink, reserve, restSink } from './sink.ts'
import type { Sink } from './sink.ts'
import { binaryFormat, textFormat } from './stream-format.ts'
import type { StreamFormat } from './stream-format.ts'
import { createTextRow } from './text-row.ts'

type Row = Readonly<Record<string, unknown>>

function issueOf(column: string, message: string, value: unknown): ColumnIssue {
  return { column, message: message.toWellFormed().replaceAll('\0', '\u2400'), value: describeValue(value) }
}

/** Whether the object itself checks more than its fields: refinements, or unknown keys. */
export function needsWholeRow({ def }: z.ZodObject): boolean {
  const { checks, catchall } = def
  return (checks !== undefined && checks.length > 0) || (catchall !== undefined && !(catchall instanceof z.ZodUnknown))
}

/** Writes the values of one row. */
interface RowWriter {
  /** Null when all went well. */
  readonly write: (sink: Sink, row: Row) => ColumnIssue[] | null
  /** How many of its fields the row just written had; undefined where they were not counted. */
  readonly present: number | undefined
}

function eachField(cells: readonly Cell[], format: StreamFormat): RowWriter {
  const count = cells.length
  const fields = cells.map(({ column }) => column.field)
  const writes = cells.map(({ write }) => write)
  const { betweenCells } = format
  const explain = (row: Row, index: number): ColumnIssue => {
    const cell = cells[index]
    const value = row[fields[index] ?? '']
    return issueOf(cell?.column.name ?? '', cell?.explain(value) ?? '', value)
  }
  let present = 0
  return {
    get present() {
      return present
    },
    write(sink, row) {
      let issues: ColumnIssue[] | null = null
      let found = 0
      for (let index = 0; index < count; index++) {
        if (betweenCells !== undefined && index > 0) betweenCells(sink)
        const value = row[fields[index] ?? '']
        if (value !== undefined) found++
        if (writes[index]?.(sink, value) !== true) (issues ??= []).push(explain(row, index))
      }
      present = found
      return issues
    },
  }
}

function wholeRow(schema: z.ZodObject, cells: readonly Cell[], format: StreamFormat): RowWriter {
  const byField = eachField(cells, format)
  const names = new Map<PropertyKey, string>(cells.map(({ column }) => [column.field, column.name]))
  const refused = (sink: Sink, row: Row, found: readonly z.core.$ZodIssue[]): ColumnIssue[] => {
    const issues = byField.write(sink, row) ?? []
    const named = new Set(issues.map(({ column }) => column))
    for (const issue of found) {
      const [first = '', ...path] = issue.path
      const column = names.get(first)
      if (column !== undefined && named.has(column)) continue
      const value = column === undefined ? row : row[String(first)]
      issues.push(issueOf(column ?? '(row)', issuesOf({ issues: [column === undefined ? issue : { ...issue, path }] }), value))
    }
    return issues
  }
  const write = (sink: Sink, row: Row): ColumnIssue[] | null => {
    let result: z.ZodSafeParseResult<Row>
    try {
      result = schema.safeParse(row)
    } catch (error) {
      return [issueOf('(row)', `its schema threw: ${error instanceof Error ? error.message : String(error)}`, row)]
    }
    if (!result.success) return refused(sink, row, result.error.issues)
    const { data } = result
    const issues: ColumnIssue[] = []
    for (const [index, cell] of cells.entries()) {
      if (index > 0) format.betweenCells?.(sink)
      const value = data[cell.column.field]
      if (!cell.writeParsed(sink, value)) issues.push(issueOf(cell.column.name, cell.explainParsed(value), value))
    }
    return issues.length === 0 ? null : issues
  }
  return { write, present: undefined }
}

export interface EncoderOptions {
  /** What the table cannot take, where its contract leaves it as it is. Default: nothing. */
  readonly limits?: readonly ColumnLimit[]
  /** What happens to fields that the schema does not have. Default `evolve`: they are left out, and counted. */
  readonly unknownFields?: SchemaMode
}

/**
 * An encoder for one table, to be made once and used for many batches.
 * @param columns of the table's spec, in the order that COPY will name them, as far as the table takes them
 * @param schema the zod object that the columns were derived from
 */
export function compileEncoder(
  columns: readonly ColumnSpec[],
  schema: z.ZodObject,
  { limits = [], unknownFields = 'evolve' }: EncoderOptions = {},
): RowEncoder {
  const kind = columns.every(hasBinaryForm) ? 'binary' : 'text'
  const format = kind === 'binary' ? binaryFormat(columns.length) : textFormat
  const guard = createRowGuard({ schema, limits, unknownFields })
  const cells = columns.map((column) => {
    const type = schema.shape[column.field]
    if (type === undefined) throw new TypeError(`The column ${column.name} comes from the field ${column.field}, which the schema has not.`)
    const limit = limits.find(({ name }) => name === column.name)
    if (limit === undefined) return compileCell(type, column, format)
    return limitedCell({ schema: type, column, limit, format, onDiscard: (name) => guard.discard(name) })
  })
  const whole = needsWholeRow(schema)
  const writer = whole ? wholeRow(schema, cells, format) : eachField(cells, format)
  const bytesCells = whole || limits.length > 0 ? undefined : cells
  return createRowEncoder({ kind, format, writer, guard, bytesCells })
}

interface RowEncoderParts {
  readonly kind: RowEncoder['format']
  readonly format: StreamFormat
  readonly writer: RowWriter
  readonly guard: RowGuard
  /** Of which rows can be written from bytes; undefined where they cannot be but from objects. */
  readonly bytesCells: readonly Cell[] | undefined
}

function createRowEncoder({ kind, format, writer, guard, bytesCells }: RowEncoderParts): RowEncoder {
  const jsonRow = bytesCells === undefined ? undefined : createJsonRow(bytesCells, format, guard.takesUnknown)
  const sink = createSink()
  let rows = 0
  let begun = false

  function begin(): void {
    if (begun) return
    begun = true
    append(format.header)
  }
  function append(bytes: Uint8Array): void {
    reserve(sink, bytes.length)
    sink.bytes.set(bytes, sink.at)
    sink.at += bytes.length
  }
  function take(): Uint8Array {
    const taken = sink.bytes.subarray(0, sink.at)
    // A buffer that is mostly used is handed over; else it is copied, so that a small rest does not hold a large buffer.
    const given = sink.at * 2 > sink.bytes.length ? taken : Buffer.from(taken)
    if (given === taken) sink.bytes = Buffer.allocUnsafeSlow(sink.bytes.length)
    sink.at = 0
    return given
  }

  function mark(): RowMark {
    begin()
    return { at: sink.at, rows, notes: guard.mark(), unknown: guard.unknownNames.length }
  }
  function back(to: RowMark): void {
    sink.at = to.at
    rows = to.rows
    guard.rollBack(to.notes)
    guard.unknownNames.length = to.unknown
  }

  function encodeOne(row: unknown): readonly ColumnIssue[] | null {
    if (typeof row !== 'object' || row === null || Array.isArray(row)) {
      return [issueOf('(row)', `is not an object but ${row === null ? 'null' : Array.isArray(row) ? 'an array' : typeof row}`, row)]
    }
    begin()
    const start = sink.at
    format.beginRow(sink)
    const inHand = guard.mark()
    const wrong = writer.write(sink, row as Row)
    const more = guard.inspect(row as Row, writer.present)
    if (wrong !== null || more !== null) {
      sink.at = start
      guard.rollBack(inHand)
      return [...(wrong ?? []), ...(more ?? [])]
    }
    format.endRow(sink)
    rows++
    return null
  }

  return {
    format: kind,
    get rows() {
      return rows
    },
    get bufferedBytes() {
      return sink.at
    },
    encode(row) {
      const issues = encodeOne(row)
      if (issues === null) guard.commit()
      return issues
    },
    encodeAll(all) {
      const before = mark()
      for (const row of all) {
        const issues = encodeOne(row)
        if (issues === null) continue
        back(before)
        return issues
      }
      guard.commit()
      return null
    },
    readsBytes: jsonRow !== undefined,
    encodeJson(bytes, at) {
      if (jsonRow === undefined) return -1
      begin()
      const start = sink.at
      format.beginRow(sink)
      const end = jsonRow.write(sink, bytes, at)
      if (end < 0) {
        sink.at = start
        return -1
      }
      format.endRow(sink)
      if (jsonRow.unknown.length > 0) guard.unknownNames.push(...jsonRow.unknown)
      rows++
      return end
    },
    textRow: (sourceOf, quote) => (bytesCells === undefined ? undefined : createTextRow(bytesCells, format, sourceOf, quote)),
    encodeText(row, values) {
      begin()
      const start = sink.at
      format.beginRow(sink)
      if (!row.write(sink, values)) {
        sink.at = start
        return false
      }
      format.endRow(sink)
      rows++
      return true
    },
    meet(record) {
      if (typeof record === 'object' && record !== null && !Array.isArray(record)) jsonRow?.meet(record)
    },
    mark,
    back,
    notes: () => guard.take(),
    addTuples(tuples, count) {
      if (kind !== 'binary') throw new TypeError('Tuples of binary COPY do not go into a stream of text.')
      begin()
      append(tuples)
      rows += count
    },
    take,
    finish() {
      begin()
      append(format.trailer)
      // In the encoder's own buffer, which the next stream writes over: a copy of every batch would be garbage of megabytes.
      const left = sink.bytes.subarray(0, sink.at)
      sink.at = 0
      rows = 0
      begun = false
      return left
    },
    rest: () => restSink(sink),
  }
}
