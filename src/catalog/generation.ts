import type { Json } from '../definitions/json.ts'
import type { Database } from './database.ts'

/** What begins anew with a step's next generation, as an UPDATE sets it. */
export const nextGeneration = 'generation = generation + 1, batches = 0, position = NULL, cursor = NULL, sealed_at = NULL'

/**
 * Forgets the batches of generations before a step's present one, and what of them is in quarantine. Those of a step that is published
 * batch by batch stay: preparing asks the destination how many of them are loaded, and `carryOver` takes these along.
 */
export async function dropGenerationsBefore(database: Database, stepId: string): Promise<void> {
  const before = `s.id = $1 AND NOT s.each_batch AND old.step_id = s.id AND old.generation < s.generation`
  await database.query(`DELETE FROM millrace.batch old USING millrace.step s WHERE ${before}`, [stepId])
  // A redriving that took some of them counts on them.
  await database.query(`DELETE FROM millrace.quarantine old USING millrace.step s WHERE ${before} AND old.redriven_by IS NULL`, [stepId])
}

/** Takes a step's first batches into its present generation, and forgets those after them. Answers where extraction goes on. */
export async function carryOver(database: Database, stepId: string, loaded: number): Promise<{ position: Json; cursor: Json } | undefined> {
  for (const table of ['batch', 'quarantine']) {
    await database.query(
      `DELETE FROM millrace.${table} old USING millrace.step s WHERE s.id = $1 AND old.step_id = s.id AND old.generation < s.generation AND old.ordinal >= $2`,
      [stepId, loaded],
    )
  }
  await database.query(
    `UPDATE millrace.batch old SET generation = s.generation, status = 'loaded', claimed_by = NULL, loaded_at = coalesce(loaded_at, clock_timestamp())
     FROM millrace.step s WHERE s.id = $1 AND old.step_id = s.id AND old.generation < s.generation`,
    [stepId],
  )
  await database.query(
    `UPDATE millrace.quarantine old SET generation = s.generation FROM millrace.step s WHERE s.id = $1 AND old.step_id = s.id AND old.generation < s.generation`,
    [stepId],
  )
  const { rows } = await database.query<{ position: Json; cursor: Json }>(
    `SELECT position, (SELECT c.cursor FROM millrace.batch c WHERE c.step_id = b.step_id AND c.generation = b.generation AND c.ordinal < $2 AND c.cursor IS NOT NULL ORDER BY c.ordinal DESC LIMIT 1) AS cursor
     FROM millrace.batch b WHERE step_id = $1 AND generation = (SELECT generation FROM millrace.step WHERE id = $1) AND ordinal = $2 - 1`,
    [stepId, loaded],
  )
  return rows[0]
}
