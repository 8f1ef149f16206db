import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, realpath, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '../errors.ts'
import { createCluster, syncCluster } from './cluster.ts'
import { lockFolder } from './folder-lock.ts'
import { findPostgresBinaries } from './postgres-binaries.ts'
import { clearStalePidFile, lastPort, readPidFile, sameOptions, startServer, stopServer, type ServerFolder } from './postgres-server.ts'
import { diskFull, folderDenied, isDiskFull, isForbidden } from './start-errors.ts'
import { dataArgument, serverUser } from './server-user.ts'

export interface EmbeddedPostgresOptions {
  /** Everything of this server goes below it, and goes with it. Made if missing. */
  readonly folder: string
  /** Default: the port of the last start if it is free, else any free one. */
  readonly port?: number
  /** Of the user `postgres`; used when the cluster is created and kept in the folder. Default: a random one when durable, else none is asked for. */
  readonly password?: string
  /** Whether commits outlive a crash of the machine. Without, for tests: fsync off. */
  readonly durable: boolean
  /** Told what takes time or is worth knowing. The server's own messages are in `postgres.log` in the folder. */
  readonly log?: (message: string) => void
  /** More server settings, by name. */
  readonly settings?: Readonly<Record<string, string>>
}

export interface EmbeddedPostgres {
  /** `postgres://postgres:…@127.0.0.1:port/postgres` */
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Stops the server, within 3 s, and frees the folder. */
  close(): Promise<void>
}

/** Room for a new cluster and its first WAL segments, in bytes. */
const SPACE_NEEDED = 256 * 1024 * 1024

const TEST_SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', autovacuum: 'off' }

/**
 * Starts a Postgres server of its own in a folder, on the loopback interface; creates the cluster the first time.
 * A server that a killed parent left behind is taken over, or restarted if it runs with other settings.
 * @throws ConfigError `ALREADY_RUNNING`, `DATA_FOLDER_VERSION`, `DISK_FULL`, `FOLDER_DENIED`, `PORT_TAKEN`, `POSTGRES_UNAVAILABLE`, `POSTGRES_START`
 */
export async function createEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    await mkdir(options.folder, { recursive: true, mode: 0o755 })
    const folder = await realpath(options.folder)
    const lock = lockFolder(folder)
    try {
      return await open(folder, options, lock.release)
    } catch (error) {
      lock.release()
      throw error
    }
  } catch (error) {
    if (isDiskFull(error)) throw diskFull(options.folder, error)
    throw isForbidden(error) ? folderDenied(options.folder, error) : error
  }
}

/** The address of the server that runs in a folder, whoever started it; null if none does. */
export async function embeddedPostgresUrl(folder: string): Promise<string | null> {
  if (!existsSync(folder)) return null
  const root = await realpath(folder)
  const running = readPidFile(join(root, 'postgres'))
  return running === null ? null : address(running.port, await storedPassword(root))
}

async function open(folder: string, options: EmbeddedPostgresOptions, release: () => void): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => undefined)
  const data = join(folder, 'postgres')
  const user = await serverUser(data)
  const binaries = await findPostgresBinaries(user)
  const server: ServerFolder = { folder, data, user, binaries, dataArgument: await dataArgument(user, folder) }
  if (existsSync(data)) await checkVersion(data, binaries.majorVersion)
  else {
    await checkSpace(folder)
    log('Creating the database (once)')
    await createCluster(server, await passwordFor(folder, options))
  }
  const settings = { jit: 'off', max_connections: '200', log_checkpoints: 'off', ...(options.durable ? {} : TEST_SETTINGS), ...options.settings }
  const { pid, port } = await adoptOrStart(server, settings, options.port, log)
  const sync = options.durable ? syncCluster(server) : null
  let closing: Promise<void> | null = null
  const close = async () => {
    sync?.stop()
    await stopServer(pid)
    release()
  }
  return {
    url: address(port, await storedPassword(folder)),
    port,
    pid,
    close: () => (closing ??= close()),
  }
}

async function adoptOrStart(server: ServerFolder, settings: Readonly<Record<string, string>>, port: number | undefined, log: (message: string) => void) {
  const running = readPidFile(server.data)
  if (running !== null) {
    if (running.ready && (port === undefined || port === running.port) && sameOptions(server, settings, running.port)) {
      log(`Taking over the database server that an earlier start left running (process ${running.pid})`)
      return running
    }
    log(`Stopping the database server that an earlier start left running (process ${running.pid})`)
    await stopServer(running.pid)
  }
  clearStalePidFile(server.data)
  return startServer(server, settings, port === undefined ? { preferred: lastPort(server.data) } : { required: port }, log)
}

async function checkVersion(data: string, expected: string): Promise<void> {
  const found = existsSync(join(data, 'PG_VERSION')) ? (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim() : 'an unknown version'
  if (found === expected) return
  throw new ConfigError(`The data in ${data} is of PostgreSQL ${found}; this Millrace brings PostgreSQL ${expected}, which cannot read it.`, {
    code: 'DATA_FOLDER_VERSION',
    hint: 'Dump it with the version of Millrace that wrote it and load the dump into a new folder, or remove the folder to begin with no data.',
  })
}

async function checkSpace(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize < SPACE_NEEDED) throw diskFull(folder, null)
}

async function passwordFor(folder: string, options: EmbeddedPostgresOptions): Promise<string | null> {
  const password = options.password ?? (options.durable ? ((await storedPassword(folder)) ?? randomBytes(18).toString('base64url')) : null)
  if (password !== null) await writeFile(passwordFile(folder), password, { mode: 0o600 })
  return password
}

async function storedPassword(folder: string): Promise<string | null> {
  return existsSync(passwordFile(folder)) ? readFile(passwordFile(folder), 'utf8') : null
}

function passwordFile(folder: string): string {
  return join(folder, 'postgres.password')
}

function address(port: number, password: string | null): string {
  return `postgres://postgres${password === null ? '' : `:${encodeURIComponent(password)}`}@127.0.0.1:${port}/postgres`
}
