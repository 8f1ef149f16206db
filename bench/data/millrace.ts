import { writeFileSync } from 'node:fs'
import type { Cluster } from '../cluster.ts'
import { launchAndWait } from '../launch-run.ts'
import { usageOf } from '../processes.ts'
import type { Contender } from './contender.ts'
import type { Effort } from './run-process.ts'

/** A table asset as a contender: from POST /api/v1/runs to the end of its run; CPU and memory of all processes of the installation, Redis included. */
export function millrace(
  cluster: Cluster,
  asset: string,
  { name = `Millrace, ${asset}`, config = (rows) => ({ rows }) }: { name?: string; config?: (rows: number) => Readonly<Record<string, unknown>> } = {},
): Contender {
  const pids = (): readonly number[] => [...cluster.processes].flatMap(([role, { pid }]) => (role === 'source' || pid === undefined ? [] : [pid]))
  const cpu = (): number => pids().reduce((sum, pid) => sum + (usageOf(pid)?.cpuSeconds ?? 0), 0)
  return {
    name,
    table: asset.replace('/', '.'),
    ours: true,
    async load(rows): Promise<Effort> {
      pids().forEach(forgetPeak)
      const before = cpu()
      const { seconds } = await launchAndWait(cluster, asset, rows, config(rows))
      return { seconds, cpuSeconds: cpu() - before, peakMiB: Math.max(...pids().map((pid) => usageOf(pid)?.peakMiB ?? 0)) }
    },
  }
}

/** Lets the kernel's peak of a process begin anew at what it holds now. */
function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${String(pid)}/clear_refs`, '5')
  } catch {
    // Where that is not allowed, the peak is that of all rounds so far.
  }
}
