import { parseArgs } from 'node:util'
import type { QueueBackend } from '../src/queues/connection.ts'
import { startCluster } from './cluster.ts'
import type { Cluster } from './cluster.ts'
import { median } from './median.ts'
import { treeCpuSeconds, usageOf } from './processes.ts'

const help = `npm run bench -- partitions [--backend postgres|redis|both] [--partitions 1000] [--tries 3]
A backfill of daily partitions of a function that answers at once, one run each, 20 at once, from the request to its end by the database's clock; 100 of them; and
the status of 100,000 partitions of which every second one is there.`

const roles = {
  producers: ['producers'],
  board: ['board'],
  worker: ['worker'],
} as const

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

/** `npm run bench -- partitions` */
export async function benchPartitions(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      backend: { type: 'string', default: 'both' },
      partitions: { type: 'string', default: '1000' },
      tries: { type: 'string', default: '3' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) {
    say(help)
    return
  }
  const backends: QueueBackend[] = values.backend === 'redis' ? ['redis'] : values.backend === 'postgres' ? ['postgres'] : ['postgres', 'redis']
  for (const [place, backend] of backends.entries()) {
    const cluster = await startCluster({ backend, rows: 1, roles })
    try {
      say(`## queues on ${backend}`)
      for (const count of [100, Number(values.partitions)]) await benchBackfill(cluster, count, Number(values.tries))
      if (place === 0) await benchStatus(cluster)
    } finally {
      await cluster.close()
    }
  }
}

interface Measured {
  readonly seconds: number
  readonly firstMs: number
  readonly ours: number
  readonly server: number
}

async function benchBackfill(cluster: Cluster, count: number, tries: number): Promise<void> {
  const measured: Measured[] = []
  // One warm-up.
  for (let attempt = -1; attempt < tries; attempt += 1) {
    const one = await backfill(cluster, count)
    if (attempt >= 0) measured.push(one)
  }
  const of = (pick: (one: Measured) => number): number => median(measured.map(pick))
  const statements = await statementsPerRun(cluster)
  say(
    `backfill of ${String(count)} days: ${of((one) => one.seconds).toFixed(2)} s (median of ${String(tries)}), its first run after ${of((one) => one.firstMs).toFixed(0)} ms; CPU ${of((one) => one.ours).toFixed(1)} s ours, ${of((one) => one.server).toFixed(1)} s Postgres${statements}`,
  )
}

async function backfill(cluster: Cluster, count: number): Promise<Measured> {
  const cpu = (): number =>
    [...cluster.processes].filter(([name]) => name !== 'source').reduce((sum, [, child]) => sum + (usageOf(child.pid ?? 0)?.cpuSeconds ?? 0), 0)
  const before = { ours: cpu(), server: treeCpuSeconds(cluster.postgres.pid) }
  const { rows: clock } = await cluster.pool.query<{ now: Date }>(`SELECT clock_timestamp() AS now`)
  const asked = clock[0]?.now.getTime() ?? 0
  const last = new Date(Date.UTC(2020, 0, count)).toISOString().slice(0, 10)
  const response = await fetch(`${cluster.boardUrl}/api/v1/backfills`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ assets: ['bench/daily'], partitions: [`2020-01-01..${last}`] }),
  })
  if (!response.ok) throw new Error(`POST /api/v1/backfills answered ${String(response.status)}: ${await response.text()}`)
  const { id } = (await response.json()) as { id: string }
  for (;;) {
    const { rows } = await cluster.pool.query<{ status: string; ended_at: Date | null }>(`SELECT status, ended_at FROM millrace.backfill WHERE id = $1`, [id])
    const [found] = rows
    if (found?.ended_at instanceof Date) {
      if (found.status !== 'succeeded') throw new Error(`the backfill ${found.status}`)
      const first = await cluster.pool.query<{ at: Date; runs: number }>(
        `SELECT min(ended_at) AS at, count(*)::int AS runs FROM millrace.run WHERE backfill_id = $1`,
        [id],
      )
      if (first.rows[0]?.runs !== count) throw new Error(`${String(first.rows[0]?.runs)} runs of ${String(count)} partitions`)
      return {
        seconds: (found.ended_at.getTime() - asked) / 1000,
        firstMs: (first.rows[0]?.at.getTime() ?? Number.NaN) - asked,
        ours: cpu() - before.ours,
        server: treeCpuSeconds(cluster.postgres.pid) - before.server,
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Transactions that the server committed in all, by run; what a run costs in round trips shows in it. */
async function statementsPerRun({ pool }: Cluster): Promise<string> {
  const { rows } = await pool.query<{ commits: number; runs: number }>(
    `SELECT (SELECT sum(xact_commit)::float8 FROM pg_stat_database) AS commits, (SELECT count(*)::float8 FROM millrace.run) AS runs`,
  )
  const { commits = 0, runs = 1 } = rows[0] ?? {}
  return `; ${(commits / runs).toFixed(0)} transactions a run since the start`
}

/** Reads it through the API, over HTTP, as a page does. */
async function benchStatus({ pool, boardUrl }: Cluster): Promise<void> {
  await pool.query(
    `INSERT INTO millrace.asset_partition (location, asset, partition, materialized_at)
     SELECT 'bench', 'bench/hours', to_char(timestamp '2010-01-01' + n * interval '1 hour', 'YYYY-MM-DD-HH24:MI'), now() FROM generate_series(0, 99998, 2) n`,
  )
  await pool.query(`VACUUM ANALYZE millrace.asset_partition`)
  const times: number[] = []
  let bytes = 0
  for (let attempt = 0; attempt < 25; attempt += 1) {
    const began = performance.now()
    const response = await fetch(`${boardUrl}/api/v1/partitions?asset=bench%2Fhours`)
    const text = await response.text()
    times.push(performance.now() - began)
    bytes = text.length
    const { count, counts } = JSON.parse(text) as { count: number; counts: { materialized: number } }
    if (count !== 100_000 || counts.materialized !== 50_000) throw new Error(text.slice(0, 500))
  }
  const warm = times.slice(5)
  say(
    `status of 100,000 partitions, every second one there: ${median(warm).toFixed(0)} ms (median of ${String(warm.length)}, warm; the first ${(times[0] ?? 0).toFixed(0)} ms), ${String(bytes)} bytes`,
  )
}
