import type { Cluster } from './cluster.ts'

/** Launches a run through the API and waits until it has ended; seconds from the request to the database's time of its publishing. */
export async function launchAndWait(
  cluster: Cluster,
  asset: string,
  rows: number,
  config: Readonly<Record<string, unknown>> = { rows },
): Promise<{ seconds: number; runId: string }> {
  const clock = await cluster.pool.query<{ now: Date }>(`SELECT clock_timestamp() AS now`)
  const asked = performance.now()
  // This machine's monotonic clock against the database's, both of this machine.
  const offset = (clock.rows[0]?.now.getTime() ?? 0) - asked
  const response = await fetch(`${cluster.boardUrl}/api/v1/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ assets: [asset], config }),
  })
  if (!response.ok) throw new Error(`POST /api/v1/runs answered ${String(response.status)}: ${await response.text()}`)
  const answer = (await response.json()) as { id?: string; runId?: string; run?: { id: string } }
  const runId = answer.id ?? answer.runId ?? answer.run?.id ?? ''
  for (;;) {
    const { rows: found } = await cluster.pool.query<{ status: string; ended_at: Date | null; error: unknown }>(
      `SELECT r.status, r.ended_at, (SELECT jsonb_agg(error) FROM millrace.step WHERE run_id = r.id) AS error FROM millrace.run r WHERE id = $1`,
      [runId],
    )
    const run = found[0]
    if (run?.ended_at instanceof Date) {
      if (run.status !== 'succeeded') throw new Error(`the run ${run.status}: ${JSON.stringify(run.error)}`)
      return { seconds: (run.ended_at.getTime() - offset - asked) / 1000, runId }
    }
    await new Promise((resolve) => setTimeout(resolve, rows > 1000 ? 50 : 5))
  }
}
