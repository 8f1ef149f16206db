import type { Cluster } from '../cluster.ts'
import { median } from '../median.ts'
import { ended, post } from './api.ts'
import { say } from './say.ts'

/** A job of 100 steps, from the request to its end. */
export async function benchSteps(cluster: Cluster, tries: number): Promise<void> {
  for (const [job, how] of [
    ['chain', 'one after the other'],
    ['fan', '98 of them at once'],
  ] as const) {
    const times: number[] = []
    // One warm-up.
    for (let attempt = -1; attempt < tries; attempt += 1) {
      const asked = Date.now()
      const { id } = await post<{ id: string }>(cluster, `/jobs/trivial/${job}/runs`)
      const took = (await ended(cluster, id)) - asked
      if (attempt >= 0) times.push(took)
    }
    say(
      `100 steps, ${how}: ${(median(times) / 1000).toFixed(2)} s, ${(median(times) / 100).toFixed(1)} ms a step (median of ${String(tries)}, POST to the run's end)`,
    )
  }
}
