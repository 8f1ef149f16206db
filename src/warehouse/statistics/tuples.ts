/** Rows that are looked at together: where their values are then fits into the processor's nearest cache. */
export const blockRows = 512

/** From the first of one column's to the first of the next one's. No power of two: all columns' would compete for one place in the cache. */
export const stride = blockRows + 16

/** Where the values of some rows of a binary COPY stream begin, one column after the other. */
export interface Block {
  readonly columns: number
  rows: number
  /** Those of the column c begin at c * stride; a value's length stands in the four bytes before it. */
  readonly starts: Int32Array
  /** Where those of each column end in `starts`. What is NULL has no place there. */
  readonly ends: Int32Array
}

export function createBlock(columns: number): Block {
  return { columns, rows: 0, starts: new Int32Array(columns * stride), ends: new Int32Array(columns) }
}

/**
 * Finds the values of the next rows.
 * @param from where the first row begins
 * @returns where the next row begins: one that is not all there, or the stream's end, if the block is not full
 */
export function findValues(block: Block, view: DataView, from: number): number {
  const { columns, starts, ends } = block
  const end = view.byteLength
  for (let column = 0; column < columns; column += 1) ends[column] = column * stride
  let rows = 0
  let row = from
  for (; rows < blockRows; rows += 1) {
    if (row + 2 > end || view.getInt16(row) !== columns) break
    let at = row + 2
    let column = 0
    for (; column < columns; column += 1) {
      if (at + 4 > end) break
      const length = view.getInt32(at)
      at += 4
      const place = ends[column] as number
      starts[place] = at
      // No branch: which values are NULL is not to be guessed. -1 where this one is, else 0.
      const none = length >> 31
      ends[column] = place + 1 + none
      at += length & ~none
    }
    if (column < columns || at > end) {
      takeBack(block, row)
      break
    }
    row = at
  }
  block.rows = rows
  return row
}

/** Takes back the values of a row that is not all there. */
function takeBack({ columns, starts, ends }: Block, row: number): void {
  for (let column = 0; column < columns; column += 1) {
    const last = (ends[column] as number) - 1
    if (last >= column * stride && (starts[last] as number) > row) ends[column] = last
  }
}
