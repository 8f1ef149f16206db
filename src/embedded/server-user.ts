import { chown, readdir, stat } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { canReach, type ServerUser } from './postgres-binaries.ts'

/** `nobody` and `nogroup`, by the numbers they have on every Linux. */
const NOBODY: ServerUser = { uid: 65534, gid: 65534 }

/** The user to drop to, or null where this process may run the server itself. As root: whoever owns the data already, else `nobody`. */
export async function serverUser(data: string): Promise<ServerUser | null> {
  if (process.getuid?.() !== 0) return null
  if (!existsSync(data)) return NOBODY
  const { uid, gid } = await stat(data)
  if (uid !== 0) return { uid, gid }
  await giveTo(NOBODY, data) // copied or restored by root
  return NOBODY
}

/**
 * How the server is told its data folder. It always starts inside; where its user could not walk there by name
 * (a checkout below /root), it keeps to the folder it stands in, by a link that needs no way.
 */
export async function dataArgument(user: ServerUser | null, folder: string): Promise<string | null> {
  return user === null || (await canReach(user, folder)) ? null : '/proc/self/cwd'
}

/** What a child process needs to run as that user. */
export function asUser(user: ServerUser | null): { uid?: number; gid?: number } {
  return user === null ? {} : { uid: user.uid, gid: user.gid }
}

async function giveTo(user: ServerUser, folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) await chown(join(entry.parentPath, entry.name), user.uid, user.gid)
  }
  await chown(folder, user.uid, user.gid)
}
