import type * as z from 'zod'
import type { ColumnSpec } from '../../definitions/column-spec.ts'
import { shapeOf } from '../../definitions/column-shape.ts'
import type { CopyColumn } from '../../definitions/page.ts'
import { cellRule } from './cell-rule.ts'
import { needsWholeRow } from './compile-encoder.ts'
import { typeOidsOf } from './type-oids.ts'

/**
 * Counts the tuples of a page that may go into the table as they are; undefined where one of them may not, or is damaged: then all of the page
 * is parsed, and whoever parses it says why.
 */
export type CountThrough = (tuples: Uint8Array) => number | undefined

/**
 * Whether tuples of binary COPY can go from a source's columns into a table's without being parsed: the same names and types in the same order,
 * and a schema that asks for nothing that the types do not. What Postgres checks (NOT NULL, CHECK) it checks as ever.
 */
export function compileThrough(columns: readonly ColumnSpec[], schema: z.ZodObject, source: readonly CopyColumn[]): CountThrough | undefined {
  if (columns.length !== source.length || needsWholeRow(schema)) return undefined
  const oids = typeOidsOf(columns)
  const rules = columns.map((column, index) => {
    const from = source[index]
    const field = schema.shape[column.field]
    const same = from?.name === column.field && from.oid === oids[index] && from.type === `${column.type}${column.array ? '[]' : ''}`
    return same && field !== undefined ? cellRule(field, column) : undefined
  })
  if (rules.includes(undefined)) return undefined
  const nulls = columns.map((column) => column.nullable && shapeOf(schema.shape[column.field] as z.core.$ZodType).null)
  const count = columns.length
  return (tuples) => {
    const bytes = Buffer.from(tuples.buffer, tuples.byteOffset, tuples.byteLength)
    const end = bytes.length
    let at = 0
    let rows = 0
    for (; at < end; rows += 1) {
      if (at + 2 > end || bytes.readUInt16BE(at) !== count) return undefined
      at += 2
      for (let index = 0; index < count; index += 1) {
        if (at + 4 > end) return undefined
        const length = bytes.readInt32BE(at)
        at += 4
        if (length < 0) {
          if (nulls[index] !== true) return undefined
        } else {
          if (length > end - at || rules[index]?.(bytes, at, length) !== true) return undefined
          at += length
        }
      }
    }
    return rows
  }
}
