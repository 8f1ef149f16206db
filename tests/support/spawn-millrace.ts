import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { atFileEnd } from './cleanup.ts'
import { waitFor } from './wait-for.ts'

const bin = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url))

export interface SpawnedMillrace {
  readonly pid: number
  /** What it has printed so far. */
  readonly stdout: () => string
  readonly stderr: () => string
  /** Both, in the order they came. */
  readonly output: () => string
  /** Resolves when the process has ended and all it printed is there. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  /** Resolves with the match once the output has it; rejects, quoting the output, when the process ends or the time is up first (default 20,000 ms). */
  waitForOutput(pattern: RegExp, options?: { readonly timeoutMs?: number }): Promise<RegExpMatchArray>
  /** Sends a signal to this process alone. */
  kill(signal?: NodeJS.Signals): void
  /** SIGTERM, and after `patienceMs` (default 5,000) SIGKILL to it and its children; happens at the file's end by itself. */
  stop(options?: { readonly patienceMs?: number }): Promise<void>
}

export interface SpawnOptions {
  /** Default: the checkout. */
  readonly cwd?: string
}

/** Runs `millrace …` as a user does: a process of its own. It gets PATH, HOME and what is given, and nothing else of our environment. */
export function spawnMillrace(args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}, options: SpawnOptions = {}): SpawnedMillrace {
  const given = Object.entries({ PATH: process.env['PATH'], HOME: process.env['HOME'], NO_COLOR: '1', ...env })
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: options.cwd ?? fileURLToPath(new URL('../..', import.meta.url)),
    env: Object.fromEntries(given.filter((entry): entry is [string, string] => entry[1] !== undefined)),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a process group, so that its children can be ended with it
  })
  const { pid } = child
  if (pid === undefined) throw new Error(`${bin} could not be started`)
  const text = { stdout: '', stderr: '', both: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk
      text.both += chunk
    })
  }
  let ended = false
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (code, signal) => {
      ended = true
      resolve({ code, signal })
    })
  })
  const spawned: SpawnedMillrace = {
    pid,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    output: () => text.both,
    exited,
    async waitForOutput(pattern, { timeoutMs = 20_000 } = {}) {
      const name = `millrace ${args.join(' ')}`
      const found = await waitFor(() => text.both.match(pattern) ?? (ended ? 'ended' : null), {
        what: `${String(pattern)} in the output of ${name}`,
        timeoutMs,
      }).catch((error: unknown) => Promise.reject(new Error(`${String(error)}\n${text.both}`, { cause: error })))
      if (found === 'ended') throw new Error(`${name} ended without printing ${String(pattern)}:\n${text.both}`)
      return found
    },
    kill: (signal = 'SIGTERM') => void child.kill(signal),
    async stop({ patienceMs = 5000 } = {}) {
      if (!ended) {
        child.kill('SIGTERM')
        const timer = setTimeout(() => killGroup(pid), patienceMs)
        await exited
        clearTimeout(timer)
      }
      killGroup(pid)
    },
  }
  atFileEnd(() => spawned.stop())
  return spawned
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
