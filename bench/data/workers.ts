import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Cluster } from '../cluster.ts'
import { launchAndWait } from '../launch-run.ts'
import { median } from '../median.ts'
import { timePsqlCopy, writeCopyText } from '../psql-copy.ts'
import { oneEach } from '../roles.ts'
import { cpuBetween, cpuOf } from './cpu.ts'
import type { Cpu } from './cpu.ts'
import { inTurn, secondsOf } from './in-turn.ts'
import type { DataPart } from './part.ts'
import { mustHaveSameRows } from './same-rows.ts'
import { withCluster } from './with-cluster.ts'

const numbers = [1, 2, 4] as const
type Workers = (typeof numbers)[number]
const stages = ['source', 'extract', 'transform', 'load', 'postgres', 'redis', 'board', 'producers']

/** Brings the workers of a stage to a number: what is too many ends, what is missing starts. */
async function setWorkers(cluster: Cluster, stage: 'transform' | 'load', wanted: number): Promise<void> {
  for (let n = 1; n <= Math.max(...numbers); n += 1) {
    const name = `${stage}-${String(n)}`
    const runs = cluster.processes.has(name)
    if (n <= wanted && !runs) cluster.start(name, oneEach[stage])
    if (n > wanted && runs) await cluster.stop(name)
  }
}

/** Waits until so many live processes work a stage. */
async function untilWorkers(cluster: Cluster, wanted: number): Promise<void> {
  for (;;) {
    const { rows } = await cluster.pool.query<{ transform: number; load: number }>(
      `SELECT count(*) FILTER (WHERE 'transform' = ANY (queues))::int AS transform, count(*) FILTER (WHERE 'load' = ANY (queues))::int AS load
       FROM millrace.process WHERE lease_until > clock_timestamp()`,
    )
    if (rows[0]?.transform === wanted && rows[0].load === wanted) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** How throughput grows with processes, and where the CPU goes. */
export const workers: DataPart = {
  name: 'workers',
  about: 'replace of 500,000 records over HTTP with one, two and four workers each for transform and for load; CPU by stage',
  async measure({ tries, backend, rows = 500_000 }, say) {
    const roles = { producers: oneEach.producers, board: oneEach.board, extract: oneEach.extract, 'transform-1': oneEach.transform, 'load-1': oneEach.load }
    await withCluster({ backend, rows, roles }, async (cluster) => {
      const file = join(cluster.folder, 'rows.txt')
      await writeCopyText(file, rows)
      timePsqlCopy(cluster.postgres.url, file)
      const cpu = new Map<number, Cpu[]>(numbers.map((number) => [number, []]))
      const replace = async (): Promise<number> => {
        await cluster.pool.query('DROP TABLE IF EXISTS bench.replaced')
        await cluster.pool.query('CHECKPOINT')
        return (await launchAndWait(cluster, 'bench/replaced', rows)).seconds
      }
      const run = (number: Workers) => async (): Promise<number> => {
        await setWorkers(cluster, 'transform', number)
        await setWorkers(cluster, 'load', number)
        await untilWorkers(cluster, number)
        // Some of them have just begun, with code that nothing has compiled yet.
        await replace()
        const before = cpuOf(cluster)
        const seconds = await replace()
        cpu.get(number)?.push(cpuBetween(before, cpuOf(cluster)))
        await mustHaveSameRows(cluster, 'TABLE bench.replaced', 'TABLE public.copied')
        return seconds
      }
      const times = await inTurn<`${Workers}`>(tries, { 1: run(1), 2: run(2), 4: run(4) })
      const spent = (number: number, role: string): number => median((cpu.get(number) ?? []).slice(1).map((one) => one[role] ?? 0))
      const roleNames = stages.filter((role) => Number.isFinite(spent(1, role)) && numbers.some((number) => spent(number, role) > 0))
      say(`${String(rows)} rows on ${String(availableParallelism())} cores, source and server included; medians of ${String(tries)}`)
      say('| workers of each stage | s (span) | rows/s | times one worker | cores busy |')
      say('| --- | --- | --- | --- | --- |')
      for (const number of numbers) {
        const { median: seconds } = times[`${number}`]
        const busy = stages.reduce((sum, role) => sum + spent(number, role), 0) / seconds
        say(
          `| ${String(number)} | ${secondsOf(times[`${number}`])} | ${String(Math.round(rows / seconds))} | ${(times[1].median / seconds).toFixed(2)} | ${busy.toFixed(2)} |`,
        )
      }
      say('')
      say(`| CPU: s, µs a row | ${numbers.map((number) => `${String(number)} of each`).join(' | ')} |`)
      say(`| --- |${' --- |'.repeat(numbers.length)}`)
      for (const role of roleNames) {
        const cells = numbers.map((number) => `${spent(number, role).toFixed(2)}, ${((spent(number, role) * 1e6) / rows).toFixed(2)}`)
        say(`| ${role} | ${cells.join(' | ')} |`)
      }
    })
  },
}
