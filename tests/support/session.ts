import { existsSync, readFileSync } from 'node:fs'
import { chmod, glob, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive, servesFolder } from '../../src/embedded/process-identity.ts'

const PREFIX = 'millrace-tests-'

/** A folder for one test run. What a run that was killed left behind, servers included, goes first. */
export async function createSessionFolder(): Promise<{ folder: string; remove(): Promise<void> }> {
  for (const name of await readdir(tmpdir())) {
    const owner = Number(name.startsWith(PREFIX) ? name.slice(PREFIX.length) : 0)
    const path = join(tmpdir(), name)
    if (owner > 0 && !isAlive(owner) && (await stat(path)).uid === process.getuid?.()) await removeFolder(path)
  }
  const folder = join(tmpdir(), `${PREFIX}${process.pid}`)
  await mkdir(folder, { recursive: true })
  await chmod(folder, 0o755)
  return { folder, remove: () => removeFolder(folder) }
}

/** Removes a folder and ends the servers that still work in it. */
export async function removeFolder(folder: string): Promise<void> {
  if (!existsSync(folder)) return
  for await (const path of glob('**/{postmaster,redis}.pid', { cwd: folder })) {
    const pid = Number(readFileSync(join(folder, path), 'utf8').split('\n')[0])
    const home = join(folder, path, '..')
    if (pid > 0 && servesFolder(pid, home)) process.kill(pid, 'SIGKILL')
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
}
