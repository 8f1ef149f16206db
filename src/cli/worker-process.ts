import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Logger } from '../logger.ts'

const bin = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url))

/** The worker of `millrace dev`: a process of its own, so that a broken pipeline takes nothing else down and new definitions mean a new process. */
export interface WorkerProcess {
  /** Resolves with the worker's notices when it works its queues; rejects when it ended before. */
  readonly ready: Promise<readonly string[]>
  /** Starts a fresh one, and stops the old one when the new one is ready. */
  reload(): void
  stop(): Promise<void>
}

export interface WorkerProcessOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly logger: Logger
  /** How long a stopped worker may take before it is killed, in ms. */
  readonly stopMs: number
}

/** Starts a worker process and keeps one running: one that dies is replaced. */
export function startWorkerProcess({ env, logger, stopMs }: WorkerProcessOptions): WorkerProcess {
  let stopping = false
  let current: ChildProcess | undefined
  const living = new Set<ChildProcess>()
  let reportReady: (notices: readonly string[]) => void = () => undefined
  let reportEarlyEnd: (error: Error) => void = () => undefined
  const ready = new Promise<readonly string[]>((resolve, reject) => {
    reportReady = resolve
    reportEarlyEnd = reject
  })
  ready.catch(() => undefined)

  const start = (replaced?: ChildProcess): ChildProcess => {
    const child = spawn(process.execPath, [...process.execArgv, bin, 'worker'], { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const startedAt = performance.now()
    living.add(child)
    child.on('message', (message: unknown) => {
      if (typeof message !== 'object' || message === null || !('kind' in message) || message.kind !== 'ready') return
      reportReady('notices' in message && Array.isArray(message.notices) ? message.notices.map(String) : [])
      replaced?.kill('SIGTERM')
    })
    child.on('error', (error) => logger.error({ err: error }, 'the worker could not be started'))
    child.on('exit', (code, signal) => {
      living.delete(child)
      if (stopping || child !== current) return
      reportEarlyEnd(new Error(`the worker ended (${signal ?? String(code)})`))
      // One that ends at once would end at once again: give whoever edits a file the time to save it.
      const pause = performance.now() - startedAt < 3000 ? 2000 : 0
      logger.error({ code, signal }, 'the worker ended; starting another')
      setTimeout(() => {
        if (!stopping && child === current) current = start()
      }, pause).unref()
    })
    return child
  }
  current = start()
  return {
    ready,
    reload() {
      if (!stopping) current = start(current)
    },
    async stop() {
      stopping = true
      await Promise.all([...living].map((child) => endChild(child, stopMs)))
    },
  }
}

async function endChild(child: ChildProcess, stopMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
  })
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMs)
  await ended
  clearTimeout(timer)
}
