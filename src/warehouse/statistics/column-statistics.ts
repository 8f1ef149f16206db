import type { ColumnSpec } from '../../definitions/column-spec.ts'
import type { BatchPart } from './batch-part.ts'
import { registers } from './distinct.ts'
import { keepRaw, noNumber, orderRaw } from './raw-value.ts'
import { noneSeen, scannerOf } from './scan-column.ts'
import type { Known, ScanColumn } from './scan-column.ts'
import { textKindOf, tuplesOfText } from './text-tuples.ts'
import { blockRows, createBlock, findValues, stride } from './tuples.ts'
import { kindOf } from './value-kind.ts'
import type { ValueKind } from './value-kind.ts'

// Signature, flags, and the length of an extension that nobody writes.
const headerBytes = 19

/** Of a wide table, only the first columns' distinct values are estimated: a batch of it has few rows, and each column costs a sketch. */
const mostSketched = 200

/** Takes what nobody asks for: a loop that also meets sketches of another length is slower for all columns. */
const unread = new Uint8Array(registers)

interface Column {
  readonly spec: ColumnSpec
  readonly kind: ValueKind
  readonly index: number
  readonly scan: ScanColumn | undefined
  readonly known: Known
  nulls: number
  least: Buffer | undefined
  greatest: Buffer | undefined
}

/** Looks at the rows of one batch as they go to Postgres. */
export interface BatchStatistics {
  /** The next bytes of the batch's COPY stream, cut wherever. */
  add(piece: Uint8Array): void
  /** What was seen. Ask once. */
  part(): BatchPart
}

/**
 * Statistics of the columns of one COPY stream. They are taken from the encoded bytes and not from the records, so that rows that are never parsed
 * count too.
 * @param columns those of the stream, in its order; undefined where a column's values are not to be looked at
 */
export function columnStatistics(columns: readonly (ColumnSpec | undefined)[], format: 'binary' | 'text'): BatchStatistics {
  const of = format === 'text' ? textKindOf : kindOf
  const kinds = columns.map((spec) => (spec === undefined ? 'counted' : of(spec)))
  const watched = columns.flatMap((spec, index): Column[] => {
    if (spec === undefined) return []
    const kind = of(spec)
    const scan = scannerOf(kind)
    const sketch = scan === undefined || index >= mostSketched ? unread : new Uint8Array(registers)
    const known = { least: -1, greatest: -1, noNumbers: 0, sketch, seen: noneSeen() }
    return [{ spec, kind, index, scan, known, nulls: 0, least: undefined, greatest: undefined }]
  })
  const block = createBlock(columns.length)
  let rows = 0
  let begun = false
  let rest: Uint8Array | undefined

  function addTuples(piece: Uint8Array, from: number): number {
    const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength)
    let at = from
    do {
      at = findValues(block, view, at)
      rows += block.rows
      for (const column of watched) {
        const first = column.index * stride
        const to = block.ends[column.index] ?? first
        column.nulls += block.rows - (to - first)
        if (to > first) column.scan?.({ view, starts: block.starts, from: first, to }, column.known)
      }
    } while (block.rows === blockRows)
    for (const column of watched) keep(column, piece, view)
    return at
  }

  return {
    add(piece) {
      const bytes = rest === undefined ? piece : Buffer.concat([rest, piece])
      rest = undefined
      if (format === 'text') {
        const end = bytes.lastIndexOf(0x0a) + 1
        if (end > 0) addTuples(tuplesOfText(bytes.subarray(0, end), kinds), 0)
        rest = restOf(bytes, end)
        return
      }
      if (!begun && bytes.length < headerBytes) {
        rest = Buffer.from(bytes)
        return
      }
      const end = addTuples(bytes, begun ? 0 : headerBytes)
      begun = true
      rest = restOf(bytes, end)
    },
    part: () => ({
      rows,
      columns: watched.map(({ spec, nulls, least, greatest, known }) => ({
        name: spec.name,
        type: spec.type,
        array: spec.array,
        nulls,
        least,
        greatest,
        sketch: known.sketch === unread ? new Uint8Array(0) : known.sketch,
      })),
    }),
  }
}

/** What of a piece is to be read with the next one. A copy: the piece may lie in a buffer that is used again. */
function restOf(bytes: Uint8Array, end: number): Uint8Array | undefined {
  return end === bytes.length ? undefined : Buffer.from(bytes.subarray(end))
}

/** Keeps the least and the greatest value of a piece beside those of the pieces before. */
function keep(column: Column, piece: Uint8Array, view: DataView): void {
  const { kind, known } = column
  const at = (start: number): Buffer[] => (start < 0 ? [] : [keepRaw(piece, start, view.getInt32(start - 4), kind)])
  const alien = known.noNumbers > 0 ? noNumber[kind] : undefined
  for (const one of [...at(known.least), ...(alien === undefined ? [] : [alien])]) {
    if (column.least === undefined || orderRaw(kind, one, column.least) < 0) column.least = one
  }
  for (const one of [...at(known.greatest), ...(alien === undefined ? [] : [alien])]) {
    if (column.greatest === undefined || orderRaw(kind, one, column.greatest) > 0) column.greatest = one
  }
  known.least = -1
  known.greatest = -1
}
