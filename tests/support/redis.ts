import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'
import { installDebianPackage } from './debian-package.ts'
import { freePort } from './free-port.ts'
import { waitFor } from './wait-for.ts'

export interface RedisServer {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** SIGTERM, or the signal given; resolves when the process is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** The path of a Redis server program, if there is one. */
export function findRedisServer(): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of ['redis-server', 'valkey-server']) if (folder !== '' && existsSync(join(folder, name))) return join(folder, name)
  }
  return null
}

/** The sentence for those who run without Redis; null when Redis is there, after installing it where that is allowed. */
export function prepareRedis(): string | null {
  if (process.env['REDIS_URL'] || withoutRedis() || findRedisServer() !== null) return null
  if (installDebianPackage('redis-server', 'the tests that run on both queue backends') && findRedisServer() !== null) return null
  return 'No Redis: the tests on the Redis backend are skipped. Install redis-server or valkey-server, or set REDIS_URL, to run them.'
}

/** Whether `MILLRACE_TEST_BACKENDS` leaves the Redis half out on purpose. */
export function withoutRedis(): boolean {
  const chosen = process.env['MILLRACE_TEST_BACKENDS'] ?? ''
  return chosen !== '' && !chosen.split(',').includes('redis')
}

/** A Redis server of one's own, with nothing kept on disk. `port` starts it again where it was. */
export async function startRedisServer(folder: string, port?: number): Promise<RedisServer> {
  const program = findRedisServer()
  if (program === null) throw new Error('No redis-server or valkey-server on the PATH')
  await mkdir(folder, { recursive: true })
  const chosen = port ?? (await freePort())
  const settings = ['--port', String(chosen), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction']
  const child = spawn(program, settings, { cwd: folder, stdio: 'ignore', detached: true })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.unref()
  const { pid } = child
  if (pid === undefined) throw new Error(`${program} could not be started`)
  await writeFile(join(folder, 'redis.pid'), String(pid))
  await waitFor(() => answersPing(chosen), { what: `redis-server on port ${chosen} to answer`, timeoutMs: 10_000 })
  return {
    url: `redis://127.0.0.1:${chosen}`,
    port: chosen,
    pid,
    stop: async (signal = 'SIGTERM') => {
      child.ref() // or this process may end before the other has
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      await exited
    },
  }
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.once('data', (data) => {
      socket.destroy()
      resolve(data.toString().startsWith('+PONG'))
    })
    socket.once('error', () => resolve(false))
  })
}
