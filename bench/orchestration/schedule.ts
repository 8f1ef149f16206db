import type { Cluster } from '../cluster.ts'
import { beganIn, ended, post } from './api.ts'
import { say, spread } from './say.ts'

const ticks = 20

/** From a schedule's second to the first line of the function that it starts, every two seconds. */
export async function benchSchedule(cluster: Cluster): Promise<void> {
  // The leader has seen it.
  while ((await cluster.pool.query(`SELECT FROM millrace.schedule WHERE name = 'often'`)).rowCount === 0)
    await new Promise((resolve) => setTimeout(resolve, 100))
  await post(cluster, '/schedules/trivial/often/start')
  const found: { run_id: string; scheduled_at: Date }[] = []
  while (found.length < ticks + 1) {
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const { rows } = await cluster.pool.query<{ run_id: string; scheduled_at: Date }>(
      `SELECT run_id, scheduled_at FROM millrace.tick WHERE schedule = 'often' AND status = 'launched' ORDER BY scheduled_at`,
    )
    found.splice(0, found.length, ...rows)
  }
  await post(cluster, '/schedules/trivial/often/stop')
  const times: number[] = []
  for (const { run_id: id, scheduled_at: due } of found.slice(1)) {
    await ended(cluster, id)
    times.push((await beganIn(cluster, id)) - due.getTime())
  }
  const { p50, most } = spread(times)
  say(`a schedule's second to the first line of code: p50 ${p50.toFixed(0)} ms, the slowest ${most.toFixed(0)} ms (${String(times.length)} ticks)`)
}
