import type { TextReader } from '../../definitions/text-values.ts'
import type { Cell } from './cell.ts'
import type { Sink } from './sink.ts'
import type { StreamFormat } from './stream-format.ts'

/** The values of one row of text: where each begins and ends in the bytes, and what it is: 0 what its bytes say, 1 the same with its quotes doubled, 2 null. */
export interface RowOfText {
  readonly bytes: Buffer
  readonly starts: Int32Array
  readonly ends: Int32Array
  readonly kinds: Uint8Array
}

/** Where a column's text comes from. */
export interface TextSource {
  /** Of the row's values. */
  readonly index: number
  /** Turns the text into the column's value; without one it is the value. */
  readonly read?: TextReader
  /** Whether `read` only says of which type a text is, so that its bytes may be written as they are. */
  readonly asItIs: boolean
}

/** Writes rows of text, of one order of values. */
export interface TextRow {
  /** False where a value does not fit. */
  write(sink: Sink, row: RowOfText): boolean
}

/** @param quote as one character; it stands doubled within values of kind 1 */
export function createTextRow(
  cells: readonly Cell[],
  { betweenCells }: Pick<StreamFormat, 'betweenCells'>,
  sourceOf: (field: string) => TextSource | undefined,
  quote: string,
): TextRow {
  const writes = cells.map((cell) => textCell(cell, sourceOf(cell.column.field), quote))
  return {
    write(sink, row) {
      for (let index = 0; index < writes.length; index++) {
        if (betweenCells !== undefined && index > 0) betweenCells(sink)
        if (writes[index]?.(sink, row) !== true) return false
      }
      return true
    },
  }
}

function textCell(cell: Cell, source: TextSource | undefined, quote: string): (sink: Sink, row: RowOfText) => boolean {
  const { write, fromBytes } = cell
  if (source === undefined) return (sink) => write(sink, undefined)
  const { index, read, asItIs } = source
  const copy = fromBytes !== undefined && asItIs && (read !== undefined || fromBytes.token === 'string') ? fromBytes.write : undefined
  return (sink, { bytes, starts, ends, kinds }) => {
    const kind = kinds[index]
    if (kind === 2) return write(sink, null)
    const start = starts[index] ?? 0
    const end = ends[index] ?? 0
    // The empty text may mean that there is no value.
    if (copy !== undefined && kind === 0 && end > start && copy(sink, bytes, start, end)) return true
    const text = bytes.toString('utf8', start, end)
    const value = kind === 1 ? text.replaceAll(quote + quote, quote) : text
    return write(sink, read === undefined ? value : read(value))
  }
}
