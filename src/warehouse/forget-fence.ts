import type pg from 'pg'

/**
 * Removes the fence and the ledger of a step that ended long ago. Which load a target holds, and in which order loads came, is written down by itself; the newest fence of a
 * target that says whom it was granted to is asked by its next load, and stays.
 */
export async function forgetFence(client: pg.ClientBase, stepId: string): Promise<void> {
  await client.query(
    `DELETE FROM millrace_load.step s WHERE step_id = $1 AND state <> 'open' AND (coalesce(result ? 'grants', false) IS FALSE
       OR EXISTS (SELECT FROM millrace_load.step n
         WHERE n.target_schema = s.target_schema AND n.target_name = s.target_name AND n.load_order > s.load_order AND n.result ? 'grants'))`,
    [stepId],
  )
}
