import { spawnSync } from 'node:child_process'

export interface ListedProcess {
  readonly pid: number
  readonly parent: number
  readonly command: string
}

/** Every process of this machine, but for those that have ended and were not collected yet. */
export function listProcesses(): ListedProcess[] {
  const { stdout } = spawnSync('ps', ['-eo', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' })
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    return state === undefined || state.startsWith('Z') ? [] : [{ pid: Number(pid), parent: Number(parent), command: command ?? '' }]
  })
}

/** A process and all that it has started, and what they have. */
export function familyOf(pid: number): ListedProcess[] {
  const all = listProcesses()
  const family = all.filter((one) => one.pid === pid)
  for (const member of family) family.push(...all.filter((one) => one.parent === member.pid))
  return family
}

/** Those of some processes that are still there. */
export function living(processes: readonly ListedProcess[]): ListedProcess[] {
  const now = listProcesses()
  return processes.filter((one) => now.some((other) => other.pid === one.pid && other.command === one.command))
}
