import * as z from 'zod'
import type { StageTotals } from '../definitions/column-statistics.ts'
import type { Database } from './database.ts'

/** What the batches of a step add up to, as an aggregate over `millrace.batch`. Times of versions that measured none count as none. */
export const stageSums = `jsonb_build_object(
  'extract', jsonb_build_object('batches', count(*), 'rows', sum(batch.records), 'bytes', sum((raw ->> 'bytes')::bigint), 'ms', sum(extract_ms)),
  'transform', jsonb_build_object('batches', count(*) FILTER (WHERE status IN ('encoded', 'loaded')), 'rows', sum(batch.rows), 'bytes', sum((encoded ->> 'bytes')::bigint), 'ms', sum(transform_ms)),
  'load', jsonb_build_object('batches', count(*) FILTER (WHERE status = 'loaded'), 'rows', sum(batch.rows) FILTER (WHERE status = 'loaded'),
    'bytes', sum((encoded ->> 'bytes')::bigint) FILTER (WHERE status = 'loaded'), 'ms', sum(load_ms)))`

const sum = z.number().nullable()
const Sums = z.object({ batches: z.int(), rows: sum, bytes: sum, ms: sum })

/** What `stageSums` answers. */
export const StageSums = z.object({ extract: Sums, transform: Sums, load: Sums })

export function stageTotalsOf(sums: z.infer<typeof StageSums>): StageTotals[] {
  return (['extract', 'transform', 'load'] as const).map((stage) => {
    const { batches, rows, bytes, ms } = sums[stage]
    const rowsPerSecond = ms === null || ms === 0 ? null : Math.round(((rows ?? 0) * 1000) / ms)
    return { stage, batches, rows: rows ?? 0, bytes: bytes ?? 0, seconds: (ms ?? 0) / 1000, rowsPerSecond }
  })
}

/** What each stage did for a step's present generation. */
export async function readStageTotals(database: Database, stepId: string, generation: number): Promise<StageTotals[]> {
  const { rows } = await database.query<{ sums: unknown }>(`SELECT ${stageSums} AS sums FROM millrace.batch WHERE step_id = $1 AND generation = $2`, [
    stepId,
    generation,
  ])
  return stageTotalsOf(StageSums.parse(rows[0]?.sums))
}

/** As many as are read at a time: 10 to 20 ms of work, and about a megabyte. */
const pageOfParts = 100

/**
 * What the batches of a step's generation know of their columns, some at a time, in order. Undefined in place of one that has rows and knows nothing:
 * a worker of a version before encoded it.
 */
export async function* readParts(database: Database, stepId: string, generation: number): AsyncGenerator<(Uint8Array | undefined)[]> {
  let after = -1
  for (;;) {
    const { rows } = await database.query<{ ordinal: number; statistics: Buffer | null }>(
      `SELECT ordinal, statistics FROM millrace.batch WHERE step_id = $1 AND generation = $2 AND ordinal > $3 AND (rows > 0 OR statistics IS NOT NULL) ORDER BY ordinal LIMIT ${String(pageOfParts)}`,
      [stepId, generation, after],
    )
    yield rows.map(({ statistics }) => statistics ?? undefined)
    after = rows.at(-1)?.ordinal ?? after
    if (rows.length < pageOfParts) return
  }
}

/** Gives up what a step's batches know of their columns: it is put together, or nobody will. */
export async function forgetParts(database: Database, stepId: string): Promise<void> {
  await database.query(`UPDATE millrace.batch SET statistics = NULL WHERE step_id = $1 AND statistics IS NOT NULL`, [stepId])
}
