import type { Cluster } from '../cluster.ts'

/** Asks the API for something to be done. */
export async function post<Answer = unknown>({ boardUrl }: Cluster, path: string, body: unknown = {}): Promise<Answer> {
  const response = await fetch(`${boardUrl}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`POST ${path} answered ${String(response.status)}: ${await response.text()}`)
  return (await response.json()) as Answer
}

/** When a run has ended well, by the database's clock, in ms since 1970. */
export async function ended({ pool }: Cluster, runId: string): Promise<number> {
  for (;;) {
    const { rows } = await pool.query<{ status: string; ended_at: Date | null }>(`SELECT status, ended_at FROM millrace.run WHERE id = $1`, [runId])
    const [run] = rows
    if (run?.ended_at instanceof Date) {
      if (run.status !== 'succeeded') throw new Error(`the run ${runId} ${run.status}`)
      return run.ended_at.getTime()
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** When the first line of `trivial/began` ran in a run, in ms since 1970. */
export async function beganIn({ pool }: Cluster, runId: string): Promise<number> {
  const { rows } = await pool.query<{ began: number }>(
    `SELECT (data->>'beganAt')::float8 AS began FROM millrace.event WHERE run_id = $1 AND kind = 'materialization'`,
    [runId],
  )
  return rows[0]?.began ?? Number.NaN
}
