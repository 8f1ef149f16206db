import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'

/** Whether a process runs. One that has ended and was not collected by its parent yet does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
  return processStat(pid)?.state !== 'Z'
}

/**
 * What tells a process from a later one of the same id: the boot and the moment it was started.
 * Empty where the system has no /proc; then the id alone has to do.
 */
export function processStart(pid: number): string {
  const stat = processStat(pid)
  return stat === null ? '' : `${readText('/proc/sys/kernel/random/boot_id')}/${stat.started}`
}

/** Whether the process is a Postgres server that works in this data folder. */
export function servesFolder(pid: number, dataFolder: string): boolean {
  if (!isAlive(pid)) return false
  if (process.platform === 'linux') {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === dataFolder
    } catch {
      return false // another user's process: a server of ours would be readable
    }
  }
  try {
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).includes(dataFolder)
  } catch {
    return false
  }
}

function processStat(pid: number): { state: string; started: string } | null {
  const text = readText(`/proc/${pid}/stat`)
  // The second field, the program's name in parentheses, may hold blanks and parentheses itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, started] = [fields[0], fields[19]]
  return state === undefined || started === undefined ? null : { state, started }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}
