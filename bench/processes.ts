import { readdirSync, readFileSync } from 'node:fs'

/** What the kernel has counted for a process. */
export interface Usage {
  readonly cpuSeconds: number
  /** The most memory it ever held, in MiB. */
  readonly peakMiB: number
}

// USER_HZ is 100 on every Linux that Node runs on.
const ticksPerSecond = 100

/** CPU of a process and of the children it has reaped; undefined when it is gone. */
export function usageOf(pid: number): Usage | undefined {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0)
    const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8')
    return { cpuSeconds: ticks / ticksPerSecond, peakMiB: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024 }
  } catch {
    return undefined
  }
}

/** CPU of a process and everything below it, the reaped ones included. */
export function treeCpuSeconds(root: number): number {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {
      // It ended between the listing and the look.
    }
  }
  const below = (pid: number): number[] => [pid, ...[...parents].filter(([, parent]) => parent === pid).flatMap(([child]) => below(child))]
  return below(root).reduce((sum, pid) => sum + (usageOf(pid)?.cpuSeconds ?? 0), 0)
}
