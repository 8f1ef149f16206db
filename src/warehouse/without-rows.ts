import { rowsOf } from './encoded-rows.ts'
import type { EncodedStream } from './encoded-rows.ts'

/**
 * A stream without some of its rows: what stays moves together in the bytes given, which are changed.
 * @param taken their numbers, ascending, each once
 */
export function withoutRows(stream: EncodedStream, taken: readonly number[]): Uint8Array {
  const { view, start } = rowsOf(stream)
  let end = start(taken[0] ?? stream.rows)
  for (const [index, row] of taken.entries()) {
    const next = taken[index + 1]
    // Behind the last row comes the stream's end.
    const [from, to] = [start(row + 1), next === undefined ? view.length : start(next)]
    view.copyWithin(end, from, to)
    end += to - from
  }
  return view.subarray(0, taken.length === 0 ? view.length : end)
}
