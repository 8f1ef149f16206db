import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { startGuard } from './guard.ts'
import { endGroup } from './process-group.ts'

/** How long streams may stay open after the script ended, for what it left running in the background to finish its last words. */
const lastWordsMs = 1000

export interface ProcessOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string | undefined
  readonly env: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly graceMs: number
  /** The private folder, which is removed when the worker dies. */
  readonly folder: string
  readonly onStdout: (chunk: Buffer) => void
  readonly onStderr: (chunk: Buffer) => void
  /** Told where a killed worker would leave the script running. */
  readonly onUnguarded: (error: Error) => void
}

export interface ProcessEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Runs a program in a process group of its own until all of the group is over. Rejects as `spawn` does where it cannot be started. */
export async function runProcess(options: ProcessOptions): Promise<ProcessEnd> {
  const { folder, graceMs, signal } = options
  const guard = startGuard({ graceMs, folder, onMissing: options.onUnguarded })
  try {
    const child = spawn(options.command, options.args, {
      cwd: options.cwd,
      env: { ...options.env, ...guard.env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const exited = once(child, 'exit') as Promise<[code: number | null, signal: NodeJS.Signals | null]>
    const group = child.pid
    if (group === undefined) {
      await exited
      throw new Error(`${options.command} did not start`)
    }
    guard.watch(group)
    const closed = once(child, 'close')
    child.stdout.on('data', options.onStdout)
    child.stderr.on('data', options.onStderr)
    let ending: Promise<void> | undefined
    const end = (): Promise<void> => (ending ??= endGroup(group, graceMs))
    const onAbort = (): void => void end()
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    try {
      const [code, by] = await exited
      await inTime(closed, lastWordsMs)
      await end()
      await inTime(closed, lastWordsMs)
      return { code, signal: by }
    } finally {
      signal.removeEventListener('abort', onAbort)
      // A process that left the group may hold them for ever.
      child.stdout.destroy()
      child.stderr.destroy()
    }
  } finally {
    await guard.dismiss()
  }
}

/** Waits for a promise, but not for ever. */
async function inTime(what: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([what, new Promise((resolve) => (timer = setTimeout(resolve, ms)))])
  clearTimeout(timer)
}
