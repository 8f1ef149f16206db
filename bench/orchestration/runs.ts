import type { Cluster } from '../cluster.ts'
import { median } from '../median.ts'
import { post } from './api.ts'
import { say } from './say.ts'

const count = 1000
/** Requests under way at once. */
const clients = 20

interface Kept {
  readonly bytes: number
  readonly commits: number
}

/** 1,000 runs of one step that answers at once, from the first request to the end of the last. */
export async function benchRuns(cluster: Cluster, tries: number): Promise<void> {
  await crowd(cluster, 100)
  const rates: number[] = []
  const bytes: number[] = []
  const commits: number[] = []
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const before = await kept(cluster)
    rates.push(count / (await crowd(cluster, count)))
    const after = await kept(cluster)
    bytes.push((after.bytes - before.bytes) / count)
    commits.push((after.commits - before.commits) / count)
  }
  say(
    `1,000 runs launched by ${String(clients)} clients: ${median(rates).toFixed(0)} runs/s finished, ${(median(bytes) / 1000).toFixed(1)} kB and ${median(commits).toFixed(1)} transactions a run (medians of ${String(tries)})`,
  )
}

/** Seconds. */
async function crowd(cluster: Cluster, runs: number): Promise<number> {
  const asked = Date.now()
  const ids: string[] = []
  let left = runs
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (left > 0) {
        left -= 1
        ids.push((await post<{ id: string }>(cluster, '/jobs/trivial/one/runs')).id)
      }
    }),
  )
  for (;;) {
    const { rows } = await cluster.pool.query<{ open: number; failed: number; last: Date }>(
      `SELECT count(*) FILTER (WHERE ended_at IS NULL)::int AS open, count(*) FILTER (WHERE ended_at IS NOT NULL AND status <> 'succeeded')::int AS failed,
         max(ended_at) AS last FROM millrace.run WHERE id = ANY($1)`,
      [ids],
    )
    const [found] = rows
    if ((found?.failed ?? 0) > 0) throw new Error(`${String(found?.failed)} runs did not succeed`)
    if (found?.open === 0) return (found.last.getTime() - asked) / 1000
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** What all schemas of Millrace hold, dead rows aside, and what the server has committed so far. */
async function kept({ pool }: Cluster): Promise<Kept> {
  await pool.query('VACUUM')
  const { rows } = await pool.query<Kept>(
    `SELECT (SELECT sum(pg_table_size(c.oid) + pg_indexes_size(c.oid))::float8 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname IN ('millrace', 'millrace_load', 'bullmq') AND c.relkind = 'r') AS bytes,
       (SELECT sum(xact_commit)::float8 FROM pg_stat_database) AS commits`,
  )
  const [found] = rows
  if (found === undefined) throw new Error('the database did not answer')
  return found
}
