import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Logger } from '../logger.ts'
import { Ready } from './worker-orders.ts'
import type { Order } from './worker-orders.ts'

const bin = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url))

/** Workers of older definitions that may finish what they have in hand at once: each holds some 100 MiB. */
const mostRetired = 3

/** The worker of `millrace dev`: a process of its own, so that a broken pipeline takes nothing else down and new definitions mean a new process. */
export interface WorkerProcess {
  /** Resolves with the worker's notices when it works its queues; rejects when it ended before. */
  readonly ready: Promise<readonly string[]>
  /**
   * Starts a fresh one, and retires the old one when the new one is ready: it finishes the runs that it has begun, and ends. Where some of the new one's
   * definitions do not load, the last one whose all did goes on beside it: what they said before stays in force, and somebody must do that.
   */
  reload(): void
  stop(): Promise<void>
}

export interface WorkerProcessOptions {
  /** The environment of the next one. */
  readonly env: () => Record<string, string>
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
  /** Those that finish what they have in hand, the oldest first. */
  const retired = new Set<ChildProcess>()
  const ready = Promise.withResolvers<readonly string[]>()
  ready.promise.catch(() => undefined)

  const spawnWorker = (): ChildProcess => {
    const child = spawn(process.execPath, [...process.execArgv, bin, 'worker', '--wait'], { env: env(), stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    living.add(child)
    child.on('error', (error) => logger.error({ err: error }, 'the worker could not be started'))
    child.on('exit', () => {
      for (const set of [living, whole, retired]) set.delete(child)
      if (spare === child) spare = undefined
    })
    return child
  }

  const retire = (child: ChildProcess): void => {
    if (retired.has(child)) return
    retired.add(child)
    whole.delete(child)
    tell(child, { kind: 'retire' })
    const [oldest, ...others] = [...retired].filter((one) => !one.killed)
    if (oldest === undefined || others.length < mostRetired) return
    logger.warn({ kept: mostRetired }, 'too many workers of older definitions have work in hand; the oldest gives back what it has, which begins again')
    oldest.kill('SIGTERM')
  }

  const takeOver = (child: ChildProcess, { broken }: Ready): void => {
    if (broken.length === 0) whole.add(child)
    const last = broken.length === 0 ? child : [...living].findLast((one) => whole.has(one))
    for (const one of living) if (one !== child && one !== spare && one !== last) retire(one)
    if (keepsSpare && !stopping) spare ??= spawnWorker()
  }

  const start = (isReload: boolean): ChildProcess => {
    const child = spare ?? spawnWorker()
    spare = undefined
    tell(child, { kind: 'begin', env: env() })
    const startedAt = performance.now()
    child.on('message', (message: unknown) => {
      const said = Ready.safeParse(message).data
      if (said === undefined) return
      ready.resolve(said.notices)
      // One that was overtaken by a later reload is retired by that one.
      if (child !== current) return
      takeOver(child, said)
      if (isReload) onReload?.(said)
    })
    child.on('exit', (code, signal) => {
      if (stopping || child !== current) return
      ready.reject(new Error(`the worker ended (${signal ?? String(code)})`))
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
    ready: ready.promise,
    reload() {
      if (!stopping) current = start(true)
    },
    async stop() {
      stopping = true
      await Promise.all([...living].map((child) => endChild(child, stopMs)))
    },
  }
}

/** One that is gone already hears nothing, and its exit is told. */
function tell(child: ChildProcess, order: Order): void {
  if (child.connected) child.send(order, () => undefined)
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
