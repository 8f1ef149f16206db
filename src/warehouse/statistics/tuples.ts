/** Rows that are looked at together: where their values are then fits into the processor's nearest cache. */
export const blockRows = 512

/** From the first of one column's to the first of the next one's. No power of two: all columns' would compete for one place in the cache. */
export const stride = blockRows + 16

/** Where the values of some rows of a binary COPY stream begin, one column after the other. */
export interface Block {
  readonly columns: number
  rows: number
  /** How many of each column's are not NULL. */
  readonly values: Int32Array
  /** Those of the column c begin at c * stride. A value's length stands in the four bytes before it. */
  readonly starts: Int32Array
}

export function createBlock(columns: number): Block {
  return { columns, rows: 0, values: new Int32Array(columns), starts: new Int32Array(columns * stride) }
}

/**
 * Finds the values of the next rows.
 * @param from where the first row begins
 * @returns where the next row begins: one that is not all there, or the stream's end, if the block is not full
 */
export function findValues(block: Block, view: DataView, from: number): number {
  const { columns, values, starts } = block
  const end = view.byteLength
  values.fill(0)
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
      if (length >= 0) {
        const count = values[column] as number
        starts[column * stride + count] = at
        values[column] = count + 1
        at += length
        if (at > end) break
      }
    }
    if (column < columns) {
      takeBack(block, row)
      break
    }
    row = at
  }
  block.rows = rows
  return row
}

/** Takes back the values of a row that is not all there. */
function takeBack({ columns, values, starts }: Block, row: number): void {
  for (let column = 0; column < columns; column += 1) {
    const count = values[column] as number
    if (count > 0 && (starts[column * stride + count - 1] as number) > row) values[column] = count - 1
  }
}
