import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import type { Logger } from '../logger.ts'

const bin = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url))

/** What a worker says when it works its queues. */
const Ready = z.object({ kind: z.literal('ready'), notices: z.array(z.string()), broken: z.array(z.string()) })
export type Ready = z.infer<typeof Ready>

/** What the next worker is sent when it is to begin. */
export const begin = 'begin'

/** The worker of `millrace dev`: a process of its own, so that a broken pipeline takes nothing else down and new definitions mean a new process. */
export interface WorkerProcess {
  /** Resolves with the worker's notices when it works its queues; rejects when it ended before. */
  readonly ready: Promise<readonly string[]>
  /**
   * Starts a fresh one, and stops the old one when the new one is ready. Where some of its definitions do not load, the last one whose all did goes on beside it:
   * what they said before stays in force, and somebody must do that.
   */
  reload(): void
  stop(): Promise<void>
}

export interface WorkerProcessOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly logger: Logger
  /** How long a stopped worker may take before it is killed, in ms. */
  readonly stopMs: number
  /** Keeps the next one started up to where it would read the definitions, so that a reload need not wait for that. */
  readonly spare: boolean
  /** A worker that was asked for by `reload` works its queues. */
  readonly onReload?: (ready: Ready) => void
}

/** Starts a worker process and keeps one running: one that dies is replaced. */
export function startWorkerProcess({ env, logger, stopMs, spare: keepsSpare, onReload }: WorkerProcessOptions): WorkerProcess {
  let stopping = false
  let current: ChildProcess | undefined
  /** Those whose definitions all loaded. */
  const whole = new Set<ChildProcess>()
  let spare: ChildProcess | undefined
  const living = new Set<ChildProcess>()
  let reportReady: (notices: readonly string[]) => void = () => undefined
  let reportEarlyEnd: (error: Error) => void = () => undefined
  const ready = new Promise<readonly string[]>((resolve, reject) => {
    reportReady = resolve
    reportEarlyEnd = reject
  })
  ready.catch(() => undefined)

  const spawnWorker = (waits: boolean): ChildProcess => {
    const child = spawn(process.execPath, [...process.execArgv, bin, 'worker', ...(waits ? ['--wait'] : [])], {
      env,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    living.add(child)
    child.on('error', (error) => logger.error({ err: error }, 'the worker could not be started'))
    child.on('exit', () => {
      living.delete(child)
      if (spare === child) spare = undefined
      whole.delete(child)
    })
    return child
  }

  const takeOver = (child: ChildProcess, { broken }: Ready): void => {
    if (broken.length === 0) whole.add(child)
    const last = broken.length === 0 ? child : [...living].findLast((one) => whole.has(one))
    for (const one of living) if (one !== child && one !== spare && one !== last) one.kill('SIGTERM')
    if (keepsSpare && !stopping) spare ??= spawnWorker(true)
  }

  const start = (isReload: boolean): ChildProcess => {
    const child = spare ?? spawnWorker(false)
    if (child === spare) {
      spare = undefined
      child.send(begin)
    }
    const startedAt = performance.now()
    child.on('message', (message: unknown) => {
      const said = Ready.safeParse(message).data
      if (said === undefined) return
      reportReady(said.notices)
      // One that was overtaken by a later reload is ended by that one.
      if (child !== current) return
      takeOver(child, said)
      if (isReload) onReload?.(said)
    })
    child.on('exit', (code, signal) => {
      if (stopping || child !== current) return
      reportEarlyEnd(new Error(`the worker ended (${signal ?? String(code)})`))
      // One that ends at once would end at once again: give whoever edits a file the time to save it.
      const pause = performance.now() - startedAt < 3000 ? 2000 : 0
      logger.error({ code, signal }, 'the worker ended; starting another')
      setTimeout(() => {
        if (!stopping && child === current) current = start(isReload)
      }, pause).unref()
    })
    return child
  }
  current = start(false)
  return {
    ready,
    reload() {
      if (!stopping) current = start(true)
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
