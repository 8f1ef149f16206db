import type { Cluster } from '../cluster.ts'
import { treeCpuSeconds, usageOf } from '../processes.ts'
import { say } from './say.ts'

const seconds = 60

/** CPU of everything while 500 sensors look every 30 s and find nothing. */
export async function benchSensors(cluster: Cluster): Promise<void> {
  const looked = async (): Promise<number> => {
    const { rows } = await cluster.pool.query<{ evaluations: number }>(`SELECT coalesce(sum(1 + repeated), 0)::int AS evaluations FROM millrace.sensor_tick`)
    return rows[0]?.evaluations ?? 0
  }
  // Each has had its first look.
  while ((await looked()) < 500) await new Promise((resolve) => setTimeout(resolve, 500))
  const ours = (): number =>
    [...cluster.processes].filter(([name]) => name !== 'source').reduce((sum, [, child]) => sum + (usageOf(child.pid ?? 0)?.cpuSeconds ?? 0), 0)
  const server = (): number => treeCpuSeconds(cluster.postgres.pid)
  const before = { ours: ours(), server: server(), looks: await looked() }
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  const looks = (await looked()) - before.looks
  say(
    `500 sensors every 30 s: ${(((ours() - before.ours) / seconds) * 100).toFixed(1)} % of a core, Postgres ${(((server() - before.server) / seconds) * 100).toFixed(1)} % (${String(looks)} evaluations in ${String(seconds)} s)`,
  )
}
