import type { ColumnIssue, RowEncoder, RowMark } from '../warehouse/encoder/row-encoder.ts'
import type { Refusal } from '../warehouse/refusal.ts'

/** Takes back the rows that a record just added where Postgres refused one of them, and says why. Undefined where it refused none at all. */
export function refusalsOf(refused: readonly Refusal[]): ((encoder: RowEncoder, before: RowMark) => ColumnIssue[] | null) | undefined {
  if (refused.length === 0) return undefined
  let next = 0
  // Rows are counted as they were when they were refused: those that are taken back were among them.
  let takenBack = 0
  return (encoder, before) => {
    const end = encoder.rows + takenBack
    const issues: ColumnIssue[] = []
    for (let one = refused[next]; one !== undefined && one.row < end; one = refused[(next += 1)]) {
      issues.push({ column: one.column, message: one.message, value: one.value })
    }
    if (issues.length === 0) return null
    takenBack += encoder.rows - before.rows
    encoder.back(before)
    return issues
  }
}
