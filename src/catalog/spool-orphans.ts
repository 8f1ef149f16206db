import type { Database } from './database.ts'

/** A file of the spool, as its name tells whose it is. */
export interface SpoolFile {
  /** As it lies in the spool. */
  readonly entry: string
  /** As a batch refers to it: differs where it was never completed. */
  readonly name: string
  readonly step: string
  readonly generation: number
  /** The claim that it was written under; that of its batch where there is one, else that of its step. Absent in names of older versions. */
  readonly claim: number | null
  readonly batch: string | null
  readonly ageMs: number
}

/**
 * Which of them nobody refers to, and nobody can come to refer to: a batch is recorded and encoded only under the present claim, so what was
 * written under an earlier one, and is not referred to now, never will be. Files that were listed before this is asked.
 * @param unknownAfterMs how old those of a step that is not known must be
 */
export async function findSpoolOrphans(database: Database, files: readonly SpoolFile[], unknownAfterMs: number): Promise<string[]> {
  const { rows } = await database.query<{ entry: string }>(
    `SELECT f.entry FROM jsonb_to_recordset($1) AS f(entry text, name text, step uuid, generation int, claim int, batch bigint, "ageMs" float8)
     LEFT JOIN millrace.step s ON s.id = f.step
     LEFT JOIN millrace.batch b ON b.id = f.batch AND b.step_id = f.step
     LEFT JOIN LATERAL (SELECT r.status FROM millrace.batch r WHERE f.batch IS NULL AND r.step_id = s.id AND r.raw ->> 'name' = f.name LIMIT 1) r ON true
     WHERE CASE
       WHEN s.id IS NULL THEN f."ageMs" > $2
       WHEN s.ended_at IS NOT NULL THEN s.cleaned_at IS NOT NULL
       WHEN f.generation < s.generation THEN true
       WHEN f.claim IS NULL THEN false
       WHEN f.batch IS NULL THEN r.status = 'loaded' OR (r.status IS NULL AND f.claim < s.claim)
       ELSE b.id IS NULL OR b.status = 'loaded' OR (f.claim < b.claim AND b.encoded ->> 'name' IS DISTINCT FROM f.name)
     END`,
    [JSON.stringify(files), unknownAfterMs],
  )
  return rows.map((row) => row.entry)
}

/** Whether it is this process's turn to sweep the spool: nobody did within the time given. */
export async function takeSweepTurn(database: Database, everyMs: number): Promise<boolean> {
  const { rowCount } = await database.query(
    `INSERT INTO millrace.setting (name, value) VALUES ('spool swept', to_jsonb(clock_timestamp()))
     ON CONFLICT (name) DO UPDATE SET value = excluded.value
       WHERE (setting.value #>> '{}')::timestamptz < clock_timestamp() - $1 * interval '1 ms'`,
    [everyMs],
  )
  return rowCount === 1
}
