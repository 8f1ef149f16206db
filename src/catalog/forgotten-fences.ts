import type { Database } from './database.ts'

/** Writes down that the fences of the steps of runs are to be removed from their destinations; in the transaction that removes the runs. */
export async function forgetFences(client: Database, runs: readonly string[]): Promise<void> {
  await client.query(
    `INSERT INTO millrace.forgotten_fence (step_id, location, destination, enqueued) SELECT id, location, destination, enqueued FROM millrace.step
     WHERE run_id = ANY($1) AND kind IN ('table', 'sql') AND status <> 'skipped' ON CONFLICT DO NOTHING`,
    [runs],
  )
}

export interface ForgottenFence {
  readonly stepId: string
  readonly location: string
  /** Of the delivery that was last. */
  readonly enqueued: number
}

/** Fences of which nobody has been asked for a while. One whose destination was away for a month is given up: it does no harm there. */
export async function fencesToRemove(database: Database): Promise<ForgottenFence[]> {
  await database.query(`DELETE FROM millrace.forgotten_fence WHERE forgotten_at < clock_timestamp() - interval '30 days'`)
  const { rows } = await database.query<ForgottenFence>(
    `SELECT step_id AS "stepId", location, enqueued FROM millrace.forgotten_fence
     WHERE enqueued_at IS NULL OR enqueued_at < clock_timestamp() - interval '10 min' ORDER BY enqueued_at NULLS FIRST LIMIT 100`,
  )
  return rows
}

/** Draws the number of the next delivery; undefined where the fence is gone. */
export async function askToRemove(database: Database, { stepId, enqueued }: ForgottenFence): Promise<number | undefined> {
  const { rows } = await database.query<{ enqueued: number }>(
    `UPDATE millrace.forgotten_fence SET enqueued = enqueued + 1, enqueued_at = clock_timestamp() WHERE step_id = $1 AND enqueued = $2 RETURNING enqueued`,
    [stepId, enqueued],
  )
  return rows[0]?.enqueued
}

/** Where a forgotten fence is; undefined where there is none to be removed. */
export async function readForgottenFence(database: Database, stepId: string): Promise<{ readonly destination: unknown } | undefined> {
  const { rows } = await database.query<{ destination: unknown }>(`SELECT destination FROM millrace.forgotten_fence WHERE step_id = $1`, [stepId])
  return rows[0]
}

export async function fenceIsGone(database: Database, stepId: string): Promise<void> {
  await database.query(`DELETE FROM millrace.forgotten_fence WHERE step_id = $1`, [stepId])
}
