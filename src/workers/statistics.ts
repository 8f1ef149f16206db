import { setImmediate as nextTurn } from 'node:timers/promises'
import { readParts, readStageTotals } from '../catalog/batch-statistics.ts'
import type { ClaimedBatch, ClaimedStep } from '../catalog/claims.ts'
import type { TableSpec } from '../definitions/column-spec.ts'
import type { LoadStatistics } from '../warehouse/publish.ts'
import { readPart, storePart } from '../warehouse/statistics/batch-part.ts'
import { columnStatistics } from '../warehouse/statistics/column-statistics.ts'
import { createSummary } from '../warehouse/statistics/summary.ts'
import { watchedColumns } from '../warehouse/statistics/watched-columns.ts'
import type { WorkerContext } from './context.ts'

interface Encoded {
  /** As its rows are encoded. */
  readonly table: TableSpec
  readonly format: 'binary' | 'text'
  /** The whole COPY stream. */
  readonly chunks: readonly Uint8Array[]
  readonly rows: number
}

/** What a batch's rows add to the statistics of its step's columns, as it is stored with the batch; undefined where nobody asks. */
export async function describeBatch(context: WorkerContext, claimed: ClaimedBatch, { table, format, chunks, rows }: Encoded): Promise<Uint8Array | undefined> {
  const watched = watchedColumns(table)
  if (watched === undefined) return undefined
  const statistics = columnStatistics(watched, format)
  for (const [index, chunk] of chunks.entries()) {
    if (index > 0) await nextTurn()
    statistics.add(chunk)
  }
  const part = statistics.part()
  if (part.rows === rows) return storePart(part)
  // Rows are worth more than what is said of them.
  context.logger.warn(
    { asset: claimed.asset, batch: claimed.ordinal, rows, counted: part.rows },
    'the statistics of a batch are left out: they count other rows than it has',
  )
  return undefined
}

/** What is known of a step that is about to be published: of its stages, and of its columns where all of its batches say something. */
export async function describeStep(context: WorkerContext, { stepId, generation }: ClaimedStep): Promise<LoadStatistics> {
  const stages = await readStageTotals(context.pool, stepId, generation)
  const summary = createSummary()
  for await (const parts of readParts(context.pool, stepId, generation)) {
    for (const part of parts) {
      if (part === undefined) return { stages }
      summary.add(readPart(part))
    }
  }
  const columns = summary.columns()
  return columns.length === 0 ? { stages } : { stages, columns }
}
