import { spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { PostgresBinaries, ServerUser } from './postgres-binaries.ts'
import { isAlive, servesFolder } from './process-identity.ts'
import { asUser } from './server-user.ts'
import { portTaken, startFailed } from './start-errors.ts'

export interface ServerFolder {
  readonly folder: string
  readonly data: string
  /** Whom to run as, if not as ourselves. */
  readonly user: ServerUser | null
  readonly binaries: PostgresBinaries
  /** What to call the data folder, if not by its name. */
  readonly dataArgument: string | null
}

export interface RunningServer {
  readonly pid: number
  readonly port: number
  readonly ready: boolean
}

type Port = { readonly required: number } | { readonly preferred: number | null }
type Settings = Readonly<Record<string, string>>

/** Recovery after a crash reads up to a GiB of WAL (max_wal_size): seconds, on a slow disk a minute. */
const START_TIMEOUT_MS = 300_000
/** Children of a killed server hold its shared memory until they notice. */
const PREDECESSOR_TIMEOUT_MS = 10_000
const LOG_LIMIT_BYTES = 10 * 1024 * 1024

/** Starts the server and waits until it takes connections. It is no part of our process group: Ctrl-C is for us to handle. */
export async function startServer(server: ServerFolder, settings: Settings, choice: Port, log: (message: string) => void): Promise<RunningServer> {
  const begun = Date.now()
  for (;;) {
    const port = 'required' in choice ? choice.required : await freePort(choice.preferred)
    const { pid, output } = await tryStart(server, settings, port, log)
    if (pid !== null) return { pid, port, ready: true }
    if (output.includes('Address already in use')) {
      if ('required' in choice) throw portTaken(port)
    } else if (!/pre-existing shared memory block|lock file "postmaster.pid" already exists/.test(output)) {
      throw startFailed('The database server did not start', output)
    }
    if (Date.now() - begun > PREDECESSOR_TIMEOUT_MS) throw startFailed('The database server did not start', output)
    await delay(50)
  }
}

/** Ends a server: connections are cut and the data is written out; if that takes too long, at once (the next start recovers). */
export async function stopServer(pid: number): Promise<void> {
  const steps = [
    ['SIGINT', 2000],
    ['SIGQUIT', 800],
    ['SIGKILL', 5000],
  ] as const
  for (const [signal, patienceMs] of steps) {
    const deadline = Date.now() + patienceMs
    if (!isAlive(pid)) return
    process.kill(pid, signal)
    while (Date.now() < deadline) {
      if (!isAlive(pid)) return
      await delay(10)
    }
  }
}

/** The server that works in a data folder, if it lives. */
export function readPidFile(data: string): RunningServer | null {
  const lines = readLines(join(data, 'postmaster.pid'))
  const [pid, port] = [Number(lines[0]), Number(lines[3])]
  return pid > 0 && port > 0 && servesFolder(pid, data) ? { pid, port, ready: lines[7]?.trim() === 'ready' } : null
}

/** After a crash the file may name a process that is another program's by now, for which Postgres would refuse to start. */
export function clearStalePidFile(data: string): void {
  const pid = Number(readLines(join(data, 'postmaster.pid'))[0])
  if (pid > 0 && isAlive(pid) && !servesFolder(pid, data)) rmSync(join(data, 'postmaster.pid'), { force: true })
}

/** Whether the running server was started by the command that we would use. */
export function sameOptions(server: ServerFolder, settings: Settings, port: number): boolean {
  const expected = [server.binaries.postgres, ...serverArguments(server, settings, port).map((argument) => `"${argument}"`)].join(' ')
  return readLines(join(server.data, 'postmaster.opts'))[0] === expected
}

/** The port of the last start, so that a saved address stays good. */
export function lastPort(data: string): number | null {
  const port = Number(/"-p" "(\d+)"/.exec(readLines(join(data, 'postmaster.opts'))[0] ?? '')?.[1])
  return port > 0 ? port : null
}

/** Nothing of ours: a PGDATA or PGPORT of the user's shell is not meant for this server. */
export function serverEnvironment(): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' }
}

function serverArguments(server: ServerFolder, settings: Settings, port: number): string[] {
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings }
  const named = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return ['-D', server.dataArgument ?? server.data, ...named, '-p', String(port)]
}

async function tryStart(server: ServerFolder, settings: Settings, port: number, log: (message: string) => void) {
  const logFile = join(server.folder, 'postgres.log')
  const descriptor = openLog(logFile)
  const from = fstatSync(descriptor).size
  const child = spawn(server.binaries.postgres, serverArguments(server, settings, port), {
    cwd: server.data,
    env: serverEnvironment(),
    stdio: ['ignore', descriptor, descriptor],
    detached: true,
    ...asUser(server.user),
  })
  closeSync(descriptor)
  child.unref()
  let failure: Error | null = null
  child.once('error', (error) => (failure = error))
  const output = () => readFileSync(logFile).subarray(from).toString('utf8')
  const begun = Date.now()
  let told = false
  while (child.pid !== undefined && isAlive(child.pid)) {
    const running = readPidFile(server.data)
    if (running?.pid === child.pid && running.ready) return { pid: child.pid, output: '' }
    const elapsed = Date.now() - begun
    if (elapsed > START_TIMEOUT_MS) {
      await stopServer(child.pid)
      throw startFailed(`The database server was not ready after ${START_TIMEOUT_MS / 1000} s`, output())
    }
    if (elapsed > 3000 && !told) {
      told = true
      log('The database server is still starting; after a crash it recovers first')
    }
    await delay(10)
  }
  await delay(0) // lets the error of a failed spawn arrive
  if (failure !== null) throw failure
  return { pid: null, output: output() }
}

function openLog(path: string): number {
  try {
    if (statSync(path).size > LOG_LIMIT_BYTES) truncateSync(path)
  } catch {
    // the first start: there is none yet
  }
  return openSync(path, 'a', 0o600)
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch {
    return []
  }
}

async function freePort(preferred: number | null): Promise<number> {
  if (preferred !== null && (await canListen(preferred)) !== null) return preferred
  const port = await canListen(0)
  if (port === null) throw startFailed('The database server did not start', 'no port of 127.0.0.1 is free')
  return port
}

function canListen(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(null))
    probe.listen(port, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(address !== null && typeof address === 'object' ? address.port : null))
    })
  })
}
