import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { QueueBackend } from '../src/queues/connection.ts'
import { startCluster } from './cluster.ts'
import type { Cluster } from './cluster.ts'
import { benchData } from './data/main.ts'
import { benchEvents } from './events.ts'
import { launchAndWait } from './launch-run.ts'
import { median } from './median.ts'
import { benchOrchestration } from './orchestration/main.ts'
import { benchPartitions } from './partitions.ts'
import { treeCpuSeconds, usageOf } from './processes.ts'
import { hasPsql, timePsqlCopy, writeCopyText } from './psql-copy.ts'
import { oneEach } from './roles.ts'

const help = `npm run bench -- [--rows 500000] [--tries 5] [--backend postgres|redis|both] [--only load|latency|idle]
Loads records served as JSON over HTTP, end to end to published rows, against \`psql \\copy\` of the same rows in the same run, interleaved.

npm run bench -- orchestration: launches, steps, runs, schedules, sensors and definitions; see its --help.
npm run bench -- partitions: backfills, and the status of many partitions; see its --help.
npm run bench -- data: every way of loading, beside other tools; see its --help.
npm run bench -- events: the event log's size and speed.`

const lines: string[] = []
const say = (line: string): void => {
  lines.push(line)
  process.stdout.write(`${line}\n`)
}

async function benchLoad(cluster: Cluster, rows: number, tries: number): Promise<void> {
  const file = join(cluster.folder, 'rows.txt')
  await writeCopyText(file, rows)
  const assets = ['bench/replaced', 'bench/appended', 'bench/grown', 'bench/merged']
  const times = new Map<string, number[]>([['copy', []], ...assets.map((asset) => [asset, []] as [string, number[]])])
  const cpu = new Map<string, number[]>(assets.map((asset) => [asset, []]))
  const workers = [...cluster.processes].filter(([name]) => !['source', 'redis'].includes(name))
  const cpuNow = (): number => workers.reduce((sum, [, child]) => sum + (usageOf(child.pid ?? 0)?.cpuSeconds ?? 0), 0) + treeCpuSeconds(cluster.postgres.pid)
  // One warm-up each, then in turn.
  for (let attempt = -1; attempt < tries; attempt += 1) {
    const copied = timePsqlCopy(cluster.postgres.url, file)
    if (attempt >= 0) times.get('copy')?.push(copied)
    for (const asset of assets) {
      await cluster.pool.query(`DROP TABLE IF EXISTS ${asset.replace('/', '.')}`)
      await cluster.pool.query('CHECKPOINT')
      const before = cpuNow()
      const { seconds } = await launchAndWait(cluster, asset, rows)
      if (attempt >= 0) {
        times.get(asset)?.push(seconds)
        cpu.get(asset)?.push(cpuNow() - before)
      }
      await compare(cluster, asset)
    }
  }
  const copy = median(times.get('copy') ?? [])
  say(`| ${String(rows)} rows | s (median of ${String(tries)}) | rows/s | ratio to \\copy | CPU s, ours + server |`)
  say('| --- | --- | --- | --- | --- |')
  say(`| psql \\copy, text ready-made | ${copy.toFixed(2)} | ${String(Math.round(rows / copy))} | 1.00 | |`)
  for (const asset of assets) {
    const seconds = median(times.get(asset) ?? [])
    say(
      `| ${asset} over HTTP | ${seconds.toFixed(2)} | ${String(Math.round(rows / seconds))} | ${(copy / seconds).toFixed(2)} | ${median(cpu.get(asset) ?? []).toFixed(1)} |`,
    )
  }
  say(`peak memory: ${workers.map(([name, child]) => `${name} ${String(Math.round(usageOf(child.pid ?? 0)?.peakMiB ?? 0))} MiB`).join(', ')}`)
}

/** Every row must be the one that psql copied. */
async function compare(cluster: Cluster, asset: string): Promise<void> {
  const sum = (table: string): string => `SELECT count(*) AS n, coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) AS hash FROM ${table} t`
  const { rows } = await cluster.pool.query<{ n: string; hash: string }>(`${sum('public.copied')} UNION ALL ${sum(asset.replace('/', '.'))}`)
  if (rows[0]?.n !== rows[1]?.n && rows.length !== 1) throw new Error(`${asset}: ${JSON.stringify(rows)}`)
  if (rows.length === 2 && rows[0]?.hash !== rows[1]?.hash) throw new Error(`${asset} differs from what psql copied: ${JSON.stringify(rows)}`)
}

async function benchLatency(cluster: Cluster, backend: QueueBackend): Promise<void> {
  const times: number[] = []
  for (let n = 0; n < 35; n += 1) times.push((await launchAndWait(cluster, 'bench/appended', 1)).seconds * 1000)
  const warm = times.slice(5).toSorted((a, b) => a - b)
  say(
    `one row, POST to published, ${backend}: median ${median(warm).toFixed(0)} ms, fastest ${(warm[0] ?? 0).toFixed(0)}, slowest ${(warm.at(-1) ?? 0).toFixed(0)} (30 runs, warm)`,
  )
}

async function benchIdle(cluster: Cluster, backend: QueueBackend): Promise<void> {
  const all = [...cluster.processes].filter(([name]) => name !== 'source')
  const cpu = (): number => all.reduce((sum, [, child]) => sum + (usageOf(child.pid ?? 0)?.cpuSeconds ?? 0), 0)
  const server = (): number => treeCpuSeconds(cluster.postgres.pid)
  const seconds = 30
  const before = { ours: cpu(), server: server() }
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  const ours = ((cpu() - before.ours) / seconds) * 100
  const theirs = ((server() - before.server) / seconds) * 100
  say(`idle, ${backend}, ${String(all.length)} processes: ${ours.toFixed(1)} % of a core, Postgres ${theirs.toFixed(1)} % (over ${String(seconds)} s)`)
}

async function benchRuns(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string', default: '500000' },
      tries: { type: 'string', default: '5' },
      backend: { type: 'string', default: 'both' },
      only: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })

  if (values.help === true) {
    process.stdout.write(`${help}\n`)
  } else {
    if (!hasPsql()) throw new Error('psql is not on the PATH: install postgresql-client, it is what is measured against')
    const backends: QueueBackend[] = values.backend === 'redis' ? ['redis'] : values.backend === 'postgres' ? ['postgres'] : ['postgres', 'redis']
    for (const backend of backends) {
      const cluster = await startCluster({ backend, rows: Number(values.rows), roles: oneEach })
      try {
        say(`## queues on ${backend}`)
        if (values.only === undefined || values.only === 'latency') await benchLatency(cluster, backend)
        if (values.only === undefined || values.only === 'idle') await benchIdle(cluster, backend)
        if (values.only === undefined || values.only === 'load') await benchLoad(cluster, Number(values.rows), Number(values.tries))
      } finally {
        await cluster.close()
      }
    }
    const folder = new URL('./results/', import.meta.url)
    mkdirSync(folder, { recursive: true })
    writeFileSync(new URL(`${new Date().toISOString().replaceAll(':', '-')}.md`, folder), `${lines.join('\n')}\n`)
  }
}

const [first, ...rest] = process.argv.slice(2)
if (first === 'data') await benchData(rest)
else if (first === 'events') await benchEvents(rest)
else if (first === 'orchestration') await benchOrchestration(rest)
else if (first === 'partitions') await benchPartitions(rest)
else await benchRuns(process.argv.slice(2))
