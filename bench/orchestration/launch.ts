import type { Cluster } from '../cluster.ts'
import { beganIn, ended, post } from './api.ts'
import { say, spread } from './say.ts'

/** From the moment before the request to the first line of the function, one run after the other. */
export async function benchLaunch(cluster: Cluster): Promise<void> {
  const times: number[] = []
  for (let n = 0; n < 110; n += 1) {
    const asked = performance.timeOrigin + performance.now()
    const { id } = await post<{ id: string }>(cluster, '/runs', { assets: ['trivial/began'] })
    await ended(cluster, id)
    times.push((await beganIn(cluster, id)) - asked)
  }
  const { p50, p99 } = spread(times.slice(10))
  say(`launch to the first line of code: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms (100 runs, warm)`)
}
