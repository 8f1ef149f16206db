import type { Cluster } from '../cluster.ts'
import { treeCpuSeconds, usageOf } from '../processes.ts'

/** CPU seconds that each role of an installation has taken: processes named `load-2` belong to `load`; Postgres is one. */
export type Cpu = Readonly<Record<string, number>>

export function cpuOf(cluster: Cluster): Cpu {
  const sums: Record<string, number> = { postgres: treeCpuSeconds(cluster.postgres.pid) }
  for (const [name, child] of cluster.processes) {
    const role = name.replace(/-\d+$/, '')
    sums[role] = (sums[role] ?? 0) + (usageOf(child.pid ?? 0)?.cpuSeconds ?? 0)
  }
  return sums
}

/** What was taken between two looks, while no process came or went. */
export const cpuBetween = (before: Cpu, after: Cpu): Cpu =>
  Object.fromEntries(Object.entries(after).map(([role, seconds]) => [role, seconds - (before[role] ?? 0)]))

/** Roles of the engine, in the order the rows flow; `board` and `producers` beside them. */
const ours = ['extract', 'transform', 'load', 'board', 'producers']
export const ownCpu = (cpu: Cpu): number => ours.reduce((sum, role) => sum + (cpu[role] ?? 0), 0)
