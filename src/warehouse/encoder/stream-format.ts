import { binaryArray, textArray } from './array-from-json.ts'
import type { ArrayFromJson } from './array-from-json.ts'
import type { CellFormat } from './cell.ts'
import { putInt16, reserve, writeByte, writeNull, writeTextNull } from './sink.ts'
import type { Sink } from './sink.ts'
import { textFromBytes } from './text-bytes.ts'
import { textCell } from './text-cell.ts'

/** How a COPY stream is written. */
export interface StreamFormat extends CellFormat {
  readonly header: Buffer
  readonly trailer: Buffer
  readonly arrayFromJson: ArrayFromJson
  readonly beginRow: (sink: Sink) => void
  readonly betweenCells: ((sink: Sink) => void) | undefined
  readonly endRow: (sink: Sink) => void
}

// Signature, flags, length of the header's extension.
const binaryHeader = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const binaryTrailer = Buffer.from([0xff, 0xff])

/** Binary COPY of so many columns. */
export function binaryFormat(columns: number): StreamFormat {
  return {
    header: binaryHeader,
    trailer: binaryTrailer,
    cell: (writer) => writer.write,
    fromBytes: (from) => from,
    arrayFromJson: binaryArray,
    writeNull,
    beginRow(sink) {
      reserve(sink, 2)
      putInt16(sink.bytes, sink.at, columns)
      sink.at += 2
    },
    betweenCells: undefined,
    endRow: () => undefined,
  }
}

const [tab, newline] = [0x09, 0x0a]

/** Text COPY. */
export const textFormat: StreamFormat = {
  header: Buffer.alloc(0),
  trailer: Buffer.alloc(0),
  cell: textCell,
  fromBytes: textFromBytes,
  arrayFromJson: textArray,
  writeNull: writeTextNull,
  beginRow: () => undefined,
  betweenCells: (sink) => writeByte(sink, tab),
  endRow: (sink) => writeByte(sink, newline),
}
