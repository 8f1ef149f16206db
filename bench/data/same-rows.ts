import type { Cluster } from '../cluster.ts'

/** The number of a device, from 0, as SQL. */
export const numberOfDevice = `substring(hostname FROM '^host-(\\d+)[.]')::bigint`

/** How many rows a query has, and the sum of their hashes: the same of two tables with the same rows, in whatever order. */
async function checksum(cluster: Cluster, query: string): Promise<string> {
  const { rows } = await cluster.pool.query<{ found: string }>(
    `SELECT count(*) || ' rows, checksum ' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) AS found FROM (${query}) t`,
  )
  return rows[0]?.found ?? ''
}

/** @throws Error where two queries do not have the same rows */
export async function mustHaveSameRows(cluster: Cluster, query: string, expected: string): Promise<void> {
  const found = await checksum(cluster, query)
  const wanted = await checksum(cluster, expected)
  if (found !== wanted) throw new Error(`Wrong rows: ${query} has ${found}; it should have ${wanted}, as ${expected}`)
}

/** @throws Error where what was counted is not what it should be */
export function mustBe(what: string, found: unknown, expected: unknown): void {
  const [one, other] = [JSON.stringify(found), JSON.stringify(expected)]
  if (one !== other) throw new Error(`Wrong count: ${what} should be ${other} and is ${one}`)
}

/** What a run's only step says of its publishing. */
export async function resultOf(cluster: Cluster, runId: string): Promise<Readonly<Record<string, unknown>>> {
  const { rows } = await cluster.pool.query<{ result: Record<string, unknown> }>(`SELECT result FROM millrace.step WHERE run_id = $1`, [runId])
  return rows[0]?.result ?? {}
}
