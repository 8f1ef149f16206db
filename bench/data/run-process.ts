import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { usageOf } from '../processes.ts'

/** What a contender has used, besides the server. */
export interface Effort {
  readonly seconds: number
  readonly cpuSeconds: number
  /** Of its largest process. */
  readonly peakMiB: number
}

// 20 ms: what a process grows by in its last moment is hardly more than noise.
const lookEveryMs = 20
// None takes so long at the sizes it is given; one that hangs must not hold the others up.
const longestMs = 15 * 60_000

/**
 * Runs a program to its end: seconds from its start, with its own start-up.
 * @throws Error with the last lines that it printed, when it cannot be started, fails, or takes more than 15 minutes
 */
export async function runProcess(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Effort> {
  const before = reapedCpuSeconds()
  const begin = performance.now()
  const child = spawn(command, [...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  const keep = (text: Buffer): void => {
    printed = (printed + text.toString()).slice(-4000)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  let peakMiB = 0
  const look = setInterval(() => {
    peakMiB = Math.max(peakMiB, largestOf(child.pid ?? 0))
  }, lookEveryMs)
  const late = setTimeout(() => child.kill('SIGKILL'), longestMs)
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', resolve)
    })
    const seconds = (performance.now() - begin) / 1000
    if (code !== 0) throw new Error(`${basename(command)} ended with ${String(code)}: ${printed.trim()}`)
    return { seconds, cpuSeconds: reapedCpuSeconds() - before, peakMiB }
  } finally {
    clearInterval(look)
    clearTimeout(late)
  }
}

/** CPU of all children of this process that have ended. */
function reapedCpuSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[13]) + Number(fields[14])) / 100
}

/** The most that a process or one that it has started ever held, in MiB. */
function largestOf(pid: number): number {
  let children: readonly string[] = []
  try {
    children = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
  } catch {
    // It has ended, or this kernel does not tell.
  }
  return Math.max(usageOf(pid)?.peakMiB ?? 0, ...children.map((child) => largestOf(Number(child))))
}
