/** A whole COPY stream. */
export interface EncodedStream {
  readonly bytes: Uint8Array
  readonly format: 'binary' | 'text'
  readonly rows: number
}

/** The rows of a stream, by their number from 0. */
export interface EncodedRows {
  readonly count: number
  /** Its bytes. */
  readonly view: Buffer
  /** Where one begins, and the one before it ends. Of the row after the last: where the last ends. */
  readonly start: (row: number) => number
  /** A stream of some of them. */
  readonly bytes: (from: number, to: number) => Uint8Array
}

// Signature, flags, length of the header's extension.
const header = 19
const trailer = Buffer.from([0xff, 0xff])

export function rowsOf({ bytes, format, rows }: EncodedStream): EncodedRows {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const ends = format === 'text' ? textEnds(view, rows) : binaryEnds(view, rows)
  const start = (row: number): number => (row === 0 ? (format === 'text' ? 0 : header) : (ends[row - 1] ?? view.length))
  return {
    count: rows,
    view,
    start,
    bytes: (from, to) => {
      const some = view.subarray(start(from), start(to))
      return format === 'text' ? some : Buffer.concat([view.subarray(0, header), some, trailer])
    },
  }
}

/** The encoder escapes line ends, so that each one is a row's. */
function textEnds(view: Buffer, rows: number): number[] {
  const ends: number[] = []
  for (let at = view.indexOf(10); at >= 0 && ends.length < rows; at = view.indexOf(10, at + 1)) ends.push(at + 1)
  return ends
}

function binaryEnds(view: Buffer, rows: number): number[] {
  const ends: number[] = []
  for (let at = header; ends.length < rows;) {
    const cells = view.readInt16BE(at)
    at += 2
    for (let cell = 0; cell < cells; cell += 1) at += 4 + Math.max(0, view.readInt32BE(at))
    ends.push(at)
  }
  return ends
}
