import type pg from 'pg'

/** A session of the destination: its process id and when it began, which together name it for ever. */
export interface LoadBackend {
  readonly pid: number
  readonly start: string
}

const known = new WeakMap<pg.PoolClient, LoadBackend>()

/** Which session a pooled client is. */
export async function backendOf(client: pg.PoolClient): Promise<LoadBackend> {
  const remembered = known.get(client)
  if (remembered !== undefined) return remembered
  const { rows } = await client.query<LoadBackend>(`SELECT pid, backend_start::text AS start FROM pg_stat_activity WHERE pid = pg_backend_pid()`)
  const row = rows[0]
  if (row === undefined) throw new Error('pg_stat_activity does not show this session')
  known.set(client, row)
  return row
}

/**
 * Ends the session that the holder before left behind, if it is still there: a client stalled in COPY holds its ledger row until it is ended.
 * Resolves when the session is gone.
 */
export async function endBackend(client: pg.PoolClient, backend: LoadBackend): Promise<boolean> {
  const own = await backendOf(client)
  if (own.pid === backend.pid && own.start === backend.start) return false
  // The second argument waits up to 5 s for the session to be gone.
  const { rows } = await client.query<{ ended: boolean }>(
    `SELECT pg_terminate_backend(pid, 5000) AS ended FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2::timestamptz`,
    [backend.pid, backend.start],
  )
  return rows[0]?.ended ?? false
}
