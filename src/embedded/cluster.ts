import { spawn } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { chown, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serverEnvironment, type ServerFolder } from './postgres-server.ts'
import { asUser } from './server-user.ts'
import { startFailed } from './start-errors.ts'

/** Makes the cluster beside its place and moves it there when it is whole, so that a start that was cut short leaves nothing half made. */
export async function createCluster(server: ServerFolder, password: string | null): Promise<void> {
  const fresh = `${server.data}.new`
  await rm(fresh, { recursive: true, force: true })
  await mkdir(fresh, { mode: 0o700 })
  if (server.user !== null) await chown(fresh, server.user.uid, server.user.gid)
  // Not below the folder: the server's user may not be able to walk there.
  const secrets = await mkdtemp(join(tmpdir(), 'millrace-initdb-'))
  try {
    const args = ['-D', server.dataArgument ?? fresh, '-U', 'postgres', '-E', 'UTF8', '--no-locale', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
    args.push('--no-sync', '--no-instructions') // syncing takes 4 s; see syncCluster
    if (password === null) args.push('-A', 'trust')
    else {
      const path = join(secrets, 'password')
      await writeFile(path, password, { mode: 0o600 })
      if (server.user !== null) for (const owned of [secrets, path]) await chown(owned, server.user.uid, server.user.gid)
      args.push('-A', 'scram-sha-256', '--pwfile', path)
    }
    await run(server, fresh, args)
    await writeFile(unsyncedMark(server), '')
    await rename(fresh, server.data)
  } finally {
    await rm(secrets, { recursive: true, force: true })
    await rm(fresh, { recursive: true, force: true })
  }
}

/**
 * Brings a new cluster's files to the disk while the server already works. Until it is done a mark stands in the folder,
 * and the next start begins it again. What is committed meanwhile is safe once both are done; the server syncs its own writes.
 */
export function syncCluster(server: ServerFolder): { stop(): void } {
  const mark = unsyncedMark(server)
  if (!existsSync(mark)) return { stop: () => undefined }
  const child = spawn(server.binaries.initdb, ['--sync-only', '-D', server.dataArgument ?? server.data], {
    cwd: server.data,
    env: serverEnvironment(),
    stdio: 'ignore',
    ...asUser(server.user),
  })
  child.unref()
  child.once('error', () => undefined) // the mark stays, and the next start tries again
  child.once('exit', (code) => code === 0 && rmSync(mark, { force: true }))
  return { stop: () => void child.kill('SIGTERM') }
}

function unsyncedMark(server: ServerFolder): string {
  return join(server.folder, 'postgres.unsynced')
}

async function run(server: ServerFolder, cwd: string, args: readonly string[]): Promise<void> {
  const child = spawn(server.binaries.initdb, args, { cwd, env: serverEnvironment(), stdio: ['ignore', 'pipe', 'pipe'], ...asUser(server.user) })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw startFailed('The database cluster could not be created', output)
}
